"""The reading room's speed, beside Label Studio's, and many readers at once.

    .venv/bin/python benchmarks/reading.py [--quick] [--[no-]label-studio]

One line a figure: name, value, unit. Both sites are served by gunicorn with 2 processes of 4
threads and keep their rows in a PostgreSQL of their own that waits for the disk. Both hold as many
cases, with the same PNG files, for as many readers, who are signed in and read every case.

A read is what a site's own page sends from one case to the next: ours the submit of the diagnosis,
with its key and the log of the reading, whose answer brings the next case's page; Label Studio's an
annotation of two choices, and the next task. What either page asks besides is counted apart: the
two images, the same PNG files with either, and where our next images are, or Label Studio's links
of labels. What a browser loads once (scripts, styles), and Label Studio's drafts and counters, are
left out.

- ours_over_label_studio, ours_over_label_studio_8: our reads per second over Label Studio's, with
  one reader and with eight at once, the median of rounds that take turns.
- ours_over_label_studio_with_images, ours_over_label_studio_with_images_8: the same with three more
  requests a read, for what is counted apart.
- reads_per_second_1, reads_per_second_8: our reads per second.
- page_plus_submit_p95_ms, page_plus_submit_p95_ms_8: our 95th percentiles, with one reader and with
  eight.
- image_kib_per_case, page_kib: what a read takes over the line.
- label_studio_reads_per_second_1, label_studio_reads_per_second_8: the same of Label Studio.
- label_studio_page_plus_submit_p95_ms, label_studio_page_plus_submit_p95_ms_8: of its next task and
  annotation.
- label_studio_image_kib_per_case, label_studio_page_kib: the same of Label Studio.
- page_queries_first, page_queries_late, submit_queries_first, submit_queries_late: what a page by
  itself and a submit with the next page ask of the database, at a reader's first and 200th case.
- first_pixels_ms, first_pixels_p95_ms: from the click on submit to the next case's images on the
  screen, in Chromium.
- soak_readers, soak_reads, soak_reads_per_second, soak_p95_ms: 200 readers at once, in both stages,
  with short pauses between the cases: how many reads, and how long a page and a submit take.
- soak_errors, soak_lost, soak_duplicates, soak_out_of_order: what of it failed, and what the
  database does not hold (lost, though acknowledged), holds twice, or out of order.

With --quick all is smaller, and Label Studio is left out, which takes minutes to install (in a
virtual environment of its own, once) and to start: --label-studio has it there too.
"""

import argparse
import os
import signal
import statistics
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

from benchmarks.support.measure import describe_machine, say  # noqa: E402
from benchmarks.support.reads import CaseReader, Round, p95_ms, read_at_once  # noqa: E402
from benchmarks.support.site import analyse, own_site  # noqa: E402
from tests import servers  # noqa: E402


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    phantoms: int  # whose files all cases share
    cases: int
    rounds: int
    alone: int  # reads a round
    together: int  # reads a round, of each of the eight
    late: int  # the case whose queries are counted besides the first
    seen: int  # cases that are read in Chromium
    soak_readers: int
    soak_cases: int
    soak_seconds: float
    soak_think_seconds: float


AT_ONCE = 8
FULL = Plan(
    phantoms=8,
    cases=368,
    rounds=5,
    alone=30,
    together=12,
    late=200,
    seen=30,
    soak_readers=200,
    soak_cases=100,
    soak_seconds=120,
    soak_think_seconds=8,
)
QUICK = Plan(
    phantoms=1,
    cases=8,
    rounds=1,
    alone=2,
    together=1,
    late=3,
    seen=1,
    soak_readers=10,
    soak_cases=10,
    soak_seconds=1.5,
    soak_think_seconds=0.5,
)

