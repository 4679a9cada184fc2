"""What the site writes is for its own user alone: folders 0700, files 0600, whatever the umask was.

The settings call this, and every process of the site begins with them.
"""

import errno
import os
import pwd
import stat
from pathlib import Path
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from dotenv import dotenv_values

OTHERS = 0o077
SECRETS = (
    "SECRET_KEY",
    "READERSTUDY_AUDIT_KEYS",
    "DATABASE_URL",
    "CELERY_BROKER_URL",
    "READERSTUDY_CACHE_URL",
    "EMAIL_HOST_PASSWORD",
)
"""Variables that hold a secret, or may: of an address, its password."""


def new_files_are_private() -> None:
    """From now on, whatever this process and its children make is closed to others."""
    os.umask(OTHERS)


def private_folder(path: Path, *, keys: tuple[str, ...], code: Path) -> None:
    """Make the site's folder, or close what is there to others.

    Raises ImproperlyConfigured, above all for one of its keys that was open to others.
    """
    for key in filter(Path.exists, (path / name for name in keys)):
        require_private(key, what="A key of the site")
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if code.resolve().is_relative_to(path.resolve()) or path.stat().st_mode & stat.S_ISVTX:
            raise ImproperlyConfigured(
                f"READERSTUDY_VAR: {path} holds files that do not belong to the site. Name a "
                "folder for the site alone; it is created if it does not exist."
            )
        _close_below(path)
        if not os.access(path, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise ImproperlyConfigured(
            f"READERSTUDY_VAR: {path} can't be used: {error.strerror}. Name a folder that "
            f"{_user(os.geteuid())} can write to, on a disk that supports file permissions."
        ) from error


def require_private(path: Path, *, what: str) -> None:
    """Raise ImproperlyConfigured for a secret that others can read, or that is somebody else's."""
    try:
        status = path.stat()
        path.read_text()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not a text file"
        raise ImproperlyConfigured(f"{what}: {path} can't be read: {reason}.") from error
    user = _user(os.geteuid())
    if status.st_uid != os.geteuid():
        raise ImproperlyConfigured(
            f"{what}: {path} belongs to {_user(status.st_uid)}, and the site runs as {user}. "
            f"Run: chown {user} {path}"
        )
    if status.st_mode & OTHERS:
        raise ImproperlyConfigured(
            f"{what}: other users of this machine have access to {path}. Run: chmod 600 {path} "
            "(and replace the secret if someone may have read it)"
        )


def require_private_env(path: Path) -> None:
    """Raise ImproperlyConfigured for a ``.env`` with secrets that others can get at."""
    try:
        values = dotenv_values(path, interpolate=False) if path.is_file() else {}
    except (OSError, ValueError):  # it is said below what is wrong
        values = {"SECRET_KEY": "?"}
    if any(_is_secret(name, values.get(name) or "") for name in SECRETS):
        require_private(path, what="The file with the site's secrets")


def require_private_files() -> None:
    """Raise ImproperlyConfigured for a secret in a file (``*_FILE``) that others can get at."""
    for name in SECRETS:
        if path := os.environ.get(f"{name}_FILE"):
            require_private(Path(path), what=f"{name}_FILE")


def _is_secret(name: str, value: str) -> bool:
    return bool(urlsplit(value).password if name.endswith("_URL") else value)


def _close_below(top: Path) -> None:
    """Take from others what they may do with a folder and with all in it that is ours.

    No link is followed. A folder is closed before what is in it, so that nobody puts a link there
    meanwhile. Behind a folder that is closed already nothing can be reached: no start but the first
    looks at each of a hundred thousand images.
    """
    if not top.stat().st_mode & OTHERS:
        return
    _close(top, None)
    for _path, folders, files, at in os.fwalk(top):
        for name in (*folders, *files):
            _close(name, at)


def _close(name: Path | str, at: int | None) -> None:
    try:
        status = os.stat(name, dir_fd=at, follow_symlinks=at is None)
        mode = stat.S_IMODE(status.st_mode)
        kept = stat.S_ISDIR(status.st_mode) or stat.S_ISREG(status.st_mode)
        if not kept or not mode & OTHERS or status.st_uid != os.geteuid():
            return
        flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (os.O_NOFOLLOW if at else 0)
        opened = os.open(name, flags, dir_fd=at)
    except FileNotFoundError:
        return  # another process has removed it
    try:
        os.fchmod(opened, mode & ~OTHERS)
    finally:
        os.close(opened)


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
