"""Which code runs: what a monitor is told, and what a run must name so that it can be repeated."""

import subprocess
import tomllib
from functools import cache

from django.conf import settings

REVISION = "REVISION"
"""A file beside ``manage.py`` that names the commit where there is no repository: in an image."""


@cache
def code_version() -> str:
    """The commit of the working tree, "+changed" if files differ from it.

    Without a repository or Git, what `REVISION` says; without that, the version of the package.
    """
    commit = _git("rev-parse", "HEAD")
    if commit is not None:
        changed = _git("status", "--porcelain", "--untracked-files=no")
        return commit + ("+changed" if changed else "")
    stated = settings.BASE_DIR / REVISION
    if stated.is_file() and (revision := stated.read_text().strip()):
        return revision
    with (settings.BASE_DIR / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)["project"]["version"]


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
