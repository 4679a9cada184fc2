"""Where the files of an import come from: a folder or a ZIP archive, read without trust."""

import io
import os
import stat
import struct
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from itertools import islice
from pathlib import Path

from readerstudy.imaging.file_names import folded_name, is_junk, name_fault
from readerstudy.imaging.problems import ImportRefused, Problem, printable, quoted
from readerstudy.imaging.source_limits import MIB, Limits, readable_size

RATIO_EXEMPT_BYTES = MIB
DIRECTORY_BYTES_PER_ENTRY = 256

_ENCRYPTED = 0x1 | 0x40 | 0x2000
_ARCHIVE_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,  # zipfile's word for an encrypted file, or a method that it lacks
    ValueError,
)


class Source(ABC):
    """A closed set of named files.

    Attributes
    ----------
    label : str
        The folder's or archive's own name, for messages.
    limits : Limits
    problems : tuple[Problem, ...]
        What is wrong with files of the source before any is read. They stay among `names`, so
        that nobody reports them missing as well.
    """

    def __init__(self, label: str, *, limits: Limits):
        self.label = printable(label)
        self.limits = limits
        self.problems: tuple[Problem, ...] = ()

    @abstractmethod
    def names(self) -> frozenset[str]:
        """Every file's path relative to the manifest's folder, with forward slashes."""

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes:
        """All bytes of the file `name`.

        Raises
        ------
        ImportRefused
            If `name` is not among `names`, has more than `limit` bytes, or cannot be read.
        """

    def missing(self, name: str) -> str:
        """Why `name` is not among the files, or "" where it is; knows the commonest slips."""
        if name in self.names():
            return ""
        if near := self._names_by_folded.get(folded_name(name)):
            return (
                f"no file {quoted(name)}, but there is {quoted(near)}; write the name exactly "
                "like that, with its capitals and accents"
            )
        return f'no file {quoted(name)} in "{self.label}"; add it or correct the name'

    @cached_property
    def _names_by_folded(self) -> dict[str, str]:
        return {folded_name(name): name for name in sorted(self.names())}


@contextmanager
def open_source(
    path: str | Path, *, limits: Limits | None = None, label: str = ""
) -> Iterator[Source]:
    """Open the folder or ZIP archive at `path`, and close it after use.

    `label` is what messages call it, where that is not its name at `path`, as of an upload.

    Raises
    ------
    ImportRefused
        If there is nothing at `path`, or it is no folder and no ZIP archive that can be read,
        or it holds too many files.
    """
    path = Path(path)
    limits = limits or Limits()
    label = label or path.name or str(path)
    if os.path.isdir(path):
        yield FolderSource(path, label, limits=limits)
    elif os.path.isfile(path):
        with _opened_archive(path, label, limits=limits) as archive:
            yield ZipSource(archive, path, label, limits=limits)
    else:
        raise _refusal(f"no folder or ZIP file at {quoted(str(path))}; check the path")


