"""The checklist of the set-up, and what the frozen protocol holds."""

import json
from datetime import date

import pytest
from django.utils import timezone

from readerstudy.reading import lifecycle, step_checks
from readerstudy.reading.step_checks import LineState
from readerstudy.studies.models import Protocol
from readerstudy.studies.screening.models import Screening
from tests import factories

pytestmark = pytest.mark.django_db


def lines(study) -> dict[str, step_checks.ChecklistLine]:
    return {line.title: line for line in step_checks.checklist(study, "open")}


def test_every_app_has_its_lines():
    assert list(lines(factories.make_draft(cases=1))) == [
        "Protocol", "Cohorts and cases", "Practice", "Image review", "Pictures that stand twice",
        "Screening", "Readers",
        "Model results", "Investigators", "People who unblind", "Analysis plan",
    ]  # fmt: skip


def test_a_warning_tells_and_does_not_stop():
    study = factories.make_draft(cases=1)
    found = lines(study)
    warned = {title for title, line in found.items() if line.state is LineState.WARNING}
    assert warned == {
        "Protocol", "Practice", "Screening", "Readers", "Investigators", "Analysis plan",
    }  # fmt: skip
    assert "no washout" in found["Protocol"].why[0]
    assert "not asked for consent" in found["Protocol"].why[1]
    assert "R1 (anna) has not signed in yet." in found["Readers"].why
    lifecycle.open_study(study, by="test")


def test_a_reader_who_was_invited_is_waited_for():
    study = factories.make_draft(cases=1, readers=("anna",))
    user = study.reader_set.get().user
    user.invited_at = user.last_login = timezone.now()
    user.save()
    assert "R1 (anna) has not accepted the invitation yet." in lines(study)["Readers"].why
    user.accepted_at = timezone.now()
    user.save()
    assert lines(study)["Readers"].why == ["1 readers."]


def test_screening_that_does_not_add_up_stops_the_opening():
    study = factories.make_draft(cases=2, cohorts=("one",))
    screening = Screening.objects.create(study=study, screened=9, enrolled=2)
    assert "9 patients screened, but 0 excluded" in lines(study)["Screening"].why[0]
    with pytest.raises(lifecycle.StepNotPossible, match="9 patients screened"):
        lifecycle.open_study(study, by="test")
    screening.exclusion_set.create(position=1, reason="other", note="x", patients=7)
    assert lines(study)["Screening"].state is LineState.DONE


def test_what_is_there_is_told():
    study = factories.make_draft(cases=3, washout_days=28, information="Read", readers=("anna",))
    factories.make_practice(study, cases=2)
    factories.make_investigator(study)
    study.reader_set.get().user.__class__.objects.update(last_login=timezone.now())
    found = lines(study)
    done = {title for title, line in found.items() if line.state is LineState.DONE}
    assert done == set(found) - {"Analysis plan", "Screening"}
    assert "Two-session design, washout of 28 days" in found["Protocol"].why[0]
    assert found["Cohorts and cases"].why == ["3 testing cases in 2 cohorts."]
    assert found["Practice"].why == ["2 practice cases."]


OTHER = {
    "design": "sequential", "washout_days": 3, "seed": 8, "stratify_by_cohort": True,
    "confidence": "percent", "rates_aid": True, "information": "Other", "asks_profile": True,
    "checks_display": True, "session_minutes": 9, "stage_1_due": date(2027, 1, 1),
    "stage_2_due": date(2027, 2, 1), "plan_before_opening": False, "unblinding_needs_two": True,
}  # fmt: skip
ITS_OWN = {"id", "study", "frozen_at", "frozen_document", "frozen_sha256"}


def test_every_field_of_the_protocol_has_another_value_here():
    assert set(OTHER) == {field.name for field in Protocol._meta.concrete_fields} - ITS_OWN


@pytest.mark.parametrize("name", OTHER)
def test_every_field_of_the_protocol_is_frozen_under_the_hash(name):
    documents = []
    for number, values in enumerate(({}, {name: OTHER[name]})):
        study = factories.make_draft(
            f"s{number}", cases=0, cohorts=(), readers=(), **{"plan_before_opening": True} | values
        )
        study.opened_at = timezone.now()
        documents.append(_document(study))
    assert documents[0] != documents[1]


def _document(study) -> dict:
    from readerstudy.reading.study_opening import draw_and_freeze

    study.studymodel.model_version.sha256 = study.studymodel.model_version.version = "x"
    draw_and_freeze(study)
    document = json.loads(study.protocol.frozen_document)
    return {key: value for key, value in document.items() if key not in ("study", "opened_at")}
