"""Every section: what it promises of all of them alike."""

from dataclasses import fields, replace
from types import SimpleNamespace
from typing import get_args

import numpy as np
import pytest

from analysis import canonical, compute_results, sections
from analysis.plan import Intervals, Multiplicity, Plan, SectionName
from analysis.results_document import records, section
from analysis.sections import was_planned
from analysis.sections._row_types import MetricRow, TestRow
from readerstudy.diagnosis import Etiology
from tests.analysis import invented

QUICK = Plan(intervals=Intervals(resamples=25))
EVERY = pytest.mark.parametrize("name", sections.SECTIONS)
NUMBERS = ("value", "p_value", "median", "mean", "share")


def tables(name: str, data, plan: Plan = QUICK) -> dict[str, list[dict]]:
    """A section's tables as records, after the document's own check."""
    found = sections.SECTIONS[name].compute(data, plan)
    canonical.to_json(found)  # no NaN, no NumPy
    return {table: list(records(rows)) for table, rows in found["tables"].items()}


def test_a_plan_can_ask_for_exactly_these_sections():
    assert tuple(sections.SECTIONS) == get_args(SectionName)


@EVERY
def test_the_same_data_and_plan_give_the_same_bytes(name):
    first, second = (
        canonical.to_json(sections.SECTIONS[name].compute(invented.make_study(), QUICK))
        for _ in range(2)
    )
    assert first == second
    assert len(first) > 100


@EVERY
def test_a_section_names_all_settings_that_it_reads(name):
    """Else a section would be called planned although a setting of its own was changed."""
    read = set()

    class Watched(SimpleNamespace):
        def __getattribute__(self, setting: str):
            if setting in Plan.__dataclass_fields__:
                read.add(setting)
            return super().__getattribute__(setting)

    watched = Watched(**{each.name: getattr(QUICK, each.name) for each in fields(QUICK)})
    sections.SECTIONS[name].compute(invented.make_study(), watched)
    assert read == set(sections.SECTIONS[name].READS)


@EVERY
def test_metrics_and_tests_have_the_same_columns_everywhere(name):
    found = sections.SECTIONS[name].compute(invented.make_study(), QUICK)["tables"]
    for table, kind in (("metrics", MetricRow), ("tests", TestRow)):
        if table in found:
            assert found[table]["columns"] == [each.name for each in fields(kind)]


