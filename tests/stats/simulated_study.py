"""Reader studies to test on: the one behind the MRMC references, and made-up ones."""

import csv
import json
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

DATA = Path(__file__).parents[1] / "data" / "stats"
REFERENCE = json.loads((DATA / "mrmc_r.json").read_text())


@cache
def study(column):
    """(truth, ratings): one of the columns "rating", "score" or "binary" of every reading."""
    with (DATA / "sim6x2x368.csv").open() as file:
        rows = list(csv.DictReader(file))
    truth, ratings = np.full(368, np.nan), np.full((2, 6, 368), np.nan)
    for row in rows:
        case = int(row["case"]) - 1
        truth[case] = int(row["truth"])
        ratings[int(row["treatment"]) - 1, int(row["reader"]) - 1, case] = float(row[column])
    return truth, ratings


@st.composite
def small_studies(draw, *, decisions=False):
    """(truth, ratings): 2 or 3 modalities, 2 or 3 readers, 2 to 4 cases of either class."""
    n_positive, n_negative = draw(st.integers(2, 4)), draw(st.integers(2, 4))
    truth = np.array(draw(st.permutations([1] * n_positive + [0] * n_negative)))
    shape = (draw(st.integers(2, 3)), draw(st.integers(2, 3)), truth.size)
    levels = st.integers(0, 1 if decisions else 4)
    return truth, draw(arrays(np.int64, shape, elements=levels))


def simulated(n_modalities=2, n_readers=4, n_cases=60, seed=1):
    rng = np.random.default_rng(seed)
    truth = np.arange(n_cases) % 2
    skill = 0.4 * np.arange(n_modalities)[:, None, None] + rng.normal(0.8, 0.3, (n_readers, 1))
    case = rng.normal(size=n_cases)
    noise = rng.normal(size=(n_modalities, n_readers, n_cases))
    return truth, skill * truth + case + noise
