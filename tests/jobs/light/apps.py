from django.apps import AppConfig


class LightConfig(AppConfig):
    name = "tests.jobs.light"
    label = "light"

    def ready(self):
        from tests.jobs.light import kind  # noqa: F401 (it registers itself)