STUDY = invented.make_study()
POOR = {
    "nobody read": invented.unread(STUDY),
    "nobody read with AI": invented.unread(STUDY, where=np.s_[:, 1]),
    "a reader read nothing": invented.unread(STUDY, where=np.s_[2]),
    "half is read": invented.unread(STUDY, where=np.s_[:, :, ::2]),
    "one cohort is not read": invented.unread(STUDY, where=np.s_[:, :, :12]),
    "one reader": invented.make_study(readers=invented.READERS[:1]),
    "two alike readers": invented.make_study(readers=invented.READERS[:2]),
    "no reader": invented.make_study(readers=()),
    "one patient": invented.of_patients(STUDY, np.arange(24) == 3),
    "one etiology": invented.of_patients(STUDY, STUDY.testing.truth == 2),
    "no malignant patient": invented.of_patients(STUDY, STUDY.testing.truth < 2),
    "no model": invented.without_model(STUDY),
    "all are always right": replace(
        STUDY, decisions=np.broadcast_to(STUDY.testing.truth, STUDY.decisions.shape)
    ),
    "all say the same": replace(STUDY, decisions=np.full_like(STUDY.decisions, 3)),
    "no time passes": replace(STUDY, seconds=np.zeros_like(STUDY.seconds)),
    "no training cohort": replace(
        STUDY, training=STUDY.training.of(np.zeros(12, bool)), cohorts=STUDY.cohorts[1:]
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("poor", "method"),
    [(poor, "percentile") for poor in POOR]
    + [(poor, "bca") for poor in ("one patient", "one etiology", "all are always right")],
)
@EVERY
def test_what_can_not_be_computed_has_a_reason_and_no_number(name, poor, method):
    plan = replace(QUICK, intervals=replace(QUICK.intervals, method=method))
    for table, rows in tables(name, POOR[poor], plan).items():
        for row in rows:
            absent = [column for column in NUMBERS if column in row and row[column] is None]
            told = row.get("reason") or row.get("n") == 0 or row.get("missing") is not None
            assert not absent or told, (table, row)


@EVERY
@pytest.mark.parametrize("method", ["basic", "bca"])
def test_other_intervals_are_named_as_such(name, method):
    plan = replace(QUICK, intervals=Intervals(method=method, level=0.9, resamples=50))
    rows = [row for rows in tables(name, invented.make_study(), plan).values() for row in rows]
    bootstrapped = [row for row in rows if "bootstrap" in (row.get("interval") or "")]
    assert all(row["interval"] == f"bootstrap by patient, {method}" for row in bootstrapped)
    assert all(row["level"] in (None, 0.9) for row in rows if "level" in row)


@pytest.mark.parametrize("method", get_args(Multiplicity))
def test_p_values_are_adjusted_within_their_family(method):
    plan = replace(QUICK, multiplicity=method)
    rows = tables("table2", invented.make_study(), plan)["tests"]
    if method == "none":
        assert {row["p_adjusted"] for row in rows} == {None}
        return
    assert {row["family"] for row in rows} == {len(invented.READERS)}
    assert all(row["p_adjusted"] >= row["p_value"] for row in rows)
    assert {row["adjustment"] for row in rows} == {method}
    family = [row for row in rows if (row["cohort"], row["question"], row["metric"])
              == ("internal", "reader vs model", "share right")]  # fmt: skip
    smallest = min(family, key=lambda row: row["p_value"])
    if method in ("holm", "bonferroni"):
        assert smallest["p_adjusted"] == min(1, 5 * smallest["p_value"])


def test_a_section_is_planned_if_all_that_it_reads_is_as_registered():
    registered = Plan(sections=("flow", "table2", "times"))
    asked = {name: sections.SECTIONS[name] for name in ("flow", "table2", "table3", "times")}

    def planned(plan: Plan, registered: Plan | None) -> set[str]:
        return {n for n, each in asked.items() if was_planned(each, plan, registered=registered)}

    assert planned(Plan(), registered) == {"flow", "table2", "times"}
    assert planned(replace(Plan(), seed=1), registered) == {"flow", "times"}
    assert planned(replace(Plan(), multiplicity="none"), registered) == {"flow"}
    assert planned(Plan(), None) == set()


def test_the_document_holds_the_plans_sections_in_its_order():
    plan = replace(QUICK, sections=("times", "flow"))
    told = []
    document = compute_results.compute(
        study={"slug": "study", "is_synthetic": True},
        data=invented.make_study(),
        plan=plan,
        registered=plan,
        begin=lambda number, title: told.append((number, title)),
    )
    assert [each["name"] for each in document["sections"]] == ["times", "flow"]
    assert told == [(0, "Reading times"), (1, "Patients and readings")]
    assert document["planned"]
    assert section(document, "flow")["planned"]
    assert section(document, "table2") is None
    assert document["data"]["sha256"] == invented.make_study().digest()


def test_a_section_that_fails_is_named(monkeypatch):
    monkeypatch.setattr(sections.SECTIONS["flow"], "compute", lambda data, plan: 1 / 0)
    with pytest.raises(
        compute_results.SectionFailed, match="Patients and readings: ZeroDivisionError"
    ):
        compute_results.compute(
            study={}, data=STUDY, plan=QUICK, registered=None, begin=lambda number, title: None
        )


def test_class_order_is_that_of_the_diagnosis():
    """The invented truths go round in it, so each etiology has a quarter of the patients."""
    [everybody] = [r for r in tables("flow", STUDY)["patients"] if r["cohort"] == "All cohorts"]
    assert {everybody[etiology.value] for etiology in Etiology} == {6}
