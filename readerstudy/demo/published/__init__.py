"""The published reader study, rebuilt from its tables: Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z.

The paper's patients are not here. `reconstruct` makes up 368 cases, the model's probabilities and
the decisions of six readers in two stages, such that counting them gives the printed tables;
`count_from_cases` counts it, and `compare` says what is met and what can't be. Plain NumPy and
SciPy.

    tables                        what is printed, and the whole numbers behind it
    model                         the three sub-models' probabilities
    fit_significance_marks        which counts give the printed marks of significance
    correct_case_search           which cases each reader has right
    answers                       what the wrong ones are called
    invented_baselines_and_times  baseline characteristics and reading times, drawn at random
    reconstruction                all of it together
    recomputed_values             its figures: counted from cases, or read off a run's results
    comparison                    these beside print
    discrepancies                 why the two disagree, where they do
"""

from readerstudy.demo.published.comparison import Agreement, Figure, compare, tally
from readerstudy.demo.published.recomputed_values import count_from_cases, read_off_run
from readerstudy.demo.published.reconstruction import (
    SEED,
    CountedStudy,
    PublishedStudy,
    reconstruct,
)

__all__ = [
    "SEED",
    "Agreement",
    "CountedStudy",
    "Figure",
    "PublishedStudy",
    "compare",
    "count_from_cases",
    "read_off_run",
    "reconstruct",
    "tally",
]
