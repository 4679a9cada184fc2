from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self):
        from inference import witnessed_rows  # noqa: F401 (it registers what is witnessed)
