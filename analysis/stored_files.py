"""The files of runs on disk: written whole or not at all, and checked whenever they are read.

``settings.RUN_FILES_ROOT`` has a folder for each run, and in it the files, each named by its
SHA-256. They are for the site's own user alone, and can all be made anew.
"""

import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import BinaryIO

from django.conf import settings

from analysis.models import AnalysisRun, RunFile


def write(run: AnalysisRun, name: str, content: bytes) -> str:
    """Store the content of the run's file of this name; its SHA-256."""
    sha256 = hashlib.sha256(content).hexdigest()
    path = _path(run, name, sha256)
    for folder in (path.parents[2], path.parents[1], path.parent):
        folder.mkdir(mode=0o700, exist_ok=True)
    handle, part = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".part")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)
    return sha256


def open_stored(run: AnalysisRun, row: RunFile) -> BinaryIO | None:
    """The stored file, open at its begin; None where it is lost, or is not what was stored."""
    try:
        file = _path(run, row.name, row.sha256).open("rb")
    except OSError:
        return None
    if hashlib.file_digest(file, "sha256").hexdigest() != row.sha256:
        file.close()
        return None
    file.seek(0)
    return file


def lost_rows(run: AnalysisRun, rows: Iterable[RunFile]) -> list[RunFile]:
    """Of these rows of files that were stored, those whose file is not there."""
    try:
        present = {each.name: each.stat().st_size for each in os.scandir(_folder(run))}
    except OSError:
        present = {}
    return [row for row in rows if present.get(_path(run, row.name, row.sha256).name) != row.size]


def remove_others(run: AnalysisRun, rows: Iterable[RunFile]) -> None:
    """Remove what none of these rows is about: files of former versions, and half-written ones."""
    kept = {_path(run, row.name, row.sha256).name for row in rows}
    for path in _folder(run).iterdir():
        if path.name not in kept:
            path.unlink(missing_ok=True)


def _folder(run: AnalysisRun) -> Path:
    return Path(settings.RUN_FILES_ROOT) / run.study.slug / f"run-{run.number}"


def _path(run: AnalysisRun, name: str, sha256: str) -> Path:
    return _folder(run) / f"{sha256}.{name.rpartition('.')[2]}"
