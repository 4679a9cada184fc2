"""A plan is a value with a document: read strictly, written the same whoever writes it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from analysis import sections
from analysis.plan import (
    BaselineTests,
    Intervals,
    InvalidPlan,
    McNemar,
    Mrmc,
    Permutation,
    Plan,
    PrimaryEndpoint,
    published_recipe,
)
from tests.analysis import invented, plan_settings

INVESTIGATORS_GUIDE = Path(__file__).resolve().parents[2] / "docs/investigator.md"
OTHERS = {
    "sections": ("table2", "flow"),
    "primary": PrimaryEndpoint(text="Juniors.", group="junior", metric="sensitivity"),
    "intervals": Intervals(method="bca", level=0.9, resamples=7),
    "seed": 2**63 - 1,
    "mcnemar": McNemar(patients="mid-p", cells="none"),
    "permutation": Permutation(alternative="greater", draws=99),
    "multiplicity": "none",
    "mrmc": Mrmc(metrics=("share right",), covariance="jackknife", readers="fixed"),
    "baseline": BaselineTests(continuous="welch", categorical="fisher"),
}


def test_every_setting_has_another_value_here():
    assert set(OTHERS) == set(Plan.__dataclass_fields__)


@pytest.mark.parametrize("name", OTHERS)
def test_a_plan_comes_back_from_its_document(name):
    plan = replace(Plan(), **{name: OTHERS[name]})
    assert Plan.from_document(plan.to_document()) == plan
    assert plan.sha256() != Plan().sha256()


def test_the_digest_is_of_the_settings_and_not_of_how_they_are_written():
    document = json.loads(Plan().to_document())
    backwards = json.dumps(dict(reversed(document.items())), indent=7)
    assert Plan.from_document(backwards).sha256() == Plan().sha256()
    assert Plan.from_document("{}") == Plan()


def test_what_is_left_out_has_its_default():
    plan = Plan.from_document('{"intervals": {"resamples": 50}}')
    assert plan.intervals == Intervals(resamples=50)


def test_the_published_recipe_is_an_option_and_not_the_default():
    assert published_recipe().intervals.method == "basic"
    assert published_recipe().multiplicity == "none"
    assert Plan().intervals.method == "percentile"
    assert Plan().mcnemar.patients == "exact"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not JSON"),
        ("{", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("[]", "not a JSON object"),
        (" " * 20_001, "longer than 20000 characters"),
        ('{"format": 2}', "format 2 instead of 1"),
        ('{"sed": 1}', "'sed': there is no such setting. Known settings: sections, primary"),
        ('{"\\ud800": 1}', "'\\ud800': there is no such setting"),
        ('{"intervals": {"levl": 1}}', "intervals.'levl': there is no such setting"),
        ('{"intervals": 3}', "intervals: must be an object"),
        ('{"intervals": {"level": 1.0}}', "intervals.level: must be below 1"),
        ('{"intervals": {"level": 0.0}}', "intervals.level: must be above 0"),
        ('{"intervals": {"level": NaN}}', "intervals.level: must be above 0"),
        ('{"intervals": {"level": "0.95"}}', "intervals.level: must be a number"),
        ('{"intervals": {"resamples": 0}}', "intervals.resamples: must be at least 1"),
        ('{"intervals": {"resamples": 100001}}', "intervals.resamples: must be at most 100000"),
        ('{"intervals": {"resamples": 1e3}}', "intervals.resamples: must be a whole number"),
        ('{"intervals": {"method": "normal"}}', "method: 'normal' is not one of percentile"),
        ('{"intervals": {"method": ["basic"]}}', "intervals.method: ('basic',) is not one of"),
        ('{"seed": true}', "seed: must be a whole number"),
        ('{"seed": -1}', "seed: must be at least 0"),
        ('{"seed": 9223372036854775808}', "seed: must be at most"),
        ('{"sections": []}', "sections: must be a list with at least one of"),
        ('{"sections": "flow"}', "sections: must be a list"),
        ('{"sections": ["flow", "flow"]}', "sections: 'flow' appears twice"),
        ('{"sections": ["table9"]}', "sections: 'table9' is not one of"),
        ('{"sections": [{}]}', "sections: {} is not one of"),
        ('{"primary": {"text": " "}}', "text: must be a single line of 1 to 2000 characters"),
        ('{"primary": {"text": "a\\nb"}}', "primary.text: must be a single line"),
        ('{"primary": {"text": "\\ud800"}}', "primary.text: must be a single line"),
        ('{"primary": {"comparison": "with AI vs seniors without"}}', "primary.group: "),
    ],
)  # fmt: skip
def test_a_text_that_is_no_plan_is_refused_with_the_place(text, problem):
    with pytest.raises(InvalidPlan) as refused:
        Plan.from_document(text)
    assert any(problem in told for told in refused.value.problems), refused.value.problems
    "\n".join(refused.value.problems).encode()  # it can be shown


def test_every_problem_is_told_at_once():
    with pytest.raises(InvalidPlan) as refused:
        Plan.from_document('{"seed": -1, "multiplicity": "x", "intervals": {"resamples": 0}}')
    assert len(refused.value.problems) == 3


def test_a_plan_can_not_be_made_wrongly_in_python_either():
    with pytest.raises(InvalidPlan, match=r"intervals\.level"):
        Plan(intervals=Intervals(level=2.0))
    with pytest.raises(InvalidPlan, match="primary: must be of type PrimaryEndpoint"):
        Plan(primary="accuracy")


VALUES = [
    pytest.param(setting, value, id=f"{setting.name}={value}")
    for setting in plan_settings.settings()
    for value in setting.values
    if setting.name != "sections"  # see test_sections.py
]


@pytest.mark.parametrize(("setting", "value"), VALUES)
def test_every_value_that_a_plan_may_have_can_be_computed(setting, value):
    """Else a plan could be registered with it, and would fail after the unblinding."""
    plan = Plan(intervals=Intervals(resamples=10), permutation=Permutation(draws=20))
    if value == "with AI vs seniors without":  # which is of another group
        plan = replace(plan, primary=PrimaryEndpoint(group="junior"))
    plan = setting.set_to(plan, value)
    assert Plan.from_document(plan.to_document()) == plan
    part = setting.name.split(".")[0]
    reading = [each for each in sections.SECTIONS.values() if part in each.READS]
    assert reading
    for section in reading:
        assert section.compute(invented.make_study(), plan)["tables"]


def test_the_investigators_guide_lists_every_setting_with_its_values():
    assert plan_settings.table() in INVESTIGATORS_GUIDE.read_text(encoding="utf-8")
