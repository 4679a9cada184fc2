from django.apps import AppConfig


class CohortsConfig(AppConfig):
    name = "readerstudy.cohorts"
    label = "cohorts"

    def ready(self):
        """Register the admin pages that have a module of their own."""
        from readerstudy.cohorts.screening import admin  # noqa: F401
