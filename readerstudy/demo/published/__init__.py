"""The published reader study, rebuilt from its tables: Zhu et al., BMC Medicine 2022, 20:269,
doi 10.1186/s12916-022-02469-z.

The paper's patients are not here. `reconstruct` makes up 368 cases, the model's probabilities and
the decisions of six readers in two stages, such that counting them gives the printed tables;
`count` counts it, and `compare` says what is met and what can't be. Plain NumPy and SciPy.

    tables          what is printed, and the whole numbers behind it
    model           the three sub-models' probabilities
    marks           which counts give the printed marks of significance
    overlaps        which cases each reader has right
    answers         what the wrong ones are called
    circumstances   baseline characteristics and reading times, drawn
    study           all of it together
    counts          its figures: counted from cases, or read off the results of a run
    comparison      these beside print
    remarks         why the two disagree, where they do
"""

from readerstudy.demo.published.comparison import Agreement, Figure, compare, tally
from readerstudy.demo.published.counts import count, read_off
from readerstudy.demo.published.study import SEED, CountedStudy, PublishedStudy, reconstruct

__all__ = [
    "SEED",
    "Agreement",
    "CountedStudy",
    "Figure",
    "PublishedStudy",
    "compare",
    "count",
    "read_off",
    "reconstruct",
    "tally",
]
