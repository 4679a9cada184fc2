"""The study's figures beside print: every figure of Tables 1 to 3, and whether the two agree.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import floor
from statistics import median

from readerstudy.demo.published.discrepancies import discrepancy_of
from readerstudy.demo.published.fit_significance_marks import LEVELS
from readerstudy.demo.published.recomputed_values import (
    GROUP_VS_MODEL,
    GROUP_VS_SENIORS,
    STAGES,
    VS_MODEL,
    VS_UNAIDED,
    Values,
)
from readerstudy.demo.published.tables import METRICS, printed_rows, published_cohorts


class Agreement(StrEnum):
    """How a figure of ours compares with the printed one."""

    MET = "met"
    LAST_DIGIT = "off by one unit of the last digit"
    UNMET = "not met"


@dataclass(frozen=True)
class Figure:
    """One printed figure: where it stands, what is printed, and what we find."""

    table: int
    subject: str  # a model, a reader's number, or a group
    cohort: str
    name: str
    printed: str
    found: str
    agreement: Agreement

    @property
    def remark(self) -> str:
        """Why the two disagree, as far as that is known; empty if they agree."""
        met = self.agreement is Agreement.MET
        return "" if met else discrepancy_of(self.table, self.subject, self.cohort, self.name)

    @property
    def kind(self) -> str:
        """What a summary counts together."""
        if self.name == "AUC":
            return "areas"
        return {"marks": "marks of significance", "p": "p-values"}.get(
            self.name.rpartition(", ")[2], "percentages"
        )


def compare(values: Values) -> tuple[Figure, ...]:
    """All figures of the testing cohorts: Table 1's models, Table 2's cells and marks, Table 3's
    cells and p-values. Intervals are left out: they are functions of the same counts."""
    return (*_table1(values), *_table2(values), *_table3(values))


def tally(figures: Iterable[Figure]) -> tuple[str, ...]:
    """A line for each kind of figure of each table: how many there are, and how many agree."""
    kinds: dict[str, Counter] = {}
    for figure in figures:
        counts = kinds.setdefault(f"Table {figure.table}, {figure.kind}", Counter())
        counts[figure.agreement] += 1
    lines = []
    for kind, counts in kinds.items():
        others = [f"{counts[a]} {a}" for a in Agreement if a is not Agreement.MET and counts[a]]
        lines.append(
            "; ".join([f"{kind}: {counts[Agreement.MET]} of {counts.total()} met", *others])
        )
    return tuple(lines)


def percentage_agreement(found: float, printed: float) -> Agreement:
    """Of a percentage with its printed value, which has one decimal.

    Met if it is printed so when rounded once, or to two decimals first. The paper did either.
    """
    hundredths = floor(100 * found + 0.5)
    tenths = {floor(10 * found + 0.5), floor(hundredths / 10 + 0.5)}
    if round(10 * printed) in tenths:
        return Agreement.MET
    return Agreement.LAST_DIGIT if abs(found - printed) < 0.1 else Agreement.UNMET


def _table1(values: Values) -> Iterator[Figure]:
    testing = {cohort.name for cohort in published_cohorts()}
    for printed in printed_rows("table1"):
        if printed["cohort"] not in testing:
            continue
        where = (1, printed["model"], printed["cohort"])
        area = values[*where, "AUC"]
        met = f"{area:.3f}" == f"{float(printed['auc']):.3f}"
        agreement = Agreement.MET if met else Agreement.UNMET
        yield Figure(*where, "AUC", printed["auc"], f"{area:.4f}", agreement)
        for column, name in zip(("acc", "sens", "spec"), METRICS, strict=True):
            yield _percentage(values, where, name, printed[column])


def _table2(values: Values) -> Iterator[Figure]:
    for printed in printed_rows("table2"):
        metric, where = printed["metric"], (2, f"R{printed['reader']}", printed["cohort"])
        for stage in STAGES:
            yield _percentage(values, where, f"{metric} {stage}", printed[stage.split()[0]])
        for question, column, sign in (
            (VS_MODEL, "vs_model_stars", "*"),
            (VS_UNAIDED, "vs_without_marks", "#"),
        ):
            p_value = values[*where, f"{metric} {question}, p"]
            found = sign * sum(p_value < level for level in LEVELS)
            agreement = Agreement.MET if found == printed[column] else Agreement.UNMET
            yield Figure(*where, f"{metric} {question}, marks", printed[column], found, agreement)


def _table3(values: Values) -> Iterator[Figure]:
    printed_p: dict[tuple, list[str]] = {}
    for printed in printed_rows("table3"):
        where = (3, printed["group"], printed["cohort"])
        for stage in STAGES:
            name = f"{printed['metric']} {stage}"
            yield _percentage(values, where, name, printed[stage.split()[0]])
        for column, name in (
            ("p1_model_vs_group_without", GROUP_VS_MODEL),
            ("p2_group_with_vs_senior_without", GROUP_VS_SENIORS),
        ):
            if printed[column]:
                printed_p.setdefault((*where, name), []).append(printed[column])
    for key, printed in printed_p.items():
        yield _p_value(key, printed, values[key])


def _p_value(key: tuple, printed: list[str], found: float) -> Figure:
    """One exact p-value for the three printed ones, which are Monte Carlo estimates of one: the
    three metrics rise together. Met if it is no further from the middle one than the others are
    from each other."""
    each = [float(value) for value in printed]
    met = abs(found - median(each)) <= max(each) - min(each)
    agreement = Agreement.MET if met else Agreement.UNMET
    return Figure(*key, " ".join(printed), f"{found:.3f}", agreement)


def _percentage(values: Values, where: tuple[int, str, str], name: str, printed: str) -> Figure:
    found = 100 * values[*where, name]
    return Figure(
        *where, name, printed, f"{found:.2f}", percentage_agreement(found, float(printed))
    )
