"""What a study rests on is fixed by its state, and its state never goes back."""

import uuid

import pytest
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from analysis.models import AnalysisRun, RegisteredPlan
from inference.models import StudyModel
from readerstudy.reading.models import (
    Assignment,
    Presentation,
    Reader,
    Reading,
    UnblindingRequest,
)
from readerstudy.studies.models import (
    Case,
    Cohort,
    Protocol,
    ReferenceStandard,
    Study,
)
from tests import factories
from tests.rules.life import bring
from tests.rules.rows import (
    fails,
    make_answer,
    make_case,
    make_reader,
)
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@shared
def study():
    return factories.make_open(cases=2, readers=("anna",))


def test_an_unfrozen_protocol_can_be_changed_and_a_frozen_one_not():
    draft = factories.make_draft("draft")
    Protocol.objects.filter(study=draft).update(seed=8)
    frozen = factories.make_open("open").protocol
    with pytest.raises(IntegrityError), transaction.atomic():
        Protocol.objects.filter(pk=frozen.pk).update(frozen_at=None, frozen_sha256="")
    Protocol.objects.filter(study=draft).delete()
    with pytest.raises(IntegrityError), transaction.atomic():
        Protocol.objects.filter(pk=frozen.pk)._raw_delete("default")


@pytest.mark.parametrize("state", ["open", "locked", "unblinded"])
def test_what_a_study_rests_on_is_fixed_from_its_opening(state, study):
    draft = factories.make_draft("draft", cases=1, readers=("dora",))
    if state != "open":
        factories.finish(study)
    late = {
        "cohort": lambda: Cohort.objects.create(study=study, name="late"),
        "case": lambda: make_case(study.cohort_set.first(), "late"),
        "reader": lambda: make_reader(study, "late"),
        "moved cohort": lambda: draft.cohort_set.update(study=study),
        "moved case": lambda: Case.objects.filter(cohort__study=draft).update(
            cohort=study.cohort_set.first()
        ),
        "moved reader": lambda: Reader.objects.filter(study=draft).update(study=study),
        "moved away": lambda: Reader.objects.filter(study=study).update(study=draft),
        "other truth": lambda: ReferenceStandard.objects.filter(case__cohort__study=study).update(
            etiology="tuberculous_lymphadenitis"
        ),
        "other model": lambda: StudyModel.objects.filter(study=study).update(
            model_version=factories.make_model()
        ),
    }
    assert [what for what, attempt in late.items() if not fails(attempt)] == []


@pytest.mark.parametrize(
    ("now", "back"),
    [("open", "draft"), ("paused", "draft"), ("locked", "open"), ("locked", "paused"),
     ("locked", "draft"), ("unblinded", "locked"), ("unblinded", "draft"),
     ("archived", "unblinded"), ("archived", "draft")],
)  # fmt: skip
def test_a_study_does_not_go_back(now, back, study):
    """All that is fixed hangs on the study's state: one that could go back would unfix it all."""
    bring(study, now)
    with pytest.raises(IntegrityError), transaction.atomic():
        Study.objects.filter(pk=study.pk).update(state=back)
    if now != "archived":
        Study.objects.filter(pk=study.pk).update(title="Another title")


def test_between_open_and_paused_a_study_goes_to_and_fro(study):
    for state in ("paused", "open", "paused"):
        Study.objects.filter(pk=study.pk).update(state=state)
        assert Study.objects.get().state == state


def test_nothing_of_an_archived_study_changes(study):
    bring(study, "archived")
    for field in ("title", "archived_at", "opened_at"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Study.objects.filter(pk=study.pk).update(**{field: F(field)})
    for attempt in (
        lambda: RegisteredPlan.objects.create(
            study=study, document="{}", sha256="x", registered_by="test"
        ),
        lambda: AnalysisRun.objects.create(
            study=study, number=1, plan_document="{}", plan_sha256="x", planned=False,
            created_by="test",
        ),
    ):  # fmt: skip
        assert fails(attempt)


@pytest.mark.parametrize("state", ["open", "paused", "locked", "unblinded", "archived"])
def test_the_database_takes_readings_of_an_open_study_alone(state, study):
    first, second = Assignment.objects.filter(reader__study=study, stage=1).order_by("position")
    Presentation.objects.create(assignment=first)
    bring(study, state)
    now = timezone.now()
    attempts = {
        "shown": lambda: Presentation.objects.create(assignment=second),
        "read": lambda: Reading.objects.create(
            assignment=first, malignancy="malignant", etiology="lymphoma",
            idempotency_key=uuid.uuid4(), started_at=now, submitted_at=now,
        ),
    }  # fmt: skip
    refused = [what for what, attempt in attempts.items() if fails(attempt)]
    assert refused == ([] if state == "open" else ["shown", "read"])


def test_nobody_confirms_their_own_request(study):
    bring(study, "locked")
    asker = factories.make_user("asker")
    asked = UnblindingRequest.objects.create(study=study, by=asker)
    assert fails(lambda: make_answer(asked, asker))
    make_answer(asked, factories.make_user("other"))
    assert fails(lambda: make_answer(asked, factories.make_user("third")))  # one answer each
