"""What the import of a cohort costs: `manage.py import_cohort`, and the commit of one in the admin.

    .venv/bin/python benchmarks/cohort_import.py [--quick]

One line a figure: name, value, unit.

- import_over_bare: an import of phantoms, from manifest and PNG files to rows in SQLite and PNG
  files, over Pillow's bare decode and encode of the same images.
- check_over_decode: a dry run of the same source over Pillow's bare decode.
- bare_ms, decode_ms, import_ms, check_ms: the four by themselves, in ms a case.
- growth: a case's time in an import of 10,000 over that in one of 100; small images.
- memory_growth: the process's peak memory in the one over that in the other.
- cases_a_second, peak_memory: of the import of 10,000.

Each size of the latter three is in a process of its own. With --quick all is smaller: it only
shows that it runs.
"""

import argparse
import io
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from itertools import cycle, islice
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

DRAWN = 8  # small pictures, of which all cases' files are links
SMALL = 48  # pixels a side


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    phantoms: int  # of which all cases' files are links
    cases: int
    rounds: int
    growth: tuple[int, int]


FULL = Plan(phantoms=8, cases=60, rounds=5, growth=(100, 10_000))
QUICK = Plan(phantoms=1, cases=2, rounds=1, growth=(2, 4))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: that it runs")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    describe_machine(libraries=("django", "pillow", "numpy"))
    with TemporaryDirectory(prefix="readerstudy-bench-") as folder, own_site() as site:
        _side_by_side(Path(folder), site, plan)
        _growth(Path(folder), plan)


def _side_by_side(folder: Path, site: Path, plan: Plan) -> None:
    from readerstudy.demo.phantoms import draw_phantom

    kinds = islice(cycle(Etiology), plan.phantoms)
    drawn = [draw_phantom(etiology=kind, seed=seed) for seed, kind in enumerate(kinds)]
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
    say("growth", many["seconds_a_case"] / few["seconds_a_case"], "ratio")
    say("memory_growth", many["peak_bytes"] / few["peak_bytes"], "ratio")
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
    from readerstudy.imaging import open_source
    from readerstudy.studies.imports import cases
    from readerstudy.studies.imports.models import ImportJob
    from readerstudy.studies.imports.source_storage import DigestingSource

    cohort = new_cohort()
    kind = ImportJob.Kind.CASES_WITH_TRUTH
    job = ImportJob(study=cohort.study, cohort=cohort, kind=kind)
    with open_source(source) as opened:
        digesting = DigestingSource(opened)
        cases.check(job, digesting, iter)
        digesting.sha256()


if __name__ == "__main__":
    main()
