"""Where the source of an import lies until it ends: an upload kept privately, or a server folder.

Uploads wait under the media root, which no URL serves, by a random name. A folder must lie
beneath one of ``settings.IMPORT_ROOTS``, with no link on the way.
"""

import hashlib
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings

from readerstudy.imaging import ImportRefused, Limits, Problem, Source, open_source
from readerstudy.imaging.source_limits import readable_size
from readerstudy.studies.imports.column_descriptions import table_of
from readerstudy.studies.imports.models import ImportJob

FOLDER = "incoming"
NEW_SECONDS = 3600  # an upload without a job may be that young: its row is being written

_ZIP_SIGNATURE = b"PK"


class FolderRefused(ValueError):
    """A folder that may not be imported; the text says why."""


def most_bytes() -> int:
    """The largest source that is taken as an upload."""
    return settings.IMPORT_MAX_UPLOAD_MIB * 2**20


def keep_upload(upload: Path) -> str:
    """Move an uploaded file to where it waits; its path under the media root."""
    name = f"{FOLDER}/{secrets.token_hex(16)}.upload"
    target = settings.MEDIA_ROOT / name
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.move(upload, target)
    target.chmod(0o600)
    return name


def keep_sheet(png: bytes) -> str:
    """Store a sheet of thumbnails; its path under the media root."""
    name = f"{FOLDER}/{secrets.token_hex(16)}.png"
    (settings.MEDIA_ROOT / FOLDER).mkdir(mode=0o700, parents=True, exist_ok=True)
    (settings.MEDIA_ROOT / name).write_bytes(png)
    return name


def discard(job: ImportJob) -> None:
    """Remove the upload of an import that has no use for it any more, and its thumbnails."""
    for name in ("" if job.is_folder else job.path, job.sheet):
        if name:
            (settings.MEDIA_ROOT / name).unlink(missing_ok=True)


def discard_forgotten() -> None:
    """Remove what no import has a use for: its process was killed before it could do so."""
    State = ImportJob.State
    used = ImportJob.objects.exclude(state__in=[State.DONE, State.FAILED, State.CANCELLED])
    names = {name for pair in used.values_list("path", "sheet") for name in pair}
    for path in (settings.MEDIA_ROOT / FOLDER).glob("*"):
        if _is_old(path) and f"{FOLDER}/{path.name}" not in names:
            path.unlink(missing_ok=True)
    for path in settings.UPLOADS_ROOT.glob("*"):  # of a server process that was killed
        if _is_old(path):
            path.unlink(missing_ok=True)


def _is_old(path: Path) -> bool:
    try:
        return time.time() - path.stat().st_mtime > NEW_SECONDS
    except FileNotFoundError:  # somebody else removed it
        return False


def allowed_folder(text: str) -> Path:
    """The folder at this path. Raises FolderRefused unless it lies beneath an import root."""
    path = Path(text)
    roots = [root for root in settings.IMPORT_ROOTS if path.is_relative_to(root)]
    if not roots or ".." in path.parts or not text.isprintable():
        allowed = ", ".join(map(str, settings.IMPORT_ROOTS)) or "none is configured"
        raise FolderRefused(f"Enter the full path of a folder below one of: {allowed}.")
    try:
        _refuse_links(path, root=roots[0])
        if not path.is_dir():
            raise FolderRefused("There is no such folder on the server.")
    except OSError as error:
        raise FolderRefused(f"The folder can't be opened: {error.strerror}.") from None
    return path


def _refuse_links(path: Path, *, root: Path) -> None:
    for step in (path, *path.parents):
        if step == root:
            return
        if step.is_symlink():
            raise FolderRefused(f"“{step.name}” is a link; give the path of the folder itself.")


@contextmanager
def open_source_of(job: ImportJob) -> Iterator["DigestingSource"]:
    """Open the source of an import. Raises ImportRefused."""
    path = _location(job)
    table = table_of(job.kind)
    if not job.is_folder and not job.kind_of.has_cases and not _is_zip(path):
        yield DigestingSource(TableSource(path, table, label=job.label))
        return
    with open_source(path, label=job.label) as source:
        yield DigestingSource(source)


def _location(job: ImportJob) -> Path:
    if job.is_folder:
        try:
            return allowed_folder(job.path)
        except FolderRefused as refused:
            raise ImportRefused([Problem(str(refused), file=job.label)]) from None
    path = settings.MEDIA_ROOT / job.path
    if not path.is_file():
        message = "the upload no longer exists; upload it again"
        raise ImportRefused([Problem(message, file=job.label)])
    return path


def _is_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_ZIP_SIGNATURE)) == _ZIP_SIGNATURE


class TableSource(Source):
    """One file as a source: the table that was uploaded by itself, whatever its name was."""

    def __init__(self, path: Path, name: str, *, label: str):
        super().__init__(label, limits=Limits())
        self._path = path
        self._name = name

    def names(self) -> frozenset[str]:
        return frozenset([self._name])

    def read(self, name: str, limit: int) -> bytes:
        with self._path.open("rb") as file:
            data = file.read(limit + 1)
        if len(data) > limit:
            message = f"is larger than the {readable_size(limit)} allowed; make it smaller"
            raise ImportRefused([Problem(message, file=name)])
        return data


class DigestingSource(Source):
    """A source that remembers what was read of it: dry run and import must read the same."""

    def __init__(self, source: Source):
        super().__init__(source.label, limits=source.limits)
        self.problems = source.problems
        self._source = source
        self._digests: dict[str, bytes] = {}

    def names(self) -> frozenset[str]:
        return self._source.names()

    def read(self, name: str, limit: int) -> bytes:
        data = self._source.read(name, limit)
        digest = hashlib.sha256(data).digest()
        if self._digests.setdefault(name, digest) != digest:
            message = "changed while it was being read; import it again when nobody is changing it"
            raise ImportRefused([Problem(message, file=name)])
        return data

    def sha256(self) -> str:
        """SHA-256 of the list of all files that were read, as ``sha256sum`` writes it, sorted by
        name."""
        digest = hashlib.sha256()
        for name, file_digest in sorted(self._digests.items()):
            digest.update(f"{file_digest.hex()}  {name}\n".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()
