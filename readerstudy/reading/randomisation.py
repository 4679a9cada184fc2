"""Draw reading orders. Pure functions of their arguments; what they draw is stored.

``sha256-sort-v1``: every case gets the key SHA-256("seed|reader|stage|cohort|case id") and the
cases are read in the order of their keys. The keys are as good as random and nobody can foresee
them without the seed; anyone who has it can redo the draw with a hash tool, in any language.

Stratified, each cohort is put in that order by itself, then spread evenly: with n_c cases, the
i-th (from 0) of cohort c goes to (i + u) / n_c, where u in [0, 1) is SHA-256 of the same text
with "|place" added, as a fraction of 2^256, and all are sorted by that.
"""

import hashlib
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

ALGORITHM = "sha256-sort-v1"


class CaseKey(NamedTuple):
    """What names a case in a draw, the same on every site."""

    cohort: str
    case_id: str


def draw_order(
    *, cases: Sequence[CaseKey], seed: int, reader: str, stage: int, stratify: bool
) -> list[CaseKey]:
    """The cases in a reader's order for a stage.

    Raises ValueError when a case is named twice.
    """
    if len(set(cases)) < len(cases):
        raise ValueError("cases: a case is named twice")
    texts = {c: f"{seed}|{reader}|{stage}|{c.cohort}|{c.case_id}" for c in cases}
    pooled = sorted(cases, key=lambda case: _key(texts[case]))
    if not stratify:
        return pooled
    sizes = Counter(case.cohort for case in cases)
    seen: Counter[str] = Counter()
    places = {}
    for case in pooled:
        within = seen[case.cohort] + Fraction(_key(texts[case] + "|place"), 2**256)
        places[case] = within / sizes[case.cohort]
        seen[case.cohort] += 1
    return sorted(cases, key=places.__getitem__)


def order_digest(order: Sequence[CaseKey]) -> str:
    """SHA-256 of a realised order, for the record of its draw."""
    text = "\n".join(f"{case.cohort}|{case.case_id}" for case in order)
    return hashlib.sha256(text.encode()).hexdigest()


def _key(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
