"""Back the site up while it runs: database and stored files in one archive, nothing lost between.

The database is dumped first, as of one moment. Stored files are written once under random names, so
whatever the dump's rows name is copied after it; a file that came later may be missing, and no row
of the dump names it. A file that is gone meanwhile (a draft's image that was cropped anew) has the
whole begin again.
"""

import hashlib
import json
import logging
import os
import shutil
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models

from analysis import software
from readerstudy.audit.log import record
from readerstudy.code_version import code_version
from readerstudy.exchange.backups.database_dumps import DumpState, database_engine, dump_database
from readerstudy.exchange.errors import ExchangeError, abridged
from readerstudy.studies.file_staging import iter_dead_folders, locked_folder

FORMAT = 1
MANIFEST = "manifest.json"
KEYS = ("secret_key", "audit_keys")
ATTEMPTS = 3
PREFIX = ".readerstudy-backup-"
log = logging.getLogger("readerstudy.handover.backups")


@dataclass(frozen=True)
class StoredFile:
    """A file that a row names, and the digest that the row has of it; "" where it has none."""

    name: str
    sha256: str


class FilesGone(Exception):
    """Files that a row of the dump names are missing, or not what the row says."""

    def __init__(self, names: list[str]):
        super().__init__(abridged(names))
        self.names = names


def back_up(
    destination: Path, *, by: str, with_key: bool = False, without_lost: bool = False, progress=iter
) -> dict[str, Any]:
    """Write the backup to a new file (tar), readable by its owner alone; its manifest.

    Raises ExchangeError. ``without_lost``: a file that is really lost is named in the manifest,
    instead of being a reason to refuse. ``with_key`` puts the site's secret keys in.
    """
    if destination.exists():
        raise ExchangeError(
            f"{destination} already exists. Nothing was written. Choose a new file name."
        )
    try:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                lenient = without_lost and attempt == ATTEMPTS
                manifest = _write(
                    destination, with_key=with_key, lenient=lenient, progress=progress
                )
                break
            except FilesGone as gone:
                if attempt == ATTEMPTS:
                    raise ExchangeError(_lost(gone)) from None
                log.info("Files disappeared during a backup; it starts again")
    except OSError as error:
        raise ExchangeError(
            f"The backup can't be written: {error}. Choose another place."
        ) from error
    detail = {"files": len(manifest["files"]), "lost": len(manifest["lost"]), "key": with_key}
    record("site.backup", actor=by, target=destination.name, detail=detail)
    return manifest


def _lost(gone: FilesGone) -> str:
    return (
        f"{len(gone.names)} files that the database refers to are missing or were changed on "
        f"disk: {abridged(gone.names)}. Restore them from an earlier backup, or use --without-lost "
        "to back up what there is."
    )


@contextmanager
def _aside(folder: Path) -> Iterator[Path]:
    """A folder beside the backup to write it in; those of killed backups are removed first."""
    for _names in iter_dead_folders(folder, PREFIX):
        log.info("Files left by an interrupted backup are removed")
    made, lock = locked_folder(folder, PREFIX)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
        lock.close()


def _write(destination: Path, *, with_key: bool, lenient: bool, progress) -> dict[str, Any]:
    """Write the archive once, whole or not at all. Raises FilesGone unless ``lenient``."""
    with _aside(destination.parent) as folder:
        part = folder / "part.tar"
        with (
            part.open("x+b") as file,
            tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as archive,
        ):
            with dump_database(folder) as moment:
                manifest = _described(moment)
                named = list(_stored(moment))
            packing = _Packing(archive, manifest["files"])
            packing.file(moment.dump.name, moment.dump)
            if with_key:
                for name, key in zip(KEYS, _keys(), strict=True):
                    packing.content(name, key.encode())
            manifest["lost"] = sorted(
                each.name for each in progress(named) if not packing.stored(each)
            )
            if manifest["lost"] and not lenient:
                raise FilesGone(manifest["lost"])
            text = json.dumps(manifest, indent=1, sort_keys=True) + "\n"
            packing.content(MANIFEST, text.encode())
            archive.close()
            file.flush()
            os.fsync(file.fileno())
        part.replace(destination)
    return manifest


def _keys() -> tuple[str, str]:
    """What signs sessions, and what seals the audit log (comma-separated, as they are set)."""
    return settings.SECRET_KEY, ",".join(settings.AUDIT_KEYS)


def _described(moment: DumpState) -> dict[str, Any]:
    """What the backup is of, but for its files."""
    return {
        "format": FORMAT,
        "made_at": datetime.now(tz=UTC).isoformat(timespec="seconds"),
        "engine": database_engine(),
        "software": {"code": code_version()} | software.libraries(),
        "migrations": migrations_of(moment),
        "rows": {
            table: count
            for table in existing_model_tables()
            for [count] in moment.rows(f'SELECT count(*) FROM "{table}"')  # noqa: S608 (our tables)
        },
        "files": {},
    }


def migrations_of(moment: DumpState) -> list[str]:
    """The migrations that a database has seen."""
    return sorted(f"{app}.{name}" for app, name in moment.rows(
        "SELECT app, name FROM django_migrations"
    ))  # fmt: skip


def existing_model_tables() -> list[str]:
    """Every table of this software's models that the database has."""
    present = set(connection.introspection.table_names())
    named = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    return sorted(named & present)


def _stored(moment: DumpState) -> Iterator[StoredFile]:
    """Every file that the database names, as of the moment."""
    seen = set()
    for model in apps.get_models():
        columns = {field.name: field for field in model._meta.concrete_fields}
        for field in columns.values():
            if not isinstance(field, models.FileField):
                continue
            # A digest speaks of the row's file where the row has one file.
            alone = sum(isinstance(each, models.FileField) for each in columns.values()) == 1
            digest = "sha256" if alone and "sha256" in columns else "''"
            table = model._meta.db_table
            rows = moment.rows(f'SELECT "{field.column}", {digest} FROM "{table}"')  # noqa: S608
            for name, sha256 in rows:
                if name and name not in seen:
                    seen.add(name)
                    yield StoredFile(name, sha256 or "")


class _Packing:
    """Puts files into the archive and keeps their digests."""

    def __init__(self, archive: tarfile.TarFile, files: dict[str, dict[str, Any]]):
        self._archive, self._files = archive, files

    def file(self, name: str, path: Path) -> None:
        """A file as it is."""
        with path.open("rb") as source:
            self._add(name, source, hashlib.file_digest(source, "sha256").hexdigest())

    def content(self, name: str, content: bytes) -> None:
        """A small file."""
        self._add(name, BytesIO(content), hashlib.sha256(content).hexdigest())

    def stored(self, each: StoredFile) -> bool:
        """A stored file; False where it is not there, or not what its row says."""
        try:
            with (Path(settings.MEDIA_ROOT) / each.name).open("rb") as source:
                digest = hashlib.file_digest(source, "sha256").hexdigest()
                if each.sha256 and digest != each.sha256:
                    return False
                self._add(f"media/{each.name}", source, digest)
        except FileNotFoundError:
            return False
        return True

    def _add(self, name: str, source, digest: str) -> None:
        size = source.seek(0, os.SEEK_END)
        source.seek(0)
        info = tarfile.TarInfo(name)
        info.size, info.mode = size, 0o600
        self._archive.addfile(info, source)
        if name != MANIFEST:
            self._files[name] = {"sha256": digest, "bytes": size}
