from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "readerstudy.exchange"
    label = "handover"

    def ready(self):
        from readerstudy.audit.row_digests import exclude_from_evidence
        from readerstudy.exchange.bundles import export_queue  # noqa: F401 (it registers a kind)

        exclude_from_evidence(
            handover_ImportedStudy="the records that came with imported studies",
            handover_StudyExport="exported bundles",
        )
