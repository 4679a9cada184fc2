from django.apps import AppConfig


class CohortsConfig(AppConfig):
    name = "readerstudy.cohorts"
    label = "cohorts"

    def ready(self):
        from readerstudy.cohorts import members  # noqa: F401 (says who needs a second factor)
