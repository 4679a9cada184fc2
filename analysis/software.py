"""Versions of what numbers come from, which a run must name so that it can be repeated."""

import platform
from functools import cache
from importlib.metadata import version

LIBRARIES = ("numpy", "scipy", "statsmodels", "django")


@cache
def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers come from."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}
