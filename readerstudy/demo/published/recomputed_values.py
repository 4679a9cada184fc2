"""What the printed figures are compared with: values counted from cases, or read off a run.

The two know nothing of each other, and give the same numbers for the same study.
"""

from collections.abc import Iterator, Mapping

from analysis.results_document import records, section
from analysis.stats import mcnemar_one_vs_rest, micro_metrics, paired_permutation
from inference.clahdm.evaluation import CLAHDM_ROW, evaluate
from inference.clahdm.hierarchical_probabilities import SUB_MODELS
from readerstudy.demo.published.reconstruction import CountedStudy
from readerstudy.demo.published.tables import (
    BENCHMARK_GROUP,
    CLAHDM,
    GROUPS,
    METRICS,
    READERS,
    published_cohorts,
)

STAGES = ("without AI", "with AI")
VS_MODEL, VS_UNAIDED = "vs model", "with vs without AI"
GROUP_VS_MODEL, GROUP_VS_SENIORS = "model vs group without AI, p", "group with AI vs seniors, p"

Key = tuple[int, str, str, str]
"""Table, subject, cohort, and the figure's name: "Accuracy with AI", "Accuracy vs model, p"."""
Values = Mapping[Key, float]
"""Shares, areas and p-values, each from 0 to 1."""


def count_from_cases(study: CountedStudy) -> Values:
    """Every value of the three tables, from decisions and probabilities."""
    found: dict[Key, float] = {}
    for cohort in published_cohorts():
        found.update(_models(study, cohort.name))
        found.update(_readers(study, cohort.name))
        found.update(_groups(study, cohort.name))
    return found


def read_off_run(results: dict, *, mark: str = "") -> Values:
    """The same out of the document of a run's results, whose cohorts' names end in `mark`.

    Raises KeyError for a run whose plan left a table out.
    """
    found: dict[Key, float] = {}
    for number in (1, 2, 3):
        part = section(results, f"table{number}")
        if part is None:
            raise KeyError(f"table{number}")
        for row in records(part["tables"]["metrics"]):
            name = row["metric"].removeprefix("micro-averaged ")
            name = " ".join(filter(None, (name[0].upper() + name[1:], row["stage"])))
            found[number, row["subject"], row["cohort"].removesuffix(mark), name] = row["value"]
        for row in records(part["tables"].get("tests", {"columns": [], "rows": []})):
            if name := _test_name(row):
                key = number, row["subject"], row["cohort"].removesuffix(mark), name
                found[key] = row["p_value"]
    return found


def _test_name(row: dict) -> str | None:
    """What the paper prints of this test; None for a test of ours."""
    if row["unit"] == "one-vs-rest cells":
        metric = row["metric"].removeprefix("micro-averaged ").capitalize()
        return f"{metric} {row['question'].removeprefix('reader ')}, p"
    return {
        "group vs model": GROUP_VS_MODEL,
        "group with AI vs seniors without": GROUP_VS_SENIORS,
    }.get(row["question"])


def _models(study: CountedStudy, cohort: str) -> Iterator[tuple[Key, float]]:
    here = study.cohort == cohort
    names = {name: f"Sub-model {number}" for number, name in enumerate(SUB_MODELS, start=1)}
    names[CLAHDM_ROW] = CLAHDM
    for row in evaluate(
        truth=study.truth[here], probabilities=study.probabilities[here], resamples=1
    ).rows:
        yield (1, names[row.model], cohort, "AUC"), row.auc.value
        for name in METRICS:
            yield (1, names[row.model], cohort, name), getattr(row, name.lower()).value


def _readers(study: CountedStudy, cohort: str) -> Iterator[tuple[Key, float]]:
    here = study.cohort == cohort
    truth, model = study.truth[here], study.model[here]
    for reader, decisions in zip(READERS, study.decisions[..., here], strict=True):
        unaided, aided = decisions
        where = (2, reader.code, cohort)
        for stage, decision in zip(STAGES, decisions, strict=True):
            yield from _metrics(where, stage, truth, decision)
        for question, other in ((VS_MODEL, model), (VS_UNAIDED, aided)):
            tests = mcnemar_one_vs_rest(truth=truth, decision_a=other, decision_b=unaided)
            for name in METRICS:
                yield (*where, f"{name} {question}, p"), getattr(tests, name.lower()).p_value


def _groups(study: CountedStudy, cohort: str) -> Iterator[tuple[Key, float]]:
    here = study.cohort == cohort
    truth = study.truth[here]
    right = study.decisions[..., here] == truth
    seniors = right[list(GROUPS[BENCHMARK_GROUP]), 0]
    for group, members in GROUPS.items():
        where = (3, group, cohort)
        for stage, name in enumerate(STAGES):
            yield from _metrics(where, name, truth, study.decisions[list(members), stage][:, here])
        unaided, aided = right[list(members)].swapaxes(0, 1)
        against_model = paired_permutation(a=study.model[here] == truth, b=unaided)
        yield (*where, GROUP_VS_MODEL), against_model.p_value
        if group != BENCHMARK_GROUP:
            against_seniors = paired_permutation(a=aided, b=seniors)
            yield (*where, GROUP_VS_SENIORS), against_seniors.p_value


def _metrics(where: tuple, stage: str, truth, decision) -> Iterator[tuple[Key, float]]:
    found = micro_metrics(truth=truth, decision=decision)
    for name in METRICS:
        yield (*where, f"{name} {stage}"), getattr(found, name.lower())
