"""Files staged beside their final place, and put there with the rows that name them.

A block that fails takes them back. One whose process is killed leaves a folder of a known name,
with a list of what it may have placed: ``clear_leftovers`` takes that of a cohort's import back.
"""

import hashlib
import io
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

from readerstudy.cohorts.models import CandidateFrame, Image

_CHUNK = 2**20
_NAMES = "names"  # of the files in a staging folder, a line each, written before the file is


class Files:
    """Files staged under random names, then moved to where the rows say they are."""

    def __init__(self, staging: Path):
        self._staging = staging
        self._names: list[str] = []
        self._list = (staging / _NAMES).open("a", buffering=1)

    def stage(self, png: bytes) -> str:
        """Write an image aside; the name under the media root that it will have."""
        name, _ = self.copy(io.BytesIO(png), folder="images", ending=".png")
        return name

    def copy(self, source: IO[bytes], *, folder: str, ending: str) -> tuple[str, str]:
        """Copy a file aside; the name under the media root that it will have, and its SHA-256."""
        name = f"{folder}/{secrets.token_hex(16)}{ending}"
        self._list.write(f"{name}\n")
        digest = hashlib.sha256()
        with (self._staging / Path(name).name).open("xb") as file:
            while chunk := source.read(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
        self._names.append(name)
        return name, digest.hexdigest()

    def forget(self, name: str) -> None:
        """Keep a staged file out of its place."""
        self._names.remove(name)

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
        self._list.close()
        shutil.rmtree(self._staging, ignore_errors=True)


@contextmanager
def placed_files(owner: str) -> Iterator[Files]:
    """Files that stay if the block ends well, commit included, and are gone if it does not."""
    Path(settings.MEDIA_ROOT).mkdir(parents=True, exist_ok=True)
    staging = tempfile.mkdtemp(prefix=f"importing-{owner}-", dir=settings.MEDIA_ROOT)
    files = Files(Path(staging))
    try:
        yield files
    except BaseException:
        files.remove()
        raise
    finally:
        files.close()


def clear_leftovers(owner: str) -> None:
    """Remove the images that a killed import of this owner staged or placed, and no row names."""
    for staging in Path(settings.MEDIA_ROOT).glob(f"importing-{owner}-*"):
        listed = staging / _NAMES
        names = listed.read_text().splitlines() if listed.exists() else []
        for at in range(0, len(names), 500):
            batch = names[at : at + 500]
            kept = {
                file
                for kind in (Image, CandidateFrame)
                for file in kind.objects.filter(file__in=batch).values_list("file", flat=True)
            }
            _unlink(name for name in batch if name not in kept)
        shutil.rmtree(staging, ignore_errors=True)


def _unlink(names) -> None:
    for name in names:
        (settings.MEDIA_ROOT / name).unlink(missing_ok=True)
