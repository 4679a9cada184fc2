from django.apps import AppConfig


class InferenceConfig(AppConfig):
    name = "inference"

    def ready(self):
        from inference import queue, weights_uploads, witnessed_rows  # noqa: F401 (they register things)