class FolderSource(Source):
    """The files under a folder. Links are followed to files inside the folder, never outside."""

    def __init__(self, root: Path, label: str, *, limits: Limits):
        super().__init__(label, limits=limits)
        self._root = root.resolve()
        self._problems: list[Problem] = []
        self._names = frozenset(self._walk())
        self.problems = tuple(self._problems)

    def names(self) -> frozenset[str]:
        return self._names

    def read(self, name: str, limit: int) -> bytes:
        if name not in self._names:
            raise _refusal(self.missing(name), file=name)
        try:
            with self._open(name) as handle:
                data = handle.read(limit + 1)
        except OSError as error:
            reason = error.strerror or "input/output error"
            raise _refusal(f"cannot be read: {reason}; check the file", file=name) from error
        if len(data) > limit:
            raise _too_large(name, limit)
        return data

    def _open(self, name: str) -> io.BufferedReader:
        """Open `name`, checking anew that it lies in the folder and is a plain file."""
        target = Path(os.path.realpath(self._root / name, strict=True))
        if not target.is_relative_to(self._root):
            raise _refusal(
                "is a link to a place outside the folder; copy the file into the folder", file=name
            )
        # Not following links and not waiting, should the file be swapped for a link or a pipe.
        flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
        handle = os.fdopen(os.open(target, flags), "rb")
        if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
            handle.close()
            raise _refusal("is not a regular file; copy the file itself into the folder", file=name)
        return handle

    def _walk(self) -> Iterator[str]:
        seen = 0
        for folder, subfolders, files in os.walk(self._root, onerror=self._note_unlistable):
            subfolders.sort()
            for entry in sorted([*subfolders, *files]):
                path = Path(folder, entry)
                name = path.relative_to(self._root).as_posix()
                if is_junk(name):
                    continue
                seen += 1
                if seen > self.limits.max_entries:
                    raise _too_many(self.limits)
                if path.is_symlink():
                    self._check_link(path, name)
                if os.path.isfile(path):
                    yield name

    def _check_link(self, path: Path, name: str) -> None:
        target = Path(os.path.realpath(path))
        if not target.is_relative_to(self._root):
            self._add(
                "is a link to a place outside the folder; copy the file into the folder", name
            )
        elif not target.is_file():
            self._add("is a link, but not to a file; replace it with the file, or remove it", name)

    def _note_unlistable(self, error: OSError) -> None:
        name = os.path.relpath(error.filename or self._root, self._root)
        self._add(f"cannot be listed: {error.strerror}; check the folder's permissions", name)

    def _add(self, message: str, name: str) -> None:
        self._problems.append(Problem(message, file=name))


class ZipSource(Source):
    """The files of a ZIP archive, read in memory one by one; nothing is unpacked to disk.

    Where all files sit in one top folder, names are relative to that folder. No limit rests on
    what the archive says of itself: each read stops at the limit on real bytes.
    """

    def __init__(self, archive: zipfile.ZipFile, path: Path, label: str, *, limits: Limits):
        super().__init__(label, limits=limits)
        self._archive = archive
        self._read_bytes: dict[str, int] = {}
        self._total_read = 0
        # Not by is_dir(), which fails on an entry without a name.
        entries = [info for info in archive.infolist() if not info.filename.endswith("/")]
        entries = [info for info in entries if not is_junk(info.filename)]
        if len(entries) > limits.max_entries:
            raise _too_many(limits)
        top = _single_top_folder([info.filename for info in entries])
        self._entries = {info.filename.removeprefix(top): info for info in entries}
        self._names = frozenset(self._entries)
        self.problems = (
            *islice(self._entry_problems(entries), limits.max_problems),
            *_archive_problems(entries, path.stat().st_size, limits),
        )

    def names(self) -> frozenset[str]:
        return self._names

    def read(self, name: str, limit: int) -> bytes:
        if name not in self._entries:
            raise _refusal(self.missing(name), file=name)
        info = self._entries[name]
        if fault := self._fault(info):
            raise _refusal(fault, file=name)
        others = self._total_read - self._read_bytes.get(name, 0)
        bounds = (
            (limit, _too_large(name, limit)),
            (self._packing_bound(info), _refusal(self._bomb(), file=name)),
            (self.limits.max_total_bytes - others, _total_too_large(self.limits)),
        )
        bound, refusal = min(bounds, key=lambda pair: pair[0])
        try:
            with self._archive.open(info) as handle:
                data = handle.read(bound + 1)
        except _ARCHIVE_ERRORS as error:
            message = "cannot be unpacked: this part of the ZIP is damaged; create the ZIP again"
            raise _refusal(message, file=name) from error
        if len(data) > bound:
            raise refusal
        self._read_bytes[name] = len(data)
        self._total_read = others + len(data)
        return data

    def _entry_problems(self, entries: list[zipfile.ZipInfo]) -> Iterator[Problem]:
        times = Counter(info.filename for info in entries)
        for name, count in times.items():
            if count > 1:
                yield Problem(f"is in the ZIP {count} times; keep one of them", file=name)
        for info in entries:
            if fault := self._fault(info):
                yield Problem(fault, file=info.filename)

    def _fault(self, info: zipfile.ZipInfo) -> str:
        faults = (
            # The name as the archive has it: zipfile cuts it at a NUL.
            (fault := name_fault(info.orig_filename), fault),
            (info.flag_bits & _ENCRYPTED, "is encrypted; create the ZIP without a password"),
            (stat.S_ISLNK(info.external_attr >> 16), "is a link; put the file itself in the ZIP"),
            (
                # zipfile bounds the memory that it takes for these two alone.
                info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED),
                "is compressed in an unsupported way; create the ZIP with standard "
                "(deflate) compression",
            ),
            (
                info.file_size > self.limits.max_file_bytes,
                f"is larger than the {readable_size(self.limits.max_file_bytes)} allowed for "
                "one file; make it smaller",
            ),
            (info.file_size > self._packing_bound(info), self._bomb()),
        )
        return next((message for wrong, message in faults if wrong), "")

    def _packing_bound(self, info: zipfile.ZipInfo) -> int:
        return max(RATIO_EXEMPT_BYTES, self.limits.max_ratio * info.compress_size)

    def _bomb(self) -> str:
        return (
            f"unpacks to more than {self.limits.max_ratio} times its packed size, as a "
            "decompression bomb does; store this file without compression"
        )


