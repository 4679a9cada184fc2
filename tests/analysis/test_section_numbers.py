"""What the sections say, against counts made by hand or another way."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from analysis import sections, stats
from analysis.plan import Intervals, McNemar, Mrmc, Plan, PrimaryEndpoint
from analysis.results_document import records
from analysis.study_arrays import MISSING, ScreeningFacts
from tests.analysis import invented

QUICK = Plan(intervals=Intervals(resamples=25))
STUDY = invented.make_study()
TRUTH = STUDY.testing.truth
RIGHT = STUDY.decisions == TRUTH  # (readers, 2, patients)
INTERNAL = STUDY.testing.cohort == "internal"


@cache
def of_the_study(name: str) -> dict:
    return sections.SECTIONS[name].compute(STUDY, QUICK)


def rows(name: str, table: str, data=STUDY, plan: Plan = QUICK, **wanted) -> list[dict]:
    plain = data is STUDY and plan is QUICK
    computed = of_the_study(name) if plain else sections.SECTIONS[name].compute(data, plan)
    found = computed["tables"][table]
    return [
        row for row in records(found) if all(row[column] == wanted[column] for column in wanted)
    ]


def the_row(*args, **wanted) -> dict:
    [row] = rows(*args, **wanted)
    return row


def test_table_2_counts_the_right_of_each_reader_cohort_and_stage():
    for at, reader in enumerate(STUDY.readers):
        for stage, name in enumerate(("without AI", "with AI")):
            k, n = int(RIGHT[at, stage, INTERNAL].sum()), int(INTERNAL.sum())
            expected = {"accuracy": 1 - (1 - k / n) / 2, "sensitivity": k / n,
                        "specificity": 1 - (1 - k / n) / 3}  # fmt: skip
            found = rows("table2", "metrics", cohort="internal", subject=reader.code, stage=name)
            assert [(row["count"], row["n"]) for row in found] == [(k, n)] * 3
            assert {row["metric"].split()[1]: row["value"] for row in found} == pytest.approx(
                expected
            )


def test_table_2_tests_the_pairs_of_the_same_patients():
    b = int(np.sum(RIGHT[0, 1] & ~RIGHT[0, 0]))
    c = int(np.sum(~RIGHT[0, 1] & RIGHT[0, 0]))
    found = the_row("table2", "tests", cohort="All cohorts", subject="R1",
                    question="with vs without AI", unit="patients")  # fmt: skip
    assert (found["b"], found["c"], found["n"]) == (b, c, 24)
    assert found["p_value"] == stats.mcnemar(b=b, c=c).p_value
    assert found["low"] < found["difference"] == (b - c) / 24 < found["high"]
    cells = the_row("table2", "tests", cohort="All cohorts", subject="R1",
                    question="with vs without AI", metric="micro-averaged accuracy")  # fmt: skip
    assert (cells["unit"], cells["n"], cells["b"]) == ("one-vs-rest cells", 96, 2 * b)


def test_the_plan_chooses_mcnemars_tests():
    plan = replace(QUICK, mcnemar=McNemar(patients="mid-p", cells="none"))
    assert {row["test"] for row in rows("table2", "tests", plan=plan)} == {"McNemar, mid-p"}


def test_table_2_leaves_out_what_a_reader_did_not_read():
    data = invented.unread(STUDY, where=np.s_[0, 1, :4])
    found = rows("table2", "metrics", data, cohort="All cohorts", subject="R1", stage="with AI")
    assert {(row["n"], row["count"]) for row in found} == {(20, int(RIGHT[0, 1, 4:].sum()))}
    both = the_row("table2", "tests", data, cohort="All cohorts", subject="R1",
                   question="with vs without AI", unit="patients")  # fmt: skip
    assert both["n"] == 20


def test_table_3_pools_the_readers_of_a_group():
    found = rows("table3", "metrics", cohort="internal", subject="senior", stage="with AI")
    expected = (2 * int(INTERNAL.sum()), int(RIGHT[:2, 1][:, INTERNAL].sum()))
    assert {(row["n"], row["count"]) for row in found} == {expected}


def test_table_3_asks_what_was_published():
    found = {(row["question"], row["subject"], row["against"])
             for row in rows("table3", "tests", cohort="internal")}  # fmt: skip
    assert found == {
        *(("group vs model", group, "CLA-HDM") for group in ("senior", "middle", "junior")),
        *(("with vs without AI", group, "itself") for group in ("senior", "middle", "junior")),
        *(("group with AI vs seniors without", group, "senior") for group in ("middle", "junior")),
    }
    test = the_row("table3", "tests", cohort="internal", subject="junior",
                   question="with vs without AI")  # fmt: skip
    arms = RIGHT[3:, 1][:, INTERNAL], RIGHT[3:, 0][:, INTERNAL]
    assert test["p_value"] == stats.paired_permutation(a=arms[0], b=arms[1]).p_value
    assert test["difference"] == pytest.approx(arms[0].mean() - arms[1].mean())
    assert test["low"] < test["difference"] < test["high"]


@pytest.mark.parametrize(
    ("comparison", "group", "first", "second"),
    [
        ("with vs without AI", "all", RIGHT[:, 1], RIGHT[:, 0]),
        ("with vs without AI", "junior", RIGHT[3:, 1], RIGHT[3:, 0]),
        ("without AI vs model", "all", RIGHT[:, 0], STUDY.testing.model == TRUTH),
        ("with AI vs model", "middle", RIGHT[2, 1], STUDY.testing.model == TRUTH),
        ("with AI vs seniors without", "junior", RIGHT[3:, 1], RIGHT[:2, 0]),
    ],
)
def test_the_primary_endpoint_is_what_the_plan_names(comparison, group, first, second):
    endpoint = PrimaryEndpoint(text="x", metric="specificity", comparison=comparison, group=group)
    test = the_row("primary", "tests", plan=replace(QUICK, primary=endpoint))
    assert (test["cohort"], test["n"]) == ("All cohorts", 24)
    assert test["p_value"] == stats.paired_permutation(a=first, b=second).p_value
    assert test["difference"] == pytest.approx((first.mean() - second.mean()) / 3)
    assert test["p_adjusted"] is None


def test_table_1_judges_a_sub_model_on_the_true_members_of_its_branch():
    benign = TRUTH < 2
    score, positive = STUDY.testing.probabilities[benign, 1], TRUTH[benign] == 1
    found = {row["metric"]: row for row in rows("table1", "metrics", cohort="All cohorts",
                                                subject="Sub-model 2")}  # fmt: skip
    assert found["AUC"]["value"] == stats.roc_curve(truth=positive, score=score).auc
    assert found["sensitivity"]["value"] == np.mean(score[positive] >= 0.5)
    assert found["specificity"]["value"] == np.mean(score[~positive] < 0.5)
    assert {row["n"] for row in found.values()} == {12}
    first = the_row("table1", "metrics", cohort="All cohorts", subject="Sub-model 1",
                    metric="accuracy")  # fmt: skip
    assert first["value"] == np.mean((STUDY.testing.probabilities[:, 0] >= 0.5) == (TRUTH > 1))


def test_table_1_has_the_training_cohort_and_the_models_threshold():
    data = replace(STUDY, model=replace(STUDY.model, threshold=0.9))
    found = the_row("table1", "metrics", data, cohort="training", subject="Sub-model 1",
                    metric="sensitivity")  # fmt: skip
    malignant = data.training.truth > 1
    assert found["value"] == np.mean(data.training.probabilities[malignant, 0] >= 0.9)
    assert found["n"] == 12


def test_the_corners_of_a_curve_are_the_whole_curve():
    areas = {row["metric"]: row for row in rows("roc", "metrics", cohort="All cohorts")}
    assert len(areas) == 7
    for name in ("micro-averaged", "lymphoma", "malignancy"):
        corners = rows("roc", "curves", cohort="All cohorts", curve=name)
        x, y = ([row[f"{kind}_positive_rate"] for row in corners] for kind in ("false", "true"))
        assert (x[0], y[0], x[-1], y[-1]) == (0, 0, 1, 1)
        assert np.trapezoid(y, x) == pytest.approx(areas[f"{name} AUC"]["value"], abs=1e-12)
        assert corners[0]["threshold"] is None
        assert [row["threshold"] for row in corners[1:]] == sorted(
            (row["threshold"] for row in corners[1:]), reverse=True
        )
        middle = np.array([x, y]).T
        kinks = np.diff(middle, axis=0)
        assert not np.any(kinks[:-1, 0] * kinks[1:, 1] == kinks[1:, 0] * kinks[:-1, 1])


def test_confusion_counts_every_decision_once():
    counts = rows("confusion", "counts", cohort="internal", subject="junior", stage="with AI")
    assert sum(row["count"] for row in counts) == 2 * int(INTERNAL.sum())
    right = sum(row["count"] for row in counts if row["truth"] == row["decision"])
    assert right == int(RIGHT[3:, 1][:, INTERNAL].sum())
    said = STUDY.decisions[0, 0]
    metric = the_row("confusion", "metrics", subject="R1", stage="without AI",
                     metric="lymphoma ppv")  # fmt: skip
    assert metric["cohort"] == "All cohorts"
    assert metric["value"] == pytest.approx(np.mean(TRUTH[said == 2] == 2))


def test_error_rates_come_down_by_what_the_ai_added():
    everybody = rows("errors", "metrics", cohort="All cohorts", subject="all readers")
    found = {(row["metric"], row["stage"]): row["value"] for row in everybody}
    without, with_ai = 1 - RIGHT[:, 0].mean(), 1 - RIGHT[:, 1].mean()
    name = "four-class false-negative rate"
    assert found[name, "without AI"] == pytest.approx(without)
    assert found[f"{name}, absolute reduction", "change"] == pytest.approx(without - with_ai)
    assert found[f"{name}, relative reduction", "change"] == pytest.approx(1 - with_ai / without)
    malignant = TRUTH > 1
    missed = np.mean(STUDY.decisions[:, 1][:, malignant] < 2)
    assert found["malignancy false-negative rate", "with AI"] == pytest.approx(missed)


def test_switches_are_counted_where_the_decision_changed():
    found = {row["metric"]: row for row in rows("switches", "metrics", subject="R2")}
    gained = int(np.sum(~RIGHT[1, 0] & RIGHT[1, 1]))
    assert (found["beneficial"]["count"], found["beneficial"]["n"]) == (
        gained, int(np.sum(~RIGHT[1, 0])),
    )  # fmt: skip
    model_wrong = STUDY.testing.model != TRUTH
    followed = model_wrong & RIGHT[1, 0] & (STUDY.decisions[1, 1] == STUDY.testing.model)
    assert found["over reliance"]["count"] == int(followed.sum())
    assert {row["interval"] for row in found.values()} <= {"Wilson", None}
    pooled = rows("switches", "metrics", subject="all readers", cohort="internal")
    assert {row["interval"] for row in pooled} <= {"Wilson, as if independent", None}


def test_agreement_is_that_of_the_statistics():
    fleiss = the_row("agreement", "metrics", cohort="internal", subject="all readers",
                     stage="without AI", metric="Fleiss's kappa")  # fmt: skip
    expected = stats.fleiss_kappa(decisions=STUDY.decisions[:, 0][:, INTERNAL])
    assert (fleiss["value"], fleiss["low"]) == (expected.kappa, expected.low)
    pairs = rows("agreement", "metrics", cohort="All cohorts", stage="with AI", kind="pair")
    assert len(pairs) == 5 + 10  # with the model, and with one another
    assert len(rows("agreement", "metrics", cohort="internal", stage="with AI", kind="pair")) == 5


def test_mrmc_compares_the_mean_of_the_readers():
    means = RIGHT.mean(axis=(0, 2))
    test = the_row("mrmc", "tests", cohort="All cohorts", metric="share right")
    assert test["difference"] == pytest.approx(means[1] - means[0])
    assert test["low"] < test["difference"] < test["high"]
    found = stats.mrmc(truth=TRUTH, ratings=STUDY.decisions.transpose(1, 0, 2), metric="accuracy")
    assert test["p_value"] == found.test.p_value
    missed = the_row("mrmc", "metrics", cohort="All cohorts", metric="malignancy sensitivity",
                     stage="with AI")  # fmt: skip
    assert missed["n"] == 12
    assert missed["value"] == pytest.approx(np.mean(STUDY.decisions[:, 1][:, TRUTH > 1] > 1))
    fixed = replace(QUICK, mrmc=Mrmc(metrics=("share right",), readers="fixed"))
    assert "fixed readers" in the_row("mrmc", "tests", plan=fixed, cohort="internal")["test"]


def test_times_are_medians_and_quartiles_of_what_was_read():
    data = invented.unread(STUDY, where=np.s_[0, 0, 5:])
    found = the_row("times", "times", data, cohort="All cohorts", subject="R1", stage="without AI")
    first, median, third = np.quantile(STUDY.seconds[0, 0, :5], [0.25, 0.5, 0.75])
    assert (found["n"], found["median"]) == (5, median)
    assert (found["first_quartile"], found["third_quartile"]) == (first, third)
    change = the_row("times", "times", data, cohort="All cohorts", subject="R1", stage="change")
    assert change["median"] == np.median(STUDY.seconds[0, 1, :5] - STUDY.seconds[0, 0, :5])
    test = the_row("times", "tests", data, cohort="All cohorts", subject="R1")
    assert (test["n"], test["unit"], test["difference"]) == (5, "cases", change["median"])
    over = the_row("times", "tests", data, cohort="All cohorts", subject="all readers")
    assert (over["n"], over["unit"], over["p_adjusted"]) == (5, "readers", None)


def test_experience_is_set_against_each_readers_gain():
    gains = {row["subject"]: row["value"] for row in rows(
        "experience", "metrics", cohort="All cohorts", kind="reader")}  # fmt: skip
    expected = (RIGHT[:, 1].mean(axis=1) - RIGHT[:, 0].mean(axis=1)).tolist()
    assert list(gains.values()) == pytest.approx(expected)
    test = the_row("experience", "tests", cohort="All cohorts")
    trend = stats.benefit_by_experience(
        years=[reader.years_of_experience for reader in STUDY.readers], change=list(gains.values())
    )
    assert (test["statistic"], test["p_value"]) == (trend.estimate, trend.p_value)


def test_flow_tells_screening_in_its_order_and_is_as_ever_without():
    facts = ScreeningFacts("", screened=9, enrolled=6, exclusions=(("b", 2), ("a", 1)))
    found = rows("flow", "screening", replace(STUDY, screening=(facts,)))
    assert [(r["cohort"], r["outcome"], r["reason"], r["patients"]) for r in found] == [
        ("All cohorts", "screened", None, 9),
        ("All cohorts", "excluded", "b", 2),
        ("All cohorts", "excluded", "a", 1),
        ("All cohorts", "enrolled", None, 6),
    ]
    assert set(sections.SECTIONS["flow"].compute(STUDY, Plan())["tables"]) == {
        "patients", "readings",
    }  # fmt: skip


def test_flow_counts_who_came_in_and_what_was_read():
    data = invented.unread(STUDY, where=np.s_[1, 1, 12:15])
    patients = {row["cohort"]: row for row in rows("flow", "patients", data)}
    assert [patients[name]["patients"] for name in patients] == [12, 12, 12, 24]
    assert patients["training"]["read_by_all"] is None
    assert (patients["internal"]["read_by_all"], patients["external"]["read_by_all"]) == (12, 9)
    assert patients["All cohorts"]["read_by_all"] == 21
    reading = the_row("flow", "readings", data, cohort="external", subject="R2", stage="with AI")
    assert (reading["expected"], reading["read"]) == (12, 9)
    data = replace(data, testing=replace(data.testing, model=np.where(
        np.arange(24) < 2, MISSING, data.testing.model)))  # fmt: skip
    assert rows("flow", "patients", data, cohort="internal")[0]["with_model_result"] == 10


def test_baseline_describes_all_cohorts_and_compares_them():
    ages = np.concatenate([STUDY.training.age, STUDY.testing.age])
    overall = the_row("baseline", "continuous", variable="age", cohort="All cohorts")
    assert (overall["n"], overall["mean"]) == (36, pytest.approx(ages.mean()))
    women = the_row("baseline", "categorical", variable="sex", category="female",
                    cohort="internal")  # fmt: skip
    assert women["count"] == int(np.sum(STUDY.testing.sex[INTERNAL] == "female"))
    assert women["share"] == women["count"] / 12
    compared = {row["variable"]: row for row in rows("baseline", "comparisons")}
    assert compared["age"]["test"] == "Kruskal-Wallis"
    assert {row["cohorts"] for row in compared.values()} == {3}
    assert compared["etiology"]["p_value"] == pytest.approx(1)


def test_groups_too_large_for_an_exact_test_are_tested_by_random_exchanges(monkeypatch):
    exact = the_row("table3", "tests", cohort="All cohorts", subject="senior",
                    question="group vs model")  # fmt: skip
    assert exact["test"] == "exact paired permutation, two-sided"
    monkeypatch.setattr("analysis.sections._permutation.MAX_SUPPORT", 0)
    drawn = the_row("table3", "tests", plan=replace(QUICK), cohort="All cohorts", subject="senior",
                    question="group vs model")  # fmt: skip
    assert drawn["test"] == "Monte Carlo paired permutation, two-sided"
    assert drawn["difference"] == exact["difference"]
    assert drawn["p_value"] == pytest.approx(exact["p_value"], abs=0.03)
