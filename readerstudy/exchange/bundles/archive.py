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

from readerstudy.exchange.errors import ExchangeError, abridged
from readerstudy.imaging.file_names import name_fault

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


class BundleWriter:
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

    def __enter__(self) -> "BundleWriter":
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


class BundleReader:
    """A bundle whose names and checksums were found right. No entry is believed about its size."""

    def __init__(self, archive: zipfile.ZipFile):
        self._zip = archive
        self.sums: dict[str, str] = {}

    def __contains__(self, name: str) -> bool:
        return name in self.sums

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """A file's bytes, in a stream. Raises ExchangeError for one that is not there, or
        damaged."""
        if name not in self.sums and name != SUMS:
            raise ExchangeError(f"The bundle has no file {name}.")
        try:
            with self._zip.open(name) as file:
                yield file
        except _DAMAGED as error:
            if isinstance(error, ExchangeError):
                raise
            message = f"{name} can't be unpacked: the bundle is damaged. Copy it again."
            raise ExchangeError(message) from error

    def read(self, name: str, *, limit: int) -> bytes:
        """A whole file of at most ``limit`` bytes. Raises ExchangeError."""
        with self.open(name) as file:
            content = file.read(limit + 1)
        if len(content) > limit:
            raise ExchangeError(f"{name} is larger than the {limit:,} bytes allowed.")
        return content

    def verify(self, *, progress=iter) -> None:
        """Compare every file with its checksum. Raises ExchangeError with every file that is
        wrong."""
        wrong = [
            name for name in progress(sorted(self.sums)) if self._digest(name) != self.sums[name]
        ]
        if wrong:
            raise ExchangeError(
                f"{len(wrong)} files do not match {SUMS}: {abridged(wrong)}. The bundle was "
                "changed or damaged after the export. Get a new copy from the site that "
                "exported it."
            )

    def _digest(self, name: str) -> str:
        with self.open(name) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def open_bundle(path: Path) -> Iterator[BundleReader]:
    """Open a bundle: its names are sound, and are those of its checksums. Raises ExchangeError."""
    try:
        raw = _Guarded(path)
    except OSError as error:
        raise ExchangeError(f"{path} can't be opened: {error.strerror}. Check the path.") from error
    with raw:
        try:
            archive = zipfile.ZipFile(raw)
        except _DAMAGED as error:
            raise ExchangeError(
                f"{path.name} is not a ZIP file, or is damaged. Copy it again."
            ) from error
        raw.guarded = False
        with archive:
            _refuse_unsafe(archive.infolist(), path.stat().st_size)
            reader = BundleReader(archive)
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
        problems.append("A file name appears twice.")
    if sum(info.file_size for info in entries) > max(RATIO_EXEMPT_BYTES, MAX_RATIO * archive_bytes):
        problems.append(f"It unpacks to over {MAX_RATIO} times its size, as a zip bomb does.")
    if sum(info.compress_size for info in entries) > archive_bytes:
        problems.append("Its files overlap, or claim more bytes than it has, as a zip bomb's do.")
    if problems:
        raise ExchangeError("This is not a study bundle.", *problems)


def _fault(info: zipfile.ZipInfo) -> str:
    kind = stat.S_IFMT(info.external_attr >> 16)
    if fault := name_fault(info.orig_filename):
        return fault
    if info.flag_bits & 0x1:
        return "is encrypted"
    if kind not in (0, stat.S_IFREG):  # 0: not told
        return "is not a regular file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "is compressed in an unsupported way"
    return ""


def _sums(reader: BundleReader, names: set[str]) -> dict[str, str]:
    if SUMS not in names:
        raise ExchangeError(f"This is not a study bundle: it has no {SUMS}.")
    text = reader.read(SUMS, limit=MAX_FILES * DIRECTORY_BYTES_PER_FILE).decode("utf-8", "replace")
    lines = [_SUM_LINE.fullmatch(line) for line in text.splitlines()]
    if not all(lines):
        raise ExchangeError(f"{SUMS} can't be read: the bundle is damaged. Copy it again.")
    sums = {line[2]: line[1] for line in lines}
    strangers = sorted((names - {SUMS}) ^ set(sums))
    if strangers or len(sums) < len(lines):
        raise ExchangeError(
            f"The bundle's files differ from those in {SUMS}: {abridged(strangers)}. Get a new "
            "copy from the site that exported it."
        )
    return sums


def lines_of(file: IO[bytes], *, limit: int) -> Iterable[bytes]:
    """The lines of a file, none of them longer than ``limit``. Raises ExchangeError."""
    while line := file.readline(limit + 1):
        if len(line) > limit:
            raise ExchangeError(f"A line is larger than the {limit:,} bytes allowed.")
        yield line
