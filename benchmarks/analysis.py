"""Speed of the statistics, against what a notebook would use and against their own growth.

    .venv/bin/python benchmarks/analysis.py [--quick]

One line a figure: name, value, unit. Each compares in this one run; the best of several
repeats counts, in seconds of the processor, so that a busy machine does not favour the shorter
run. `--quick` repeats less, resamples less and grows less far: a check that it runs, not a figure.

- sklearn_bootstrap_over_ours: 1000 resamples of the micro-averaged AUC of 368 patients, four
  classes: a loop over scikit-learn's roc_auc_score, divided by our bootstrap.
- scipy_permutation_over_ours: two groups of two readers on 368 patients: SciPy's 9999 random
  permutations, divided by our exact test.
- growth_auc, growth_bootstrap, growth_permutation: time at 100,000 patients over that at 368,
  divided by what n log n predicts. 1 or less is no worse than n log n.
- growth_readers: the same of the default plan's sections on 368 patients, from 6 readers to 200.
- published_analysis_seconds: the reconstruction of the published study, 368 patients and six
  readers, read from the database and analysed by the default plan with 10,000 resamples.
- dashboard_ms, run_ms: an investigator's page of a study and that of its run, at 1,000,000
  readings (200 readers, 2,500 cases, SQLite), from request to answer.
- dashboard_first_ms, run_first_ms: the same when nothing of them is kept yet.
- dashboard_queries, run_queries: what each asks of the database.
"""

import argparse
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import log
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # this file too is named analysis

import numpy as np  # noqa: E402
from scipy.stats import permutation_test  # noqa: E402
from sklearn.metrics import roc_auc_score  # noqa: E402

from analysis import stats  # noqa: E402
from benchmarks.support.site import own_site  # noqa: E402

PATIENTS, CLASSES, READERS = 368, 4, 2
PERMUTATIONS = 9999


@dataclass(frozen=True)
class Plan:
    """How much is done."""

    repeats: int
    resamples: int
    many_patients: int


FULL = Plan(repeats=5, resamples=1000, many_patients=100_000)
QUICK = Plan(repeats=1, resamples=50, many_patients=1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="less of everything: that it runs")
    quick = parser.parse_args().quick
    plan = QUICK if quick else FULL
    report("sklearn_bootstrap_over_ours", sklearn_bootstrap_over_ours(plan), "ratio")
    report("scipy_permutation_over_ours", scipy_permutation_over_ours(plan), "ratio")
    for name, work in (("auc", auc), ("bootstrap", bootstrap), ("permutation", permutation)):
        report(f"growth_{name}", growth(work, plan), "ratio")
    with own_site():
        from benchmarks.support import analysis_timings

        for name, value, unit in analysis_timings.figures(quick=quick):
            report(name, value, unit)


def report(name: str, value: float, unit: str) -> None:
    print(f"{name} {value:.3g} {unit}", flush=True)


def best(work: Callable[[], object], repeats: int) -> float:
    """Processor seconds of the quickest of `repeats` runs, after one that is not counted."""
    work()
    seconds = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        seconds.append(time.process_time() - start)
    return min(seconds)


def scored(n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """True classes, shape (n,), and probabilities that lean to them, shape (n, CLASSES)."""
    rng = np.random.default_rng(1)
    truth = rng.integers(CLASSES, size=n_patients)
    logits = rng.normal(size=(n_patients, CLASSES))
    logits[np.arange(n_patients), truth] += 1.5
    odds = np.exp(logits)
    return truth, odds / odds.sum(axis=1, keepdims=True)


def read(n_patients: int) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong in two arms, each of shape (READERS, n)."""
    rng = np.random.default_rng(2)
    return tuple(rng.random((READERS, n_patients)) < chance for chance in (0.72, 0.7))


def sklearn_bootstrap_over_ours(plan: Plan) -> float:
    truth, score = scored(PATIENTS)
    one_hot = np.eye(CLASSES, dtype=int)[truth]

    def loop():
        rng = np.random.default_rng(3)
        values = []
        for _ in range(plan.resamples):
            chosen = rng.integers(PATIENTS, size=PATIENTS)
            values.append(roc_auc_score(one_hot[chosen], score[chosen], average="micro"))
        return np.quantile(values, [0.025, 0.975])

    def ours():
        statistics = {"micro": stats.one_vs_rest_auc_statistics(truth=truth, score=score).micro}
        # A generator: of a seed, samples that were drawn before would be used again.
        rng = np.random.default_rng(3)
        found = stats.bootstrap_statistics(
            statistics=statistics, resamples=plan.resamples, seed=rng
        )
        return found["micro"].interval

    agree(loop(), (ours().low, ours().high))
    return best(loop, min(plan.repeats, 3)) / best(ours, 4 * plan.repeats)


def scipy_permutation_over_ours(plan: Plan) -> float:
    a, b = read(PATIENTS)

    def scipys():
        return permutation_test(
            (a.mean(axis=0), b.mean(axis=0)),
            lambda x, y, axis: np.mean(x - y, axis=axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=PERMUTATIONS,
            rng=np.random.default_rng(4),
        ).pvalue

    def ours():
        return stats.paired_permutation(a=a, b=b).p_value

    agree([scipys()], [ours()], within=0.03)
    return best(scipys, plan.repeats) / best(ours, 4 * plan.repeats)


def agree(reference, found, *, within: float = 1e-9) -> None:
    """Refuse to compare the speed of two things that give different answers."""
    if not np.allclose(reference, found, rtol=0, atol=within):
        sys.exit(f"the two disagree: {list(reference)} and {list(found)}")


def auc(n_patients: int, _plan: Plan) -> Callable[[], object]:
    truth, score = scored(n_patients)
    return lambda: stats.one_vs_rest_roc(truth=truth, score=score)


def bootstrap(n_patients: int, plan: Plan) -> Callable[[], object]:
    truth, score = scored(n_patients)
    statistics = {"micro": stats.one_vs_rest_auc_statistics(truth=truth, score=score).micro}
    return lambda: stats.bootstrap_statistics(
        statistics=statistics, resamples=plan.resamples, seed=np.random.default_rng(5)
    )


def permutation(n_patients: int, _plan: Plan) -> Callable[[], object]:
    a, b = read(n_patients)
    return lambda: stats.paired_permutation(a=a, b=b)


def growth(work_on: Callable[[int, Plan], Callable[[], object]], plan: Plan) -> float:
    """Measured ratio of the times of many patients and few, over that of n log n."""
    many = plan.many_patients
    few_seconds = best(work_on(PATIENTS, plan), 4 * plan.repeats)
    many_seconds = best(work_on(many, plan), plan.repeats)
    predicted = many * log(many) / (PATIENTS * log(PATIENTS))
    return many_seconds / few_seconds / predicted


if __name__ == "__main__":
    main()
