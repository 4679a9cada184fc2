from django.conf import settings


def demo(_request) -> dict[str, bool]:
    """Tell every page whether it must say that this is a demo."""
    return {"demo_mode": settings.DEMO}
