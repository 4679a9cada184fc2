"""What a dry run found, for the person who decides whether to import."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

SHOWN = 20  # values of a column that are listed

Summary = dict[str, str]
PICTURE_LABELS = {"to_look_at": "To look at", "same_picture": "The same picture twice"}
"""What people read in the place of these names; the other names are columns'."""


@dataclass(frozen=True, kw_only=True)
class DryRunReport:
    """A clean dry run: how many rows, what each column holds, and thumbnails as a PNG."""

    rows: int
    summary: Summary
    truth_summary: Summary = field(default_factory=dict)
    sheet: bytes = b""


def counts_text(values: Iterable[object]) -> str:
    """How often each value comes, the most frequent first."""
    found = sorted(Counter(map(str, values)).items(), key=lambda pair: (-pair[1], pair[0]))
    texts = [f"{value} {count}" for value, count in found[:SHOWN]]
    return ", ".join(texts) + (f", and {len(found) - SHOWN} more" if len(found) > SHOWN else "")


def range_text(values: Iterable[float]) -> str:
    """Least, middle and greatest."""
    known = sorted(values)
    if not known:
        return "none"
    return f"{known[0]:g} to {known[-1]:g}, median {median(known):g}"
