"""An answer as WSGI gives it: taken in a thread, sent without one."""

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import BinaryIO

AT_ONCE = 1024 * 1024
"""Bytes of an answer that are in memory while they are sent."""
_NO_BODY = (204, 304)


@dataclass(frozen=True)
class Answer:
    """Its beginning, and a file with the rest of it where it is long."""

    status: int
    headers: list[tuple[bytes, bytes]]
    start: bytes
    rest: BinaryIO | None = None


class FileAnswer:
    """``wsgi.file_wrapper``: the answer is what is in this file, from where it stands."""

    def __init__(self, file: BinaryIO, _block_size: int = 0):
        self.file = file


def answer_of(application: Callable, environ: dict) -> Answer:
    """What the application answers, complete: nothing of it is computed while a client waits."""
    head: list = []

    def start_response(status: str, headers: list[tuple[str, str]], _exc_info=None) -> None:
        head[:] = [int(status.split(" ", 1)[0]), headers]

    given = application({**environ, "wsgi.file_wrapper": FileAnswer}, start_response)
    file, length = (given.file, None) if isinstance(given, FileAnswer) else _gathered(given)
    status, headers = head
    encoded = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    has_length = any(name.lower() == b"content-length" for name, _value in encoded)
    if length is not None and not has_length and status not in _NO_BODY:
        encoded.append((b"content-length", str(length).encode()))
    start = file.read(AT_ONCE)
    if len(start) == AT_ONCE:
        return Answer(status, encoded, start, file)
    file.close()
    return Answer(status, encoded, start)


def _gathered(given: Iterable[bytes]) -> tuple[BinaryIO, int]:
    """All parts of an answer as one file, in memory as long as it is small; and its length."""
    file = tempfile.SpooledTemporaryFile(max_size=AT_ONCE)  # noqa: SIM115 (closed when sent)
    try:
        for part in given:
            file.write(part)
    except BaseException:
        file.close()
        raise
    finally:
        if hasattr(given, "close"):
            given.close()
    length = file.tell()
    file.seek(0)
    return file, length
