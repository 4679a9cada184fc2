"""Reads of cases, timed: one reader after the other's heels, or many at once."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Read:
    """What one read took: the next case and the stored diagnosis, without the images."""

    seconds: float
    page_bytes: int
    image_bytes: int


class CaseReader(Protocol):
    """Somebody signed in at a site, who reads one case a call."""

    def read(self, *, with_images: bool = True) -> Read: ...


@dataclass(frozen=True)
class Round:
    """The reads of one round, and how long all of it took."""

    reads: list[Read]
    seconds: float

    @property
    def rate(self) -> float:
        """Reads per second."""
        return len(self.reads) / self.seconds


def read_at_once(readers: Sequence[CaseReader], *, each: int, with_images: bool) -> Round:
    """Let every reader read so many cases, all of them at once."""

    def walk(reader: CaseReader) -> list[Read]:
        return [reader.read(with_images=with_images) for _ in range(each)]

    with ThreadPoolExecutor(len(readers)) as pool:
        begin = time.perf_counter()
        walks = list(pool.map(walk, readers))
        return Round([read for walk in walks for read in walk], time.perf_counter() - begin)


def p95_ms(seconds: Sequence[float]) -> float:
    """The 95th percentile, in milliseconds."""
    return 1000 * float(np.percentile(seconds, 95))
