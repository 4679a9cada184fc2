from django.apps import AppConfig


class ExchangeConfig(AppConfig):
    name = "readerstudy.exchange"
    label = "handover"

    def ready(self):
        from readerstudy.audit.evidence import exclude_from_evidence

        exclude_from_evidence(
            handover_ImportedStudy="the records that came with imported studies",
            handover_StudyExport="exported bundles",
        )
