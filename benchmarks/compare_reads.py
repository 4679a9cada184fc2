"""Processor time of a read at this checkout, over that at another one of the project.

    git worktree add /tmp/before COMMIT
    .venv/bin/python benchmarks/compare_reads.py --against /tmp/before [--postgresql] [--quick]

One line a figure: name, value, unit. A read is what the reading benchmark times, a submit whose
answer brings the next case's page, but without a server: processor time is hardly changed by what
else the machine does. Of either checkout one process reads, in blocks that take turns, every other
time in reverse order; a pair of blocks gives a ratio, and a pair of processes the median of its
blocks' ratios. There are several pairs of processes, since two of the very same code differ by a
few percent. Without `--against` the checkout is compared with itself: what a ratio is told from 1
by. The database is SQLite, whose time is part of the read; with `--postgresql` it is that of the
web process alone. Both checkouts use the packages that are installed here.

- read_cpu_ratio: ours over theirs, the mean (geometric) over the pairs of processes.
- read_cpu_ratio_low, read_cpu_ratio_high: the ends of its 95% interval (t, of the logarithms).
- read_cpu_ms, read_cpu_ms_against: what a read takes, the median of the blocks.
"""

import argparse
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[0] = str(ROOT)

import numpy as np  # noqa: E402
from scipy import stats  # noqa: E402

from benchmarks.support.measure import describe_machine, say  # noqa: E402
from tests import servers  # noqa: E402

WORKER = ROOT / "benchmarks/support/timed_read_blocks.py"


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    pairs: int  # of processes, one after the other
    blocks: int
    reads: int  # a block


FULL = Plan(pairs=8, blocks=10, reads=40)
QUICK = Plan(pairs=2, blocks=1, reads=2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: that it runs")
    parser.add_argument("--against", type=Path, default=ROOT, help="folder of the other checkout")
    parser.add_argument("--postgresql", action="store_true", help="instead of SQLite")
    options = parser.parse_args()
    plan = QUICK if options.quick else FULL
    describe_machine(libraries=("django", "psycopg2-binary"))
    checkouts = (ROOT, options.against.resolve(strict=True))
    seconds = np.array(
        [
            time_pair(checkouts, plan, postgresql=options.postgresql, ours_first=number % 2 == 0)
            for number in range(plan.pairs)
        ]
    )
    ratio, low, high = ratio_and_interval(seconds)
    say("read_cpu_ratio", ratio, "ratio")
    say("read_cpu_ratio_low", low, "ratio")
    say("read_cpu_ratio_high", high, "ratio")
    ours, theirs = 1000 * np.median(seconds, axis=(0, 1)) / plan.reads
    say("read_cpu_ms", ours, "ms")
    say("read_cpu_ms_against", theirs, "ms")


def ratio_and_interval(seconds: np.ndarray) -> tuple[float, float, float]:
    """Ratio, lower and upper limit, of seconds of shape (pairs, blocks, 2): ours and theirs."""
    logarithms = np.log(np.median(seconds[..., 0] / seconds[..., 1], axis=1))
    mean, error = logarithms.mean(), stats.sem(logarithms)
    margin = stats.t.ppf(0.975, len(logarithms) - 1) * error
    return tuple(np.exp([mean, mean - margin, mean + margin]))


def time_pair(
    checkouts: tuple[Path, Path], plan: Plan, *, postgresql: bool, ours_first: bool
) -> list[list[float]]:
    """Seconds of each block of one process a checkout; one block before them is not counted."""
    with ExitStack() as stack:
        blocks = [
            stack.enter_context(_reading(checkout, plan, postgresql=postgresql))
            for checkout in checkouts
        ]
        found = []
        for number in range(-1, plan.blocks):
            ours_begins = ours_first == (number % 2 == 0)
            row = [block() for block in (blocks if ours_begins else blocks[::-1])]
            found.append(row if ours_begins else row[::-1])
        return found[1:]


@contextmanager
def _reading(checkout: Path, plan: Plan, *, postgresql: bool) -> Iterator[Callable[[], float]]:
    """A process that reads at a checkout: each call is a block and returns its seconds.

    Raises RuntimeError where the process has ended.
    """
    with ExitStack() as stack:
        database = [stack.enter_context(servers.postgres())] if postgresql else []
        command = [sys.executable, WORKER, checkout, plan.blocks + 1, plan.reads, *database]
        process = stack.enter_context(
            servers.started(
                [str(each) for each in command],
                cwd=checkout,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
        )

        def block() -> float:
            process.stdin.write("\n")
            if not (answer := process.stdout.readline()):
                raise RuntimeError(f"the process that reads at {checkout} has ended")
            return float(answer)

        yield block


if __name__ == "__main__":
    main()
