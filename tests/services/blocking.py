"""Stop a worker in the middle of a job, for certain: its image file is a pipe nobody writes to."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def blocked(image: Path) -> Iterator[Callable[[], None]]:
    """Whoever opens this image within the block waits; afterwards it is what it was.

    Yields a function that lets the one who waits have the image and go on.
    """
    kept = image.with_suffix(".kept")
    image.rename(kept)
    os.mkfifo(image)
    try:
        yield lambda: image.write_bytes(kept.read_bytes())
    finally:
        kept.replace(image)
