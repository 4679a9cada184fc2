from django.apps import AppConfig


class AnalysisConfig(AppConfig):
    name = "analysis"

    def ready(self):
        from analysis import (  # noqa: F401 (they register things)
            file_set_queue,
            lifecycle_checks,
            plan_copying,
            run_queue,
            witnessed_rows,
        )
