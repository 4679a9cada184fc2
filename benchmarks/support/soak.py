"""Many readers at once for a while, and afterwards the database's word on what they were told."""

import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise

from urllib3.exceptions import HTTPError

from benchmarks.support.browser import Unexpected
from benchmarks.support.reading_room import StudyReader
from benchmarks.support.reads import Read
from readerstudy.reading.models import Reading


@dataclass(frozen=True)
class Soak:
    """What the readers saw."""

    reads: list[Read]
    errors: list[str]
    seconds: float


@dataclass(frozen=True)
class Kept:
    """What the database holds of it. All are to be 0."""

    lost: int
    duplicates: int
    out_of_order: int


def soak(readers: Sequence[StudyReader], *, seconds: float, think_seconds: float) -> Soak:
    """Let all read at once, each one case at least, with pauses of about ``think_seconds``."""
    reads: list[Read] = []  # appended to by every thread: a list takes that
    errors: list[str] = []
    ended = threading.Event()

    def sit(number: int) -> None:
        rng = random.Random(number)
        ended.wait(rng.uniform(0, think_seconds))  # people do not all come at the same moment
        while True:
            try:
                reads.append(readers[number].read())
            except (Unexpected, HTTPError) as error:
                errors.append(str(error))
            if ended.wait(think_seconds * rng.uniform(0.5, 1.5)):
                return

    begin = time.perf_counter()
    with ThreadPoolExecutor(len(readers)) as pool:
        sitting = [pool.submit(sit, number) for number in range(len(readers))]
        try:
            time.sleep(seconds)
        finally:
            ended.set()
        for each in sitting:
            each.result()
    return Soak(reads, errors, time.perf_counter() - begin)


def kept(readers: Sequence[StudyReader], slug: str) -> Kept:
    """Compare every diagnosis that was acknowledged with the one stored under its key."""
    rows = list(
        Reading.objects.filter(assignment__reader__study__slug=slug)
        .order_by("submitted_at", "pk")
        .values_list(
            "idempotency_key", "assignment__code", "etiology", "assignment__reader",
            "assignment__position", "assignment__stage",
        )
    )  # fmt: skip
    stored = {(str(key), code, etiology) for key, code, etiology, *_ in rows}
    told = [(a.key, a.code, a.etiology.value) for r in readers for a in r.acknowledged]
    of_code = Counter(code for _, code, *_ in rows)
    places: dict[int, list[tuple[int, int]]] = {}
    for _, _, _, reader, position, stage in rows:
        places.setdefault(reader, []).append((position, stage))
    return Kept(
        lost=sum(each not in stored for each in told),
        duplicates=sum(count - 1 for count in of_code.values()) + len(told) - len(set(told)),
        out_of_order=sum(a > b for walk in places.values() for a, b in pairwise(walk)),
    )
