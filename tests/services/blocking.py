"""Stop a worker in the middle of a job, for certain: its image file is a pipe nobody writes to."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def blocked(image: Path) -> Iterator[None]:
    """Whoever opens this image within the block waits; afterwards it is what it was."""
    kept = image.with_suffix(".kept")
    image.rename(kept)
    os.mkfifo(image)
    try:
        yield
    finally:
        kept.replace(image)
