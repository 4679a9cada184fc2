"""Time things side by side, and say a figure in one line."""

import platform
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import torch


@dataclass(frozen=True)
class Timings:
    """Seconds that each arm took, by name; entry i of all is round i."""

    seconds: Mapping[str, list[float]]

    def median(self, arm: str) -> float:
        return statistics.median(self.seconds[arm])

    def ratio(self, arm: str, over: str) -> float:
        """The median over the rounds of one arm's time to another's in the same round."""
        pairs = zip(self.seconds[arm], self.seconds[over], strict=True)
        return statistics.median(a / b for a, b in pairs)


def side_by_side(
    arms: Mapping[str, Callable[[], object]],
    *,
    rounds: int,
    device: torch.device,
    warm_up: bool = True,
    before: Mapping[str, Callable[[], object]] | None = None,
) -> Timings:
    """Run every arm once a round, every other round in reverse order.

    With `warm_up` there is a round before them that does not count. `before` holds, for arms that
    need it, what is to be done untimed before each of their runs.
    """
    before = before or {}
    seconds: dict[str, list[float]] = {name: [] for name in arms}
    for number in range(-int(warm_up), rounds):
        for name in list(arms)[:: -1 if number % 2 else 1]:
            before.get(name, lambda: None)()
            _finish_pending(device)
            begin = time.perf_counter()
            arms[name]()
            _finish_pending(device)
            if number >= 0:
                seconds[name].append(time.perf_counter() - begin)
    return Timings(seconds)


def say(name: str, value: float, unit: str) -> None:
    """One figure, one line, on standard output: a count in full, else three digits."""
    is_whole = isinstance(value, int) or value >= 1000
    print(f"{name} {value:{'.0f' if is_whole else '.3g'}} {unit}", flush=True)


def describe_machine(
    device: torch.device | None = None, libraries: Sequence[str] = ("torch", "django", "pillow")
) -> None:
    """Where the figures come from, on standard error; the device, where there is a network."""
    versions = ", ".join(f"{name} {version(name)}" for name in libraries)
    lines = [
        f"{_processor()}, {torch.get_num_threads()} threads" if device else _processor(),
        *([torch.cuda.get_device_name(device)] if device and device.type == "cuda" else []),
        f"Python {platform.python_version()}, {versions}",
    ]
    print(*(f"# {line}" for line in lines), sep="\n", file=sys.stderr, flush=True)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return f"{models[0]}, {len(models)} cores" if models else platform.machine()


def _finish_pending(device: torch.device) -> None:
    """A GPU works behind the program's back; wait for it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
