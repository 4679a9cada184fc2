"""The permutation test of two arms on the same patients: exact wherever that can be computed."""

from math import gcd, lcm

import numpy as np
from numpy.typing import NDArray

from analysis import stats
from analysis.plan import Plan

# Values that the exact distribution may have; time grows with their square. Two groups of ten
# readers or so stay below it with a thousand patients.
MAX_SUPPORT = 50_000


def paired_test(a: NDArray[np.bool_], b: NDArray[np.bool_], plan: Plan) -> stats.PermutationResult:
    """Test of the share right in ``a`` less that in ``b``; each (n,) or (readers, n), right or not.

    Groups of many readers, of sizes without a common divisor, are tested by random exchanges.
    """
    alternative = plan.permutation.alternative
    a, b = np.atleast_2d(a), np.atleast_2d(b)
    scale = lcm(len(a), len(b))
    differences = a.sum(axis=0) * (scale // len(a)) - b.sum(axis=0) * (scale // len(b))
    step = gcd(*differences.tolist()) or 1
    if np.abs(differences).sum() // step <= MAX_SUPPORT:
        return stats.paired_permutation(a=a, b=b, alternative=alternative)
    n = differences.size
    return stats.paired_permutation_monte_carlo(
        statistic=lambda swaps: (
            np.where(swaps, -differences, differences).sum(axis=1) / (scale * n)
        ),
        n_patients=n,
        permutations=plan.permutation.draws,
        alternative=alternative,
        seed=plan.seed,
    )
