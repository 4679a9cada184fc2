"""Whether a worker that starts can run the model at all."""

from django.conf import settings


def require_device() -> None:
    """Raise ImproperlyConfigured where this machine lacks the device that the settings name.

    ``auto`` and ``cpu`` are always there, and torch is then left for the first job to load.
    """
    if settings.INFERENCE_DEVICE not in ("auto", "cpu"):
        from inference.device import device

        device()
