"""Reads at one checkout of the project, timed in blocks: a program in a process of its own.

python benchmarks/support/timed_read_blocks.py CHECKOUT BLOCKS READS [DATABASE_URL]

All code is CHECKOUT's, which may be older than this file: it reads as its own benchmark does, but
within this process, without a server. Each line on standard input is answered with the seconds of
the processor that a block of READS took; there are BLOCKS to be had. With SQLite they include the
database, with PostgreSQL they don't.
"""

import gc
import sys
import time
from collections.abc import Iterator
from math import ceil

CASES = 50  # each reader reads them in two stages


def main(checkout: str, blocks: str, reads: str, database: str = "") -> None:
    sys.path[0] = checkout
    from benchmarks.support.site import own_site

    with own_site(database=database):
        from benchmarks.support.reading_room import answered_here

        reading = _reading(int(blocks) * int(reads))
        next(reading)
        with answered_here():
            for _ in sys.stdin:
                gc.collect()
                begin = time.process_time()
                for _ in range(int(reads)):
                    next(reading)
                print(time.process_time() - begin, flush=True)


def _reading(reads: int) -> Iterator[None]:
    """One step opens the study; each one after it, of at least so many, is a read."""
    from benchmarks.support import cohort, reading_room

    reading_room.Browser = _browser_within
    readers = reading_room.open_study(
        "timed",
        drawn=cohort.draw(1),
        cases=CASES,
        readers=ceil(reads / (2 * CASES)),
        design="two_session",
    )
    yield
    for reader in readers:
        reader.sit_down("")
        for _ in range(2 * CASES):
            reader.read(with_images=False)
            yield


def _browser_within(_address: str, cookies: dict[str, str]):
    """What stands in for a browser, to a reader: requests that this process answers itself."""
    from django.test import Client

    class Within:
        def __init__(self):
            self._client = Client()
            self._client.cookies.load(cookies)

        def get(self, path: str) -> bytes:
            return self._client.get(path).content

        def post_json(self, path: str, data) -> bytes:
            return self._client.post(path, data, content_type="application/json").content

    return Within()


if __name__ == "__main__":
    main(*sys.argv[1:])
