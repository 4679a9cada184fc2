"""The rebuilt study beside print: every figure of Tables 1 to 3 counted from its decisions.

Nothing here knows how the study was made: the counting is `analysis.stats` and
`inference.clahdm.evaluation`, as the platform's own results are.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from math import floor
from statistics import median

from analysis.stats import mcnemar_one_vs_rest, micro_metrics, paired_permutation
from inference.clahdm.evaluation import CLAHDM_ROW, evaluate
from inference.clahdm.hierarchy import SUB_MODELS
from readerstudy.demo.published.marks import LEVELS
from readerstudy.demo.published.study import CountedStudy
from readerstudy.demo.published.tables import BENCHMARK_GROUP, GROUPS, METRICS, rows

STAGES = ("without", "with")


class Agreement(StrEnum):
    """How a figure counted from the decisions compares with the printed one."""

    MET = "met"
    LAST_DIGIT = "off by one unit of the last digit"
    UNMET = "not met"


@dataclass(frozen=True)
class Figure:
    """One printed figure: where it stands, what is printed, and what the decisions give."""

    table: int
    subject: str  # a model, a reader's number, or a group
    cohort: str
    name: str
    printed: str
    found: str
    agreement: Agreement

    @property
    def kind(self) -> str:
        """What a summary counts together."""
        if self.name == "AUC":
            return "areas"
        return {"marks": "marks of significance", "p": "p-values"}.get(
            self.name.rpartition(", ")[2], "percentages"
        )


def compare(study: CountedStudy) -> tuple[Figure, ...]:
    """All figures of the testing cohorts: Table 1's models, Table 2's cells and marks, Table 3's
    cells and p-values. Intervals are left out: they are functions of the same counts."""
    return (*_table1(study), *_table2(study), *_table3(study))


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


def _table1(study: CountedStudy) -> Iterator[Figure]:
    names = dict(zip(SUB_MODELS, ("Sub-model 1", "Sub-model 2", "Sub-model 3"), strict=True))
    for printed in rows("table1"):
        here = study.cohort == printed["cohort"]
        if not here.any():
            continue  # the training cohort
        found = {
            names.get(row.model, CLAHDM_ROW): row
            for row in evaluate(
                truth=study.truth[here], probabilities=study.probabilities[here], resamples=1
            ).rows
        }[printed["model"]]
        where = (1, printed["model"], printed["cohort"])
        met = f"{found.auc.value:.3f}" == f"{float(printed['auc']):.3f}"
        agreement = Agreement.MET if met else Agreement.UNMET
        yield Figure(*where, "AUC", printed["auc"], f"{found.auc.value:.4f}", agreement)
        for column, name in zip(("acc", "sens", "spec"), METRICS, strict=True):
            yield _percentage(where, name, printed[column], getattr(found, name.lower()).value)


def _table2(study: CountedStudy) -> Iterator[Figure]:
    for printed in rows("table2"):
        here = study.cohort == printed["cohort"]
        truth, model = study.truth[here], study.model[here]
        unaided, aided = study.decisions[int(printed["reader"]) - 1][:, here]
        metric = printed["metric"]
        where = (2, f"R{printed['reader']}", printed["cohort"])
        for stage, decision in zip(STAGES, (unaided, aided), strict=True):
            found = getattr(micro_metrics(truth=truth, decision=decision), metric.lower())
            yield _percentage(where, f"{metric} {stage} AI", printed[stage], found)
        for name, column, sign, other in (
            ("vs model", "vs_model_stars", "*", model),
            ("with vs without AI", "vs_without_marks", "#", aided),
        ):
            tests = mcnemar_one_vs_rest(truth=truth, decision_a=other, decision_b=unaided)
            p_value = getattr(tests, metric.lower()).p_value
            found = sign * sum(p_value < level for level in LEVELS)
            agreement = Agreement.MET if found == printed[column] else Agreement.UNMET
            yield Figure(*where, f"{metric} {name}, marks", printed[column], found, agreement)


def _table3(study: CountedStudy) -> Iterator[Figure]:
    printed_p: dict[tuple, list[str]] = {}
    for printed in rows("table3"):
        group, cohort, metric = printed["group"], printed["cohort"], printed["metric"]
        here = study.cohort == cohort
        members = list(GROUPS[group])
        for stage, name in enumerate(STAGES):
            decisions = study.decisions[members, stage][:, here]
            found = getattr(
                micro_metrics(truth=study.truth[here], decision=decisions), metric.lower()
            )
            yield _percentage((3, group, cohort), f"{metric} {name} AI", printed[name], found)
        for column in ("p1_model_vs_group_without", "p2_group_with_vs_senior_without"):
            if printed[column]:
                printed_p.setdefault((group, cohort, column), []).append(printed[column])
    for (group, cohort, column), values in printed_p.items():
        yield _p_value(study, group, cohort, column, values)


def _p_value(
    study: CountedStudy, group: str, cohort: str, column: str, printed: list[str]
) -> Figure:
    """One exact p-value for the three printed ones, which are Monte Carlo estimates of one: the
    metrics are increasing functions of the number right. Met if it is no further from the middle
    one than the others are from each other."""
    here = study.cohort == cohort
    right = study.decisions[..., here] == study.truth[here]
    unaided, aided = right[list(GROUPS[group])].swapaxes(0, 1)
    if column.startswith("p1"):
        name = "model vs group without AI, p"
        first, second = study.model[here] == study.truth[here], unaided
    else:
        name = "group with AI vs seniors without, p"
        first, second = aided, right[list(GROUPS[BENCHMARK_GROUP]), 0]
    found = paired_permutation(a=first, b=second).p_value
    values = [float(value) for value in printed]
    met = abs(found - median(values)) <= max(values) - min(values)
    agreement = Agreement.MET if met else Agreement.UNMET
    return Figure(3, group, cohort, name, " ".join(printed), f"{found:.3f}", agreement)


def _percentage(where: tuple[int, str, str], name: str, printed: str, found: float) -> Figure:
    agreement = percentage_agreement(100 * found, float(printed))
    return Figure(*where, name, printed, f"{100 * found:.2f}", agreement)
