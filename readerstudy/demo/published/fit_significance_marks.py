"""Which counts of two paired arms give the printed marks of significance.

The marks are those of McNemar's test on the one-vs-rest cells, chi-squared without continuity
correction, as in `analysis.stats.mcnemar_one_vs_rest`. Let only arm a have b cases right and only
arm b have c, and let both be wrong under different names on d. A case that one arm alone has right
differs in its positive cell and in one negative cell; one of the d differs in two negative cells,
one in favour of each arm. So the discordant cells are (2b + d, 2c + d) for accuracy, (b, c) for
sensitivity and (b + d, c + d) for specificity.
"""

from dataclasses import astuple, dataclass
from functools import cache

from scipy.stats import chi2

from readerstudy.demo.published.tables import Marks, PublishedCohort

LEVELS = (0.05, 0.01, 0.001)
_STATISTICS = chi2.isf(LEVELS, df=1).tolist()


@dataclass(frozen=True)
class MarkFits:
    """The counts that give the most of a row's three marks.

    different_names: cases that both arms have right, to the numbers of cases which both may have
    wrong under different names. A number of the first that is not there can't give as many marks.
    """

    marks_met: int
    different_names: dict[int, tuple[int, ...]]


def fit_model_vs_unaided(cohort: PublishedCohort, reader: int) -> MarkFits:
    """Of CLA-HDM against a reader (0-based) without AI."""
    counts = cohort.readers[reader]
    return fit_marks(
        n=cohort.size,
        correct_a=cohort.model_correct,
        correct_b=counts.unaided,
        printed=counts.model_vs_unaided,
    )


def fit_aided_vs_unaided(cohort: PublishedCohort, reader: int) -> MarkFits:
    """Of a reader (0-based) with AI against the same without."""
    counts = cohort.readers[reader]
    return fit_marks(
        n=cohort.size,
        correct_a=counts.aided,
        correct_b=counts.unaided,
        printed=counts.aided_vs_unaided,
    )


@cache
def fit_marks(*, n: int, correct_a: int, correct_b: int, printed: Marks) -> MarkFits:
    """Search all counts of two arms which have `correct_a` and `correct_b` of n cases right.

    Raises ValueError if an arm has more than n right.
    """
    if not (0 <= correct_a <= n and 0 <= correct_b <= n):
        raise ValueError(f"{correct_a} and {correct_b} right of {n}")
    met: dict[int, dict[int, int]] = {}
    for both_right in range(max(0, correct_a + correct_b - n), min(correct_a, correct_b) + 1):
        b, c = correct_a - both_right, correct_b - both_right
        both_wrong = n - correct_a - correct_b + both_right
        met[both_right] = {d: _marks_met(b, c, d, printed) for d in range(both_wrong + 1)}
    most = max(count for by_d in met.values() for count in by_d.values())
    fits = {
        both_right: tuple(d for d, count in by_d.items() if count == most)
        for both_right, by_d in met.items()
    }
    return MarkFits(most, {both_right: ds for both_right, ds in fits.items() if ds})


def marks_of_counts(*, b: int, c: int, d: int) -> Marks:
    """The marks that these counts give."""
    cells = ((2 * b + d, 2 * c + d), (b, c), (b + d, c + d))
    return Marks(*(_level(first, second) for first, second in cells))


def _marks_met(b: int, c: int, d: int, printed: Marks) -> int:
    found = marks_of_counts(b=b, c=c, d=d)
    return sum(
        ours == theirs for ours, theirs in zip(astuple(found), astuple(printed), strict=True)
    )


def _level(b: int, c: int) -> int:
    statistic = (b - c) ** 2 / (b + c) if b != c else 0.0
    return sum(statistic > level for level in _STATISTICS)
