"""A bundle as a file: a ZIP whose bytes depend on its content alone, and its reading without trust.

Written in a stream, with the SHA-256 of every file in ``SHA256SUMS``. Read with every checksum
verified before a single row is looked at.
"""

import hashlib
import io
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from readerstudy.cohorts.ingest.names import name_fault
from readerstudy.handover.problems import Refused, first

SUMS = "SHA256SUMS"
CHUNK = 2**20
PACKED_ALREADY = ("png", "zip", "safetensors", "xlsx", "pdf")
MAX_FILES = 2_000_000
MAX_RATIO = 200
RATIO_EXEMPT_BYTES = 2**30
DIRECTORY_BYTES_PER_FILE = 256
_BEGINNING_OF_TIME = (1980, 1, 1, 0, 0, 0)
_SUM_LINE = re.compile(r"([0-9a-f]{64})  (.+)")
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError)


class Writer:
    """Writes files into a bundle one after the other, each under a name of its own.

    At the end of a ``with`` block that ends well come the checksums and the ZIP's directory.
    """

    def __init__(self, file: IO[bytes]):
        self._zip = zipfile.ZipFile(file, "w", allowZip64=True)
        self._sums: dict[str, str] = {}

    @contextmanager
    def file(self, name: str) -> Iterator[IO[bytes]]:
        """A file to write bytes to."""
        info = zipfile.ZipInfo(name, date_time=_BEGINNING_OF_TIME)
        info.create_system = 3
        info.external_attr = (stat.S_IFREG | 0o600) << 16
        packed = name.rpartition(".")[2] in PACKED_ALREADY
        info.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
        with self._zip.open(info, "w", force_zip64=True) as raw:
            hashing = _Hashing(raw)
            yield hashing
        self._sums[name] = hashing.hexdigest()

    def add(self, name: str, content: str | bytes) -> None:
        """A whole file at once."""
        with self.file(name) as file:
            file.write(content.encode() if isinstance(content, str) else content)

    def add_from(self, name: str, source: IO[bytes]) -> str:
        """A file copied in chunks; its SHA-256."""
        with self.file(name) as file:
            shutil.copyfileobj(source, file, CHUNK)
        return self._sums[name]

    def __enter__(self) -> "Writer":
        return self

    def __exit__(self, kind, error, trace) -> None:
        if kind is None:
            sums = (f"{self._sums[name]}  {name}\n" for name in sorted(self._sums))
            self.add(SUMS, "".join(sums))
        self._zip.close()


class _Hashing(io.RawIOBase):
    """Passes bytes on and keeps their digest."""

    def __init__(self, raw: IO[bytes]):
        super().__init__()
        self._raw, self._digest = raw, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, content) -> int:
        self._digest.update(content)
        self._raw.write(content)
        return len(content)

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


class Reader:
    """A bundle whose names and checksums were found right. No entry is believed about its size."""

    def __init__(self, archive: zipfile.ZipFile):
        self._zip = archive
        self.sums: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.sums

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file's bytes, in a stream. Raises Refused for one that is not there, or damaged."""
        if name not in self.sums and name != SUMS:
            raise Refused(f"The bundle has no file {name}.")
        try:
            with self._zip.open(name) as file:
                yield file
        except _DAMAGED as error:
            if isinstance(error, Refused):
                raise
            message = f"{name} can't be unpacked: the bundle is damaged. Copy it anew."
            raise Refused(message) from error

    def read(self, name: str, *, limit: int) -> bytes:
        """A whole file of at most ``limit`` bytes. Raises Refused."""
        with self.open(name) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise Refused(f"{name} has more than the {limit:,} bytes that it may have.")
        return content

    def verify(self, *, progress=iter) -> None:
        """Compare every file with its checksum. Raises Refused with every file that is wrong."""
        wrong = [
            name for name in progress(sorted(self.sums)) if self._digest(name) != self.sums[name]
        ]
        if wrong:
            raise Refused(
                f"{len(wrong)} files are not what {SUMS} says: {first(wrong)}. The bundle was "
                "changed or damaged since it was written; get it anew from where it was exported."
            )

    def _digest(self, name: str) -> str:
        with self.open(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def opened(path: Path) -> Iterator[Reader]:
    """Open a bundle: its names are sound, and are those of its checksums. Raises Refused."""
    try:
        raw = _Guarded(path)
    except OSError as error:
        raise Refused(f"{path} can't be opened: {error.strerror}. Check the path.") from error
    with raw:
        try:
            archive = zipfile.ZipFile(raw)
        except _DAMAGED as error:
            raise Refused(f"{path.name} is no ZIP file, or is damaged. Copy it anew.") from error
        raw.guarded = False
        with archive:
            _refuse_unsafe(archive.infolist(), path.stat().st_size)
            reader = Reader(archive)
            reader.sums = _sums(reader, {info.filename for info in archive.infolist()})
            yield reader


class _Guarded(io.FileIO):
    """Refuses to read a huge ZIP directory, which zipfile would load whole."""

    def __init__(self, path: Path):
        super().__init__(path)
        self.guarded = True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.guarded and size is not None and size > MAX_FILES * DIRECTORY_BYTES_PER_FILE:
            raise OSError("too many files")
        return super().read(-1 if size is None else size)


def _refuse_unsafe(entries: list[zipfile.ZipInfo], archive_bytes: int) -> None:
    names = [info.filename for info in entries]
    problems = [f"{info.filename[:80]!r}: {fault}" for info in entries if (fault := _fault(info))][
        :20
    ]
    if len(set(names)) < len(names):
        problems.append("A name is there twice.")
    if sum(info.file_size for info in entries) > max(RATIO_EXEMPT_BYTES, MAX_RATIO * archive_bytes):
        problems.append(f"It unpacks to over {MAX_RATIO} times its size, as a zip bomb does.")
    if sum(info.compress_size for info in entries) > archive_bytes:
        problems.append("Its files overlap, or claim more bytes than it has, as a zip bomb's do.")
    if problems:
        raise Refused("This is no bundle of a study.", *problems)


def _fault(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if fault := name_fault(info.orig_filename):
        return fault
    if info.flag_bits & 0x1:
        return "is encrypted"
    if kind not in (0, stat.S_IFREG):  # 0: not told
        return "is not a plain file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unusual way"
    return ""


def _sums(reader: Reader, names: set[str]) -> dict[str, str]:
    if SUMS not in names:
        raise Refused(f"This is no bundle of a study: it has no {SUMS}.")
    text = reader.read(SUMS, limit=MAX_FILES * DIRECTORY_BYTES_PER_FILE).decode("utf-8", "replace")
    lines = [_SUM_LINE.fullmatch(line) for line in text.splitlines()]
    if not all(lines):
        raise Refused(f"{SUMS} can't be read: the bundle is damaged. Copy it anew.")
    sums = {line[2]: line[1] for line in lines}
    strangers = sorted((names - {SUMS}) ^ set(sums))
    if strangers or len(sums) < len(lines):
        raise Refused(
            f"The bundle's files are not those of {SUMS}: {first(strangers)}. Get it anew from "
            "where it was exported."
        )
    return sums


def lines_of(file: IO[bytes], *, limit: int) -> Iterable[bytes]:
    """The lines of a file, none of them longer than ``limit``. Raises Refused."""
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise Refused(f"A line has more than the {limit:,} bytes that it may have.")
        yield line