@contextmanager
def _opened_archive(path: Path, label: str, *, limits: Limits) -> Iterator[zipfile.ZipFile]:
    try:
        raw = _GuardedFile(path, limits=limits)
    except OSError as error:
        reason = error.strerror or "input/output error"
        raise _refusal(f"cannot be opened: {reason}; check the file", file=label) from error
    with raw:
        try:
            archive = zipfile.ZipFile(raw)
        except _ARCHIVE_ERRORS as error:
            message = "is not a ZIP archive, or is damaged; use a folder or create the ZIP again"
            raise _refusal(message, file=label) from error
        raw.guarded = False
        with archive:
            yield archive


class _GuardedFile(io.BufferedReader):
    """A file that refuses to read a huge ZIP directory, which zipfile loads whole."""

    def __init__(self, path: Path, *, limits: Limits):
        super().__init__(io.FileIO(path))
        self.guarded = True
        self._limits = limits
        self._largest = max(MIB, limits.max_entries * DIRECTORY_BYTES_PER_ENTRY)

    def read(self, size: int | None = -1, /) -> bytes:
        if self.guarded and size is not None and size > self._largest:
            raise _too_many(self._limits)
        return super().read(size)


def _single_top_folder(names: list[str]) -> str:
    """The one folder, with its slash, that all `names` sit in; "" where there is none."""
    tops = {name.split("/")[0] for name in names if "/" in name}
    alone = len(tops) == 1 and all("/" in name for name in names)
    top = tops.pop() if alone else ""
    return f"{top}/" if top and not name_fault(top) else ""


def _archive_problems(
    entries: list[zipfile.ZipInfo], archive_bytes: int, limits: Limits
) -> Iterator[Problem]:
    if sum(info.file_size for info in entries) > limits.max_total_bytes:
        yield from _total_too_large(limits).problems
    if sum(info.compress_size for info in entries) > archive_bytes:
        yield Problem(
            "the ZIP's files overlap or claim more bytes than it has, as a decompression bomb "
            "does; create the ZIP again"
        )


def _refusal(message: str, *, file: str = "") -> ImportRefused:
    return ImportRefused([Problem(message, file=file)])


def _too_large(name: str, limit: int) -> ImportRefused:
    return _refusal(
        f"is larger than the {readable_size(limit)} allowed; make it smaller", file=name
    )


def _too_many(limits: Limits) -> ImportRefused:
    return _refusal(f"there are more than {limits.max_entries:,} files; import fewer at a time")


def _total_too_large(limits: Limits) -> ImportRefused:
    size = readable_size(limits.max_total_bytes)
    return _refusal(f"the ZIP unpacks to more than the {size} allowed; import fewer cases at once")
