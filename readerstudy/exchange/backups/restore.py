"""Restore a backup: checked before anything is touched, then all of it or nothing."""

import hashlib
import json
import shutil
import sqlite3
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import models
from django.db.migrations.loader import MigrationLoader

from readerstudy.audit.log import record
from readerstudy.exchange.backups import database_dumps
from readerstudy.exchange.backups.backup import FORMAT, MANIFEST, existing_model_tables
from readerstudy.exchange.bundles.study_models import PEOPLE, TABLES
from readerstudy.exchange.errors import ExchangeError, abridged
from readerstudy.imaging.file_names import name_fault
from readerstudy.studies.file_staging import StagedFiles, staged_files

MANIFEST_LIMIT = 2**30
CHUNK = 2**20
DAMAGED = "The backup is damaged. Use another one."


def verify_backup(source: Path, *, progress=iter) -> dict[str, Any]:
    """Check a backup, file by file, and change nothing; its manifest. Raises ExchangeError."""
    digests: dict[str, dict[str, Any]] = {}
    manifest: dict[str, Any] = {}
    with _opened(source) as archive:
        for member, file in progress(_members(archive)):
            if member.name == MANIFEST:
                manifest = _manifest(file.read(MANIFEST_LIMIT))
                continue
            if member.name in digests:
                raise ExchangeError(f"{member.name} appears twice in the backup. {DAMAGED}")
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            digests[member.name] = {"sha256": digest, "bytes": member.size}
    if not manifest:
        raise ExchangeError(f"{source} has no {MANIFEST}. {DAMAGED}")
    _require_files(manifest, digests)
    return manifest


def restore_backup(
    source: Path, *, by: str, replace: bool = False, progress=iter
) -> dict[str, Any]:
    """Put a backup in this site's place; its manifest. Raises ExchangeError, with nothing changed.

    A site that has anything is replaced by explicit wish alone. Its stored files go once the
    backup's are there.
    """
    manifest = verify_backup(source, progress=progress)
    _require_fit(manifest)
    lost = what_is_here()
    if lost and not replace:
        raise ExchangeError(
            f"This site is not empty: {', '.join(lost)} would be lost. Restore into an empty "
            "site, or use --replace."
        )
    former = set(_named_files()) if lost else set()
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    with staged_files("restore") as files:
        staging = files.folder
        _unpack(source, staging, manifest, progress=progress)
        dump = staging / database_dumps.DUMPS[manifest["engine"]]
        _require_sound(dump, manifest)
        with _placed(staging / "media", root, files):
            database_dumps.restore_dump(dump)
    _set_head_aside()
    _remove_former(former - set(_named_files()))
    call_command("migrate", verbosity=0)  # nothing to migrate: it puts triggers back, if need be
    record("site.restore", actor=by, target=source.name, detail={"made_at": manifest["made_at"]})
    return manifest


def what_is_here() -> list[str]:
    """What this site has that a restore would take away, in words."""
    present = set(existing_model_tables())
    return [
        f"{count} {table.model._meta.verbose_name_plural}"
        for table in (PEOPLE, *TABLES)
        if table.model._meta.db_table in present and (count := table.model._base_manager.count())
    ]


