"""Cases that several tests share: the simulated study that R analysed, and made-up diagnoses."""

import json
from functools import cache
from itertools import product
from pathlib import Path

import numpy as np

from tests.stats import simulated_study

DATA = Path(__file__).parents[1] / "data" / "stats"


def reference(name):
    return json.loads((DATA / name).read_text())


@cache
def study():
    """{(reader, treatment): {column: array in the order of the cases}} of sim6x2x368.csv."""
    columns = {name: simulated_study.study(name) for name in ("rating", "binary", "score")}
    return {
        (reader, treatment): {
            "truth": columns["rating"][0],
            **{name: rows[treatment - 1, reader - 1] for name, (_, rows) in columns.items()},
        }
        for reader, treatment in product(range(1, 7), (1, 2))
    }


def four_classes(n_patients=60, seed=3, decimals=1, n_classes=4):
    """(truth, score): every class there, scores rounded so that many tie."""
    rng = np.random.default_rng(seed)
    truth = rng.permutation(np.arange(n_patients) % n_classes)
    score = rng.random((n_patients, n_classes))
    score[np.arange(n_patients), truth] += 0.4
    return truth, np.round(score, decimals)


def auc_by_pairs(positive, score):
    """Try every pair of a positive and a negative cell."""
    positive, score = np.ravel(positive).astype(bool), np.ravel(score)
    a, b = score[positive][:, None], score[~positive][None, :]
    return np.mean((a > b) + 0.5 * (a == b))
