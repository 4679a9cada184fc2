"""CLA-HDM's probabilities, rebuilt so that one cohort's rows of the published Table 1 come out.

Which cases are wrong is drawn first, in the printed numbers; then how the cases rank, which gives
each sub-model's AUC; then how sure the etiology of a misgated case is, which none of those figures
hang on and which moves the four-class AUC to where it is printed.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from inference.clahdm.evaluation import auc, gated_probabilities
from inference.clahdm.hierarchical_probabilities import DEFAULT_THRESHOLD
from readerstudy.demo.published.tables import PublishedCohort, SubModelCounts
from readerstudy.diagnosis import Etiology, Malignancy

POINT_CUT_OFF = 0.48
"""At this cut-off sub-model 1 has every printed sensitivity and specificity.

In external cohort 1 it can't have them at the gate's own threshold (see
`model_correct_below_possible`). In the others no probability lies between the two.
"""

# The share of each etiology that the other branch's sub-model takes for its positive class. Ours,
# from the signs that etiologies share: necrosis (tuberculous, metastatic) or an untouched hilum.
POSITIVE_WHEN_ASTRAY = {
    Etiology.REACTIVE: 0.4,
    Etiology.TUBERCULOUS: 0.75,
    Etiology.LYMPHOMA: 0.3,
    Etiology.METASTATIC: 0.65,
}
# Lowest probability of each sub-model. The negative class of 2 and 3 is the rarer: never so sure.
_LOWEST = (0.003, 0.2, 0.2)
_HIGHEST = 0.997
_DECIMALS = 4

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class _Errors:
    """Cases (n,) that the gate has wrong; of these, those right at POINT_CUT_OFF; and cases that
    the sub-model of their true branch has wrong."""

    gate: Flags
    near: Flags
    etiology: Flags


def model_correct_below_possible(cohort: PublishedCohort) -> int:
    """By how many cases CLA-HDM is printed worse than its three sub-models allow; mostly 0.

    A case is right if the gate and its branch's sub-model both are. In external cohort 1 the
    sub-models are printed wrong on 13, 8 and 10 of 105 cases, so 74 are right at least, and 69 are
    printed: no gate at the cut-off of sub-model 1's printed row does that. The fewest figures are
    lost if the gate misses five more malignant cases than that row: its accuracy and sensitivity.
    """
    wrong = sum(
        sub.positives - sub.true_positives + sub.negatives - sub.true_negatives
        for sub in cohort.sub_models
    )
    return max(0, cohort.size - wrong - cohort.model_correct)


def rebuild_model(
    cohort: PublishedCohort, *, truth: NDArray[np.integer], rng: np.random.Generator
) -> Floats:
    """Probabilities (n, 3) of the positive classes of sub-models 1, 2 and 3, all run on every case.

    `truth` (n,) holds class indices, as many of each as the cohort has.
    """
    errors = _draw_errors(cohort, truth, rng)
    probabilities = np.empty((len(truth), 3))
    malignant = _is_malignant(truth)
    probabilities[:, 0] = _scores(
        cohort.sub_models[0],
        positive=malignant,
        wrong=errors.gate,
        near=errors.near,
        hard=errors.etiology,
        lowest=_LOWEST[0],
        rng=rng,
    )
    for column, branch in enumerate(Malignancy, start=1):
        members = np.flatnonzero(malignant == (branch is Malignancy.MALIGNANT))
        probabilities[members, column] = _scores(
            cohort.sub_models[column],
            positive=truth[members] == branch.etiologies[1].class_index,
            wrong=errors.etiology[members],
            near=np.zeros(members.size, dtype=bool),
            hard=errors.gate[members],
            lowest=_LOWEST[column],
            rng=rng,
        )
    return _fill_in_the_other_branch(cohort, probabilities, truth, errors.gate, rng)


def _is_malignant(truth: NDArray[np.integer]) -> Flags:
    return np.isin(truth, [e.class_index for e in Malignancy.MALIGNANT.etiologies])


def _draw_errors(
    cohort: PublishedCohort, truth: NDArray[np.integer], rng: np.random.Generator
) -> _Errors:
    """Wrong cases in the printed numbers; gate and etiology are wrong together as often as leaves
    `model_correct` cases right, in each branch in proportion to what chance would give."""
    etiology = np.zeros(len(truth), dtype=bool)
    for e, wrong in zip(Etiology, _etiology_wrong(cohort), strict=True):
        etiology[rng.choice(np.flatnonzero(truth == e.class_index), wrong, replace=False)] = True

    first, extra = cohort.sub_models[0], model_correct_below_possible(cohort)
    misgated = (
        first.negatives - first.true_negatives,
        first.positives - first.true_positives + extra,
    )
    malignant = _is_malignant(truth)
    branches = (np.flatnonzero(~malignant), np.flatnonzero(malignant))
    both = cohort.model_correct - (len(truth) - sum(misgated) - int(etiology.sum()))
    chance = [n * etiology[cases].mean() for n, cases in zip(misgated, branches, strict=True)]
    both_benign = round(both * chance[0] / sum(chance))

    gate = np.zeros(len(truth), dtype=bool)
    for cases, wrong, twice in zip(
        branches, misgated, (both_benign, both - both_benign), strict=True
    ):
        gate[rng.choice(cases[etiology[cases]], twice, replace=False)] = True
        gate[rng.choice(cases[~etiology[cases]], wrong - twice, replace=False)] = True
    near = np.zeros(len(truth), dtype=bool)
    near[rng.choice(np.flatnonzero(gate & malignant), extra, replace=False)] = True
    return _Errors(gate, near, etiology)


def _etiology_wrong(cohort: PublishedCohort) -> list[int]:
    """Cases of each etiology that the sub-model of its branch has wrong."""
    return [
        wrong
        for sub in cohort.sub_models[1:]
        for wrong in (sub.negatives - sub.true_negatives, sub.positives - sub.true_positives)
    ]


def _scores(
    sub: SubModelCounts,
    *,
    positive: Flags,
    wrong: Flags,
    near: Flags,
    hard: Flags,
    lowest: float,
    rng: np.random.Generator,
) -> Floats:
    """Probabilities (m,) of one sub-model on its branch, with the printed AUC.

    Of cases alike in class and decision, those which are `hard` for another sub-model are the
    least sure.
    """
    low, high = (positive == wrong) & ~near, positive != wrong
    wins_low, wins_high = _wins(sub, positive=positive, low=low, high=high)
    scores = np.empty(len(positive))
    for side, wins, sure, unsure in (
        (low, wins_low, lowest, POINT_CUT_OFF),
        (high, wins_high, _HIGHEST, DEFAULT_THRESHOLD),
    ):
        values = np.sort(unsure + (sure - unsure) * _sureness(side.sum(), rng))
        ladder = _ladder(positive[side].sum(), (~positive[side]).sum(), wins, rng)
        for kind in (True, False):
            cases = rng.permutation(np.flatnonzero(side & (positive == kind)))
            hard_first = cases[np.argsort(~hard[cases], kind="stable")]
            mine = values[ladder == kind]
            scores[hard_first] = mine[np.argsort(np.abs(mine - unsure))]
    scores[near] = np.linspace(POINT_CUT_OFF, DEFAULT_THRESHOLD, near.sum() + 2)[1:-1]
    return scores.round(_DECIMALS)


def _wins(sub: SubModelCounts, *, positive: Flags, low: Flags, high: Flags) -> tuple[int, int]:
    """Pairs with the positive higher, on the low and the high side, that make the printed AUC.

    The decisions settle every pair but those on one side; both sides then win the same share.
    """
    pairs = [int(positive[side].sum() * (~positive[side]).sum()) for side in (low, high)]
    lost = int((positive & ~high).sum() * (~positive & high).sum())
    settled = sub.positives * sub.negatives - sum(pairs) - lost
    wins = round(sub.auc * sub.positives * sub.negatives) - settled
    wins_low = round(wins * pairs[0] / max(1, sum(pairs)))
    return wins_low, wins - wins_low


def _sureness(count: int, rng: np.random.Generator) -> Floats:
    """How far towards certainty, between 0 and 1: distinct, in no order, more than half of them
    past the middle."""
    steps = (np.arange(count) + rng.uniform(0.25, 0.75, count)) / max(1, count)
    return rng.permutation(1 - 0.3 * steps - 0.7 * steps**2)


def _ladder(positives: int, negatives: int, wins: int, rng: np.random.Generator) -> Flags:
    """An order, lowest first, in which `wins` (positive, negative) pairs have the positive higher.

    Raises ValueError if there are not so many pairs.
    """
    if not 0 <= wins <= positives * negatives:
        raise ValueError(f"{wins} wins among {positives} x {negatives} pairs")
    ladder = rng.permutation(np.repeat([True, False], [positives, negatives]))
    won = int(np.cumsum(~ladder)[ladder].sum())
    while won != wins:  # two neighbours at a time, which is one pair
        rising = won < wins
        place = rng.choice(np.flatnonzero((ladder[:-1] == rising) & (ladder[1:] != rising)))
        ladder[[place, place + 1]] = ladder[[place + 1, place]]
        won += 1 if rising else -1
    return ladder


def _fill_in_the_other_branch(
    cohort: PublishedCohort,
    probabilities: Floats,
    truth: NDArray[np.integer],
    misgated: Flags,
    rng: np.random.Generator,
) -> Floats:
    """Sub-model 2 on malignant and sub-model 3 on benign cases, which only the misgated ones show.

    They are as sure, all together, as brings the four-class AUC nearest to the printed one.
    """
    positive = rng.random(len(truth)) < np.array(list(POSITIVE_WHEN_ASTRAY.values()))[truth]
    side, sureness = np.where(positive, 1, -1), _sureness(len(truth), rng)
    column = np.where(_is_malignant(truth), 1, 2)
    is_class = truth[:, None] == np.arange(len(Etiology))

    def filled(level: float) -> Floats:
        """Misgated cases hardly sure at level 0, nearly certain at 1."""
        exponent = np.where(misgated, 1 / max(level, 0.01) - 1, 1)
        p = DEFAULT_THRESHOLD + side * (_HIGHEST - DEFAULT_THRESHOLD) * sureness**exponent
        result = probabilities.copy()
        result[np.arange(len(truth)), column] = p.round(_DECIMALS)
        return result

    def miss(level: float) -> float:
        gated = gated_probabilities(filled(level), threshold=DEFAULT_THRESHOLD)
        return abs(auc(is_class.ravel(), gated.ravel()) - cohort.model_auc)

    return filled(min(np.linspace(0, 1, 201), key=miss))