@contextmanager
def _opened(source: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(source, mode="r:") as archive:
            yield archive
    except (OSError, tarfile.TarError, EOFError) as error:
        raise ExchangeError(f"{source} can't be read as a backup: {error}.") from error


def _members(archive: tarfile.TarFile) -> Iterator[tuple[tarfile.TarInfo, IO[bytes]]]:
    for member in archive:
        fault = name_fault(member.name) or ("" if member.isreg() else "is not a regular file")
        if fault:
            raise ExchangeError(f"{member.name[:80]!r} {fault}. This is not a backup of a site.")
        yield member, archive.extractfile(member)
        archive.members = []  # else all are kept in memory


def _manifest(text: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(text)
        needed = ("format", "engine", "migrations", "files", "rows", "made_at", "software", "lost")
        missing = [name for name in needed if name not in manifest]
    except (ValueError, TypeError, RecursionError):
        missing = ["everything"]
    if missing:
        raise ExchangeError(f"{MANIFEST} lacks {', '.join(missing)}. {DAMAGED}")
    return manifest


def _require_files(manifest: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
    wrong = sorted(
        name
        for name in {*manifest["files"], *found}
        if manifest["files"].get(name) != found.get(name)
    )
    if wrong:
        raise ExchangeError(
            f"{len(wrong)} files do not match {MANIFEST}: {abridged(wrong)}. {DAMAGED}"
        )


def _require_fit(manifest: dict[str, Any]) -> None:
    """Raise ExchangeError for a backup of another database, or of another version of the
    software."""
    code = manifest["software"]["code"]
    if manifest["format"] != FORMAT:
        raise ExchangeError(
            f"The backup has format {manifest['format']}. Restore it with version {code} of the "
            "software."
        )
    if manifest["engine"] != database_dumps.database_engine():
        raise ExchangeError(
            f"The backup is of a site on {manifest['engine']}, but this site uses "
            f"{database_dumps.database_engine()}. Set DATABASE_URL to a database of the same kind. "
            "To move a study from one kind to another, use export_study and import_study."
        )
    here = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    there = set(manifest["migrations"])
    if there - here:
        raise ExchangeError(
            f"The backup was made by a later version of the software ({code}): this one does "
            f"not know {abridged(sorted(there - here))}. Install that version and restore with it."
        )
    if here - there:
        raise ExchangeError(
            f"The backup was made by an earlier version of the software ({code}): it lacks "
            f"{abridged(sorted(here - there))}. Restore it with that version, then install this "
            "one and run manage.py migrate."
        )


def _unpack(source: Path, staging: Path, manifest: dict[str, Any], *, progress) -> None:
    """Put all files aside, each compared with its digest once more as it is written."""
    with _opened(source) as archive:
        for member, file in progress(_members(archive)):
            if member.name == MANIFEST:
                continue
            target = staging / member.name
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("x+b") as copy:
                shutil.copyfileobj(file, copy, CHUNK)
                copy.seek(0)
                digest = hashlib.file_digest(copy, "sha256").hexdigest()
            target.chmod(0o600)
            if digest != manifest["files"].get(member.name, {}).get("sha256"):
                raise ExchangeError(f"{member.name} changed while it was being read. {DAMAGED}")


def _require_sound(dump: Path, manifest: dict[str, Any]) -> None:
    """Count a dump's rows where that can be done before it is in place."""
    if manifest["engine"] != "sqlite":
        return
    with closing(sqlite3.connect(f"file:{dump}?mode=ro&immutable=1", uri=True)) as copy:
        database_dumps.require_sound(copy)
        for table, count in manifest["rows"].items():
            [[there]] = copy.execute(
                'SELECT count(*) FROM "{}"'.format(table.replace('"', '""'))  # noqa: S608
            )
            if there != count:
                raise ExchangeError(f"{table} has {there} rows, not {count}. {DAMAGED}")


@contextmanager
def _placed(media: Path, root: Path, files: StagedFiles) -> Iterator[None]:
    """The backup's stored files in their places; away again if the block fails."""
    placed = []
    try:
        for path in sorted(media.rglob("*")) if media.exists() else []:
            name = path.relative_to(media)
            final = root / name
            if path.is_file() and not _same(path, final):
                if final.exists():
                    raise ExchangeError(
                        f"{final} exists and differs from the file in the backup. Move it away, "
                        "then restore again."
                    )
                final.parent.mkdir(parents=True, exist_ok=True)
                files.note(str(name))
                path.replace(final)
                placed.append(final)
        yield
    except BaseException:
        for final in placed:
            final.unlink()
        raise


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and _digest(one) == _digest(other)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _named_files() -> Iterator[str]:
    """The stored files that rows of this site name."""
    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if (
                isinstance(field, models.FileField)
                and model._meta.db_table in existing_model_tables()
            ):
                names = model._base_manager.exclude(**{field.name: ""})
                yield from filter(None, names.values_list(field.name, flat=True).iterator())


def _set_head_aside() -> None:
    """The note of the audit log's last event is of the log that was replaced: keep it apart."""
    note = settings.AUDIT_HEAD
    if note.exists():
        note.rename(note.with_name(f"{note.name}.until-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}"))


def _remove_former(names: set[str]) -> None:
    for name in names:
        (Path(settings.MEDIA_ROOT) / name).unlink(missing_ok=True)
