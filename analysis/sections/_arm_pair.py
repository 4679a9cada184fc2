"""Two arms whose decisions a section compares."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analysis.sections._row_types import TestRow
from analysis.sections._subsets import Subset


@dataclass(frozen=True, eq=False)
class ArmComparison:
    """Two arms' decisions, each shape (n,) or (readers, n), and what is asked of them."""

    question: str
    subject: str
    against: str
    a: NDArray[np.int8]
    b: NDArray[np.int8]

    def row(self, subset: Subset, **found) -> TestRow:
        """The row of a test of this comparison."""
        return TestRow(
            question=self.question,
            subject=self.subject,
            against=self.against,
            cohort=subset.cohort,
            **found,
        )
