"""What there is to see of a node, drawn for its etiology, and how well a perfect reader of it does.

Each sign shows with a probability, never always, and each measure has a spread, so the classes
overlap. The numbers are ours, chosen after the reviews below and fitted to no data: they say
nothing about patients.

References: Ahuja et al., Cancer Imaging 2008, 8:48; Ying et al., Cancer Imaging 2013, 13:658;
Khanna et al., World J Surg Oncol 2011, 9:29.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from scipy.special import log_ndtr, ndtr, ndtri

from readerstudy.diagnosis import Etiology

Sign = StrEnum("Sign", ["HILUM", "NECROSIS", "MATTED", "RETICULATED", "ECHOES"])
Flow = StrEnum("Flow", ["ABSENT", "HILAR", "RICH_HILAR", "PERIPHERAL", "MIXED", "DISPLACED"])

# Least and greatest value of each measure: the longest diameter of the node, its short over its
# long axis, the echo level of its cortex, the size of its margin's waves relative to its radius.
MEASURES = {
    "diameter_mm": (8, 40),
    "axis_ratio": (0.32, 0.95),
    "cortex_db": (-52, -35),
    "ragged": (0.005, 0.2),
}

# (mean, SD) of each measure before it is cut to its range; probability of each sign and of each
# flow in the order above.
HABITS = {
    Etiology.REACTIVE: dict(
        diameter_mm=(18, 5), axis_ratio=(0.50, 0.09), cortex_db=(-41.5, 2.2), ragged=(0.03, 0.012),
        signs=(0.82, 0.04, 0.05, 0.05, 0.07), flow=(0.13, 0.61, 0.12, 0.04, 0.06, 0.04),
    ),
    Etiology.TUBERCULOUS: dict(
        diameter_mm=(22, 6), axis_ratio=(0.58, 0.10), cortex_db=(-42, 2.5), ragged=(0.06, 0.028),
        signs=(0.22, 0.65, 0.60, 0.05, 0.48), flow=(0.22, 0.15, 0.04, 0.08, 0.06, 0.45),
    ),
    Etiology.LYMPHOMA: dict(
        diameter_mm=(25, 7), axis_ratio=(0.74, 0.10), cortex_db=(-47.5, 2.2), ragged=(0.032, 0.012),
        signs=(0.18, 0.05, 0.15, 0.68, 0.05), flow=(0.05, 0.18, 0.58, 0.05, 0.11, 0.03),
    ),
    Etiology.METASTATIC: dict(
        diameter_mm=(21, 7), axis_ratio=(0.76, 0.11), cortex_db=(-42, 2.5), ragged=(0.042, 0.017),
        signs=(0.10, 0.28, 0.10, 0.07, 0.18), flow=(0.09, 0.08, 0.05, 0.59, 0.15, 0.04),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class NodeFindings:
    """What there is to see of one node, before any picture is made of it."""

    diameter_mm: float  # aimed at; that of the drawn node differs a little
    axis_ratio: float
    cortex_db: float
    ragged: float
    signs: frozenset[Sign]
    flow: Flow


def sample_findings(*, etiology: Etiology, rng: np.random.Generator) -> NodeFindings:
    """The findings of one node of this etiology, each independent of the others."""
    habit = HABITS[etiology]
    measures = {}
    for name, limits in MEASURES.items():
        mean, spread = habit[name]
        share = rng.uniform(*ndtr((np.array(limits) - mean) / spread))
        measures[name] = float(mean + spread * ndtri(share))
    signs = frozenset(s for s, p in zip(Sign, habit["signs"], strict=True) if rng.random() < p)
    flow = list(Flow)[rng.choice(len(Flow), p=habit["flow"])]
    return NodeFindings(**measures, signs=signs, flow=flow)


def log_likelihood(findings: Sequence[NodeFindings]) -> np.ndarray:
    """Log density (N, 4) of each node's findings under each etiology, in the class order.

    Exact. With the log shares of the etiologies added, Bayes's rule gives the best diagnosis that
    the findings allow: the ceiling of every reader, human or not, who goes by them.
    """
    seen = np.array([[sign in f.signs for sign in Sign] for f in findings])
    flows = np.array([list(Flow).index(f.flow) for f in findings])
    columns = []
    for habit in HABITS.values():
        rates = np.array(habit["signs"])
        total = np.log(np.where(seen, rates, 1 - rates)).sum(axis=1)
        total += np.log(habit["flow"])[flows]
        for name, limits in MEASURES.items():
            mean, spread = habit[name]
            z = (np.array([getattr(f, name) for f in findings]) - mean) / spread
            low, high = (np.array(limits) - mean) / spread
            total -= z**2 / 2 + np.log(spread * np.sqrt(2 * np.pi))
            total -= np.log(np.exp(log_ndtr(high)) - np.exp(log_ndtr(low)))
        columns.append(total)
    return np.stack(columns, axis=1)
