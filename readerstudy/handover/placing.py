"""Files that come with rows: put aside first, moved to their places when the rows are stored."""

import hashlib
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from django.conf import settings

CHUNK = 2**20


class Files:
    """Files staged under random names; each goes to where its row says that it is."""

    def __init__(self, staging: Path):
        self.staging = staging
        self._names: list[str] = []

    def stage(self, source: IO[bytes], *, folder: str, ending: str) -> tuple[str, str]:
        """Copy a file aside; the name under the media root that it will have, and its SHA-256."""
        name = f"{folder}/{secrets.token_hex(16)}{ending}"
        digest = hashlib.sha256()
        with (self.staging / Path(name).name).open("xb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
        self._names.append(name)
        return name, digest.hexdigest()

    def place(self) -> None:
        """Move all to their places."""
        for name in self._names:
            final = Path(settings.MEDIA_ROOT) / name
            final.parent.mkdir(parents=True, exist_ok=True)
            (self.staging / final.name).replace(final)

    def forget(self, name: str) -> None:
        """Keep a staged file out of its place."""
        self._names.remove(name)

    def remove(self) -> None:
        """Take back what was placed."""
        for name in self._names:
            (Path(settings.MEDIA_ROOT) / name).unlink(missing_ok=True)


@contextmanager
def placed_files() -> Iterator[Files]:
    """Files that stay if the block ends well, commit included, and are gone if it does not."""
    root = Path(settings.MEDIA_ROOT)
    root.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix="importing-", dir=root))
    files = Files(staging)
    try:
        yield files
    except BaseException:
        files.remove()
        raise
    finally:
        shutil.rmtree(staging)
