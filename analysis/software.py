"""Which code computes: what a run must name so that it can be repeated."""

import platform
import subprocess
import tomllib
from functools import cache
from importlib.metadata import version

from django.conf import settings

LIBRARIES = ("numpy", "scipy", "statsmodels", "django")


@cache
def code_version() -> str:
    """The commit of the working tree, "+changed" if files differ from it.

    Without a repository or Git, the version of the package.
    """
    commit = _git("rev-parse", "HEAD")
    if commit is None:
        with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
            return tomllib.load(file)["project"]["version"]
    return commit + ("+changed" if _git("status", "--porcelain", "--untracked-files=no") else "")


@cache
def libraries() -> dict[str, str]:
    """Versions of Python and of the libraries that numbers come from."""
    return {"python": platform.python_version()} | {name: version(name) for name in LIBRARIES}


def _git(*arguments: str) -> str | None:
    """What Git says of the site's own folder, or None where it can't."""
    if not (settings.BASE_DIR / ".git").exists():
        return None  # a folder around it may be somebody else's repository
    try:
        done = subprocess.run(  # noqa: S603 (our own arguments)
            ["git", "-C", str(settings.BASE_DIR), *arguments],  # noqa: S607
            capture_output=True, check=False, text=True, timeout=10,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
