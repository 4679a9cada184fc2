from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self):
        from analysis import lifecycle_checks, plan_copying, witnessed_rows  # noqa: F401 (they register things)
