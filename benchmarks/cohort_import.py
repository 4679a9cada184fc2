"""What the import of a cohort costs: `manage.py import_cohort`, and the commit of one in the admin.

    .venv/bin/python benchmarks/cohort_import.py [--quick]

import_over_bare        an import of phantoms, from manifest and PNG files to rows in SQLite and PNG
                        files, over Pillow's bare decode and encode of the same images
check_over_decode       a dry run of the same source over Pillow's bare decode
growth_10000_over_100   a case's time in an import of 10,000 over that in one of 100; small images
memory_10000_over_100   the process's peak memory in the one over that in the other

Each size of the latter two is in a process of its own. Times that are no ratio are in ms a case.
With --quick all is smaller: it only shows that it runs.
"""

import argparse
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402
import torch  # noqa: E402
from PIL import Image as PillowImage  # noqa: E402

from benchmarks.support.importing import (  # noqa: E402
    KIB,
    import_source,
    named,
    new_cohort,
    write_source,
)
from benchmarks.support.measure import describe_machine, say, side_by_side  # noqa: E402
from benchmarks.support.site import fresh_database, own_site  # noqa: E402
from readerstudy.diagnosis import Etiology  # noqa: E402

DRAWN = 8  # pictures, of which all cases' files are links
SMALL = 48  # pixels a side


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    cases: int
    rounds: int
    growth: tuple[int, int]


FULL = Plan(cases=60, rounds=5, growth=(100, 10_000))
QUICK = Plan(cases=6, rounds=1, growth=(50, 300))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="less of everything, in a minute")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    describe_machine(libraries=("django", "pillow", "numpy"))
    with TemporaryDirectory(prefix="readerstudy-bench-") as folder, own_site() as site:
        _side_by_side(Path(folder), site, plan)
        _growth(Path(folder), plan)


def _side_by_side(folder: Path, site: Path, plan: Plan) -> None:
    from readerstudy.demo.phantoms import draw_phantom

    drawn = [draw_phantom(etiology=e, seed=n) for n, e in enumerate([*Etiology] * 2)]
    pairs = [(phantom.bus, phantom.cdfi) for phantom in drawn]
    source = write_source(folder / "phantoms", cases=plan.cases, pairs=pairs)
    arms = {
        "bare": lambda: _bare(source, encode=True),
        "decode": lambda: _bare(source, encode=False),
        "import": lambda: import_source(source),
        "check": lambda: _check(source),
    }
    with fresh_database(site):
        found = side_by_side(arms, rounds=plan.rounds, device=torch.device("cpu"))
    say("import_over_bare", found.ratio("import", over="bare"), "ratio")
    say("check_over_decode", found.ratio("check", over="decode"), "ratio")
    for arm in arms:
        say(f"{arm}_ms", 1000 * found.median(arm) / plan.cases, "ms a case")


def _growth(folder: Path, plan: Plan) -> None:
    rng = np.random.default_rng(0)
    pairs = [rng.integers(0, 255, (2, SMALL, SMALL, 3), np.uint8) for _ in range(DRAWN)]
    told = {}
    for cases in plan.growth:
        source = write_source(folder / f"small-{cases}", cases=cases, pairs=pairs)
        command = [sys.executable, "-m", "benchmarks.support.importing", str(source)]
        env = os.environ | {"OMP_NUM_THREADS": "1"}
        found = subprocess.run(
            command, check=True, capture_output=True, text=True, env=env, cwd=ROOT
        )  # fmt: skip
        told[cases] = json.loads(found.stdout)
    few, many = (told[cases] for cases in plan.growth)
    name = f"{plan.growth[1]}_over_{plan.growth[0]}"
    say(f"growth_{name}", many["seconds_a_case"] / few["seconds_a_case"], "ratio")
    say(f"memory_{name}", many["peak_bytes"] / few["peak_bytes"], "ratio")
    say("cases_a_second", 1 / many["seconds_a_case"], "cases/s, of small images")
    say("peak_memory", many["peak_bytes"] / KIB**2, "MiB")


def _bare(source: Path, *, encode: bool) -> None:
    """What no import can do without: every file read and decoded, and encoded."""
    for path in named(source):
        with PillowImage.open(io.BytesIO(path.read_bytes())) as image:
            pixels = np.array(image.convert("RGB"))
        if encode:
            PillowImage.fromarray(pixels).save(io.BytesIO(), "PNG", compress_level=6)


def _check(source: Path) -> None:
    """The dry run of the admin, but for its row."""
    from readerstudy.cohorts.imports import cases
    from readerstudy.cohorts.imports.incoming import DigestingSource
    from readerstudy.cohorts.imports.models import ImportJob
    from readerstudy.cohorts.ingest import open_source

    job = ImportJob(cohort=new_cohort(), kind=ImportJob.Kind.CASES_WITH_TRUTH)
    with open_source(source) as opened:
        digesting = DigestingSource(opened)
        cases.check(job, digesting, iter)
        digesting.sha256()


if __name__ == "__main__":
    main()