Sites = dict[str, Sequence[CaseReader]]
"""By site, one reader who reads alone and AT_ONCE others."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: that it runs")
    parser.add_argument(
        "--label-studio",
        action=argparse.BooleanOptionalAction,
        help="time it beside ours; left out of --quick unless asked for",
    )
    parser.add_argument(
        "--peers", type=Path, default=ROOT / "benchmarks/.peers", help="folder to install it in"
    )
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    has_peer = not options.quick if options.label_studio is None else options.label_studio
    if not has_peer:
        print("# Label Studio is left out: no figure compares ours with it", flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # which ends what was started
    describe_machine(libraries=("django", "gunicorn", "psycopg2-binary"))
    with ExitStack() as stack:
        database = stack.enter_context(servers.postgres(durable=True))
        stack.enter_context(own_site(database=database))
        ours, counted, watched, many = _build(plan)
        analyse(database)
        address = stack.enter_context(servers.gunicorn(_environment()))
        for reader in (*ours, *many):
            reader.sit_down(address)
        sites: Sites = {"ours": ours}
        with ExitStack() as peer:
            if has_peer:
                readers = peer.enter_context(_label_studio(plan, options.peers))
                sites["label_studio"] = readers
            speed_figures(plan, sites)
        query_figures(plan, counted)
        pixel_figures(plan, watched, address)
        soak_figures(plan, many)


def _build(plan: Plan) -> tuple[list, object, object, list]:
    """The readers who are timed, one whose queries are counted, one in Chromium, and the many."""
    from benchmarks.support import cohort
    from benchmarks.support.reading_room import open_study

    drawn = cohort.draw(plan.phantoms)
    *timed, counted, watched = open_study(
        "timed", drawn=drawn, cases=plan.cases, readers=AT_ONCE + 3, design="two_session"
    )
    many = open_study(
        "soak", drawn=drawn, cases=plan.soak_cases, readers=plan.soak_readers, design="sequential"
    )
    return timed, counted, watched, many


def _environment() -> dict[str, str]:
    return os.environ | {"OMP_NUM_THREADS": "1"}


@contextmanager
def _label_studio(plan: Plan, peers: Path) -> Iterator[Sequence[CaseReader]]:
    """Label Studio, served and filled with the images that ours shows; its readers."""
    from django.conf import settings

    from benchmarks.support import label_studio
    from readerstudy.diagnosis import Modality

    python = label_studio.install(peers / "label-studio")
    folder = settings.MEDIA_ROOT / "images"
    images = [[folder / f"phantom-{n}-{m}.png" for m in Modality] for n in range(plan.phantoms)]
    with (
        tempfile.TemporaryDirectory(prefix="label-studio-bench-") as name,
        servers.postgres(durable=True) as database,
        label_studio.served(python, database=database, folder=Path(name)) as address,
    ):
        readers = label_studio.open_project(
            address, images=images, cases=plan.cases, readers=AT_ONCE + 1
        )
        analyse(database)
        yield readers


def speed_figures(plan: Plan, sites: Sites) -> None:
    """Reads per second and times of each site, in rounds that take turns."""
    crews = (
        ("", {name: readers[:1] for name, readers in sites.items()}, plan.alone),
        (f"_{AT_ONCE}", {name: readers[1:] for name, readers in sites.items()}, plan.together),
    )
    for suffix, crew, each in crews:
        found = _take_turns(crew, each=each, rounds=plan.rounds, with_images=False)
        _ratio(f"ours_over_label_studio{suffix}", found)
        for name, rounds in found.items():
            prefix = "" if name == "ours" else f"{name}_"
            rate = statistics.median(each.rate for each in rounds)
            say(f"{prefix}reads_per_second{suffix or '_1'}", rate, "reads/s")
            seconds = [read.seconds for each in rounds for read in each.reads]
            say(f"{prefix}page_plus_submit_p95_ms{suffix}", p95_ms(seconds), "ms")
    for suffix, crew, each in crews:
        found = _take_turns(crew, each=each, rounds=plan.rounds, with_images=True)
        _ratio(f"ours_over_label_studio_with_images{suffix}", found)
    for name, rounds in found.items():
        prefix = "" if name == "ours" else f"{name}_"
        reads = [read for each in rounds for read in each.reads]
        images = statistics.mean(read.image_bytes for read in reads)
        say(f"{prefix}image_kib_per_case", images / 1024, "KiB")
        say(f"{prefix}page_kib", statistics.mean(r.page_bytes for r in reads) / 1024, "KiB")


def _ratio(name: str, found: dict[str, list[Round]]) -> None:
    if "label_studio" in found:
        pairs = zip(found["ours"], found["label_studio"], strict=True)
        say(name, statistics.median(ours.rate / theirs.rate for ours, theirs in pairs), "ratio")


def _take_turns(
    sites: Sites, *, each: int, rounds: int, with_images: bool
) -> dict[str, list[Round]]:
    """Rounds of each site; every other time in reverse order. One read each is not counted."""
    for readers in sites.values():
        read_at_once(readers, each=1, with_images=with_images)
    found: dict[str, list[Round]] = {name: [] for name in sites}
    for number in range(rounds):
        for name in list(sites)[:: -1 if number % 2 else 1]:
            found[name].append(read_at_once(sites[name], each=each, with_images=with_images))
    return found


def query_figures(plan: Plan, reader) -> None:
    """What a page and a submit ask of the database, at the first case and at a late one."""
    reader.arrive()
    for case in range(1, plan.late + 1):
        of_page, of_submit = reader.count_queries()
        if name := {1: "first", plan.late: "late"}.get(case):
            say(f"page_queries_{name}", of_page, "queries")
            say(f"submit_queries_{name}", of_submit, "queries")


def pixel_figures(plan: Plan, reader, address: str) -> None:
    """How soon the next case is seen."""
    from benchmarks.support.first_pixels import first_pixels_ms

    cookie, slug = reader.cookie, reader.slug
    found = first_pixels_ms(address, slug=slug, cookie=cookie, cases=plan.seen)
    say("first_pixels_ms", statistics.median(found), "ms")
    say("first_pixels_p95_ms", p95_ms([ms / 1000 for ms in found]), "ms")


def soak_figures(plan: Plan, readers: Sequence) -> None:
    """Many readers at once, and what the database holds of what they were told."""
    from benchmarks.support.soak import kept, soak

    done = soak(readers, seconds=plan.soak_seconds, think_seconds=plan.soak_think_seconds)
    for error in sorted(set(done.errors))[:5]:
        print(f"# {error}", file=sys.stderr)
    say("soak_readers", len(readers), "readers")
    say("soak_reads", len(done.reads), "reads")
    say("soak_reads_per_second", len(done.reads) / done.seconds, "reads/s")
    say("soak_errors", len(done.errors), "answers")
    found = kept(readers, "soak")
    say("soak_lost", found.lost, "readings")
    say("soak_duplicates", found.duplicates, "readings")
    say("soak_out_of_order", found.out_of_order, "readings")
    say("soak_p95_ms", p95_ms([read.seconds for read in done.reads]), "ms")


if __name__ == "__main__":
    main()
