"""What the readers of one cohort call their cases, once it is known which they have right.

A wrong answer is one of three. How often two arms are wrong under different names is bound by the
marks of significance (`fit_significance_marks`); apart from that, mistakes are those that are
easily made, and a reader with AI who goes astray mostly follows the model.
"""

import numpy as np
from numpy.typing import NDArray

from readerstudy.demo.published.fit_significance_marks import (
    MarkFits,
    fit_aided_vs_unaided,
    fit_model_vs_unaided,
)
from readerstudy.demo.published.tables import PublishedCohort

# How likely a wrong answer (column) is for each true etiology (row), both in class order. Ours:
# necrotic nodes are mistaken for each other, and so are those with a hilum.
CONFUSED = np.array(
    [
        [0.00, 0.40, 0.35, 0.25],
        [0.30, 0.00, 0.15, 0.55],
        [0.40, 0.15, 0.00, 0.45],
        [0.20, 0.45, 0.35, 0.00],
    ]
)
DIFFERS_FROM_MODEL = 0.5
"""Usual share of the cases which reader and model have wrong that they call by different names."""
CHANGES_MISTAKE = 0.25
"""Usual share of a reader's lasting mistakes that have another name with AI."""

Classes = NDArray[np.int8]


def rebuild_answers(
    cohort: PublishedCohort,
    *,
    truth: NDArray[np.integer],
    model: NDArray[np.integer],
    correct: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Classes:
    """Class indices (readers, 2 stages, n), given truth and the model's decisions, both (n,), and
    where each decision is right, (readers, 2 stages, n)."""
    answers = np.empty(correct.shape, dtype=np.int8)
    for reader in range(len(cohort.readers)):
        answers[reader, 0] = _name(
            truth,
            correct[reader, 0],
            after=model,
            fits=fit_model_vs_unaided(cohort, reader),
            share=DIFFERS_FROM_MODEL,
            hint=None,
            rng=rng,
        )
        answers[reader, 1] = _name(
            truth,
            correct[reader, 1],
            after=answers[reader, 0],
            fits=fit_aided_vs_unaided(cohort, reader),
            share=CHANGES_MISTAKE,
            hint=model,
            rng=rng,
        )
    return answers


def _name(
    truth: NDArray[np.integer],
    right: NDArray[np.bool_],
    *,
    after: NDArray[np.integer],
    fits: MarkFits,
    share: float,
    hint: NDArray[np.integer] | None,
    rng: np.random.Generator,
) -> Classes:
    """One arm's answers (n,), beside those of the arm `after` that the paper compares it with.

    Of the cases that both have wrong, about `share` get another name, as far as `fits` allows;
    those first where `hint`, the model's decision, is another mistake.
    """
    answers = truth.astype(np.int8)
    both_wrong = np.flatnonzero(~right & (after != truth))
    allowed = fits.different_names[int(np.sum(right & (after == truth)))]
    different = min(allowed, key=lambda count: abs(count - share * both_wrong.size))
    order = rng.permutation(both_wrong)
    if hint is not None:
        hinted = (hint[order] != truth[order]) & (hint[order] != after[order])
        order = order[np.argsort(~hinted, kind="stable")]
    answers[order[different:]] = after[order[different:]]
    for case in [*order[:different], *np.flatnonzero(~right & (after == truth))]:
        answers[case] = _mistake(truth[case], not_this=after[case], hint=hint, case=case, rng=rng)
    return answers


def _mistake(
    truth: int,
    *,
    not_this: int,
    hint: NDArray[np.integer] | None,
    case: int,
    rng: np.random.Generator,
) -> int:
    """A wrong class other than `not_this`: the model's if it will do, else a likely one."""
    if hint is not None and hint[case] not in (truth, not_this):
        return hint[case]
    likely = CONFUSED[truth].copy()
    likely[not_this] = 0
    return rng.choice(likely.size, p=likely / likely.sum())
