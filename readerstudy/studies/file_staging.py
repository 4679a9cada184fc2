"""Files staged beside their final place, and put there with the rows that name them.

A block that fails takes them back. One whose process is killed, or whose commit fails, leaves a
folder with a list of what it may have placed, and no process that holds its lock: whoever stages
files next takes those back that no row names.
"""

import fcntl
import hashlib
import io
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from django.apps import apps
from django.conf import settings
from django.db import Error, connection, models, transaction

from readerstudy.database_outages import outage

_CHUNK = 2**20
_BATCH = 500
_PREFIX = "importing-"
_NAMES = "names"  # of the files that a process may have placed, a line each; locked while it lives


class StagedFiles:
    """Files staged under random names, then moved to where the rows say they are."""

    def __init__(self, staging: Path, names: IO[str]):
        self._staging, self._list = staging, names
        self._names: list[str] = []

    def stage(self, png: bytes) -> str:
        """Write an image aside; the name under the media root that it will have."""
        name, _ = self.copy(io.BytesIO(png), folder="images", ending=".png")
        return name

    def copy(self, source: IO[bytes], *, folder: str, ending: str) -> tuple[str, str]:
        """Copy a file aside; the name under the media root that it will have, and its SHA-256."""
        name = self._new(folder, ending)
        digest = hashlib.sha256()
        with (self._staging / Path(name).name).open("xb") as file:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        self._names.append(name)
        return name, digest.hexdigest()

    def sha256_of(self, name: str) -> str:
        """The SHA-256 of a file that was put aside, read back from the disk."""
        with (self._staging / Path(name).name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def link(self, stored: str) -> str:
        """Put a stored image aside once more: a second name for the same bytes where the disk can.

        Raises FileNotFoundError.
        """
        name = self._new("images", Path(stored).suffix)
        source, aside = Path(settings.MEDIA_ROOT) / stored, self._staging / Path(name).name
        try:
            os.link(source, aside)
        except OSError:
            shutil.copyfile(source, aside)
        self._names.append(name)
        return name

    @property
    def folder(self) -> Path:
        """Where files are staged, for whoever moves them by itself; see ``note``."""
        return self._staging

    def note(self, name: str) -> None:
        """Say that this file may be placed: it goes if this process dies and no row names it."""
        self._list.write(f"{name}\n")

    def forget(self, name: str) -> None:
        """Keep a staged file out of its place."""
        self._names.remove(name)

    def remove_on_commit(self, name: str) -> None:
        """Remove a stored file that no row names any more, once that is so for good."""
        self.note(name)
        transaction.on_commit(partial(_unlink, [name]))

    def place(self) -> None:
        """Move all to their places."""
        for name in self._names:
            final = Path(settings.MEDIA_ROOT) / name
            final.parent.mkdir(exist_ok=True)
            (self._staging / final.name).replace(final)

    def remove(self) -> None:
        """Take back what was placed."""
        _unlink(self._names)

    def close(self) -> None:
        """Remove the staging folder."""
        shutil.rmtree(self._staging, ignore_errors=True)
        self._list.close()

    def abandon(self) -> None:
        """Leave the staging folder to whoever clears leftovers, by what rows name."""
        self._list.close()

    def _new(self, folder: str, ending: str) -> str:
        name = f"{folder}/{secrets.token_hex(16)}{ending}"
        self.note(name)
        return name


@contextmanager
def staged_files(owner: str) -> Iterator[StagedFiles]:
    """Files that stay if the block ends well, commit included, and are gone if it does not."""
    files = _staged(owner)
    try:
        yield files
    except BaseException as error:
        if isinstance(error, Error) and outage(error):
            files.abandon()  # the commit may have gone through: the rows will tell
        else:
            files.remove()
            files.close()
        raise
    files.close()


@contextmanager
def staged_in_transaction(owner: str) -> Iterator[StagedFiles]:
    """The same for a block within a transaction, which is committed only afterwards."""
    files = _staged(owner)
    try:
        yield files
    except BaseException:
        files.remove()
        files.close()
        raise
    # A commit that fails forgets this, and with it the lock: the files are then taken back.
    transaction.on_commit(files.close)


def clear_leftovers() -> None:
    """Remove what killed processes staged or placed, and no row names."""
    for names in iter_dead_folders(Path(settings.MEDIA_ROOT), _PREFIX):
        _take_back(names.read().splitlines())


def locked_folder(root: Path, prefix: str) -> tuple[Path, IO[str]]:
    """A new folder, and the list in it, whose lock is this process's until it is closed.

    It is locked before it has the name that ``iter_dead_folders`` looks for.
    """
    made = Path(tempfile.mkdtemp(prefix=f"new-{prefix}", dir=root))
    names = (made / _NAMES).open("a", buffering=1)
    fcntl.flock(names, fcntl.LOCK_EX)
    return made.rename(root / made.name.removeprefix("new-")), names


def iter_dead_folders(root: Path, prefix: str) -> Iterator[IO[str]]:
    """The lists of such folders whose process is no more, each of which is then removed."""
    for folder in root.glob(f"{prefix}*"):
        try:
            with (folder / _NAMES).open("a+") as names:
                fcntl.flock(names, fcntl.LOCK_EX | fcntl.LOCK_NB)
                names.seek(0)
                yield names
                shutil.rmtree(folder, ignore_errors=True)
        except (BlockingIOError, FileNotFoundError):
            continue  # its process lives, or another one has removed it


def _staged(owner: str) -> StagedFiles:
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    clear_leftovers()
    return StagedFiles(*locked_folder(root, f"{_PREFIX}{owner}-"))


def _take_back(names: list[str]) -> None:
    for at in range(0, len(names), _BATCH):
        batch = names[at : at + _BATCH]
        kept = set(_named(batch))
        _unlink(name for name in batch if name not in kept)


def _named(names: list[str]) -> Iterator[str]:
    """Those of these files that a row of any model names."""
    tables = set(connection.introspection.table_names())
    for model in apps.get_models():
        if model._meta.db_table not in tables:
            continue  # before the first restore or migration
        for field in model._meta.concrete_fields:
            if isinstance(field, models.FileField):
                rows = model._base_manager.filter(**{f"{field.name}__in": names})
                yield from rows.values_list(field.name, flat=True)


def _unlink(names: Iterable[str]) -> None:
    for name in names:
        (Path(settings.MEDIA_ROOT) / name).unlink(missing_ok=True)
