from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self):
        from analysis import copied, requirements  # noqa: F401 (they register what they add)
