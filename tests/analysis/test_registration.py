"""A plan counts only if it was registered before the unblinding, and then it is fixed."""

from dataclasses import replace

import pytest
from django.db import IntegrityError, transaction

from analysis.models import RegisteredPlan
from analysis.plan import Plan
from analysis.registration import register, registered_or_default_plan, registered_plan
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from tests import factories
from tests.worlds import shared

pytestmark = pytest.mark.django_db
OTHER = replace(Plan(), seed=1)


@shared
def study():
    return factories.make_draft(cases=1, readers=("anna",))


@pytest.mark.parametrize("state", ["draft", "open", "locked"])
def test_a_plan_can_be_registered_until_the_unblinding(state, study):
    if state != "draft":
        lifecycle.open_study(study, by="test")
    if state == "locked":
        lifecycle.lock_study(study, by="test")
    registered = register(study, OTHER, by="ivan")
    assert (registered.sha256, registered.registered_by) == (OTHER.sha256(), "ivan")
    assert Plan.from_document(registered.document) == OTHER == registered_or_default_plan(study)
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.study) == ("analysis.register_plan", "ivan", "study")
    assert event.detail["plan"] == OTHER.sha256()
    assert list(event.detail["stored"]) == ["registered-plan/1"]


def test_none_can_be_registered_after_it(study):
    lifecycle.open_study(study, by="test")
    stale = type(study).objects.get(pk=study.pk)  # somebody's page, from before
    factories.finish(study)
    with pytest.raises(lifecycle.StepNotPossible, match="only before unblinding"):
        register(stale, Plan(), by="ivan")
    with pytest.raises(IntegrityError), transaction.atomic():
        RegisteredPlan.objects.create(
            study=study, document="{}", sha256="x", registered_by="somebody with a shell"
        )
    assert not RegisteredPlan.objects.exists()


def test_the_last_one_counts_and_the_others_stay_on_record(study):
    for plan in (Plan(), OTHER, Plan()):
        register(study, plan, by="ivan")
    assert registered_plan(study).sha256 == Plan().sha256()
    assert RegisteredPlan.objects.filter(study=study).count() == 3


def test_the_plan_that_counts_is_not_registered_twice(study):
    register(study, Plan(), by="ivan")
    with pytest.raises(lifecycle.StepNotPossible, match="already registered"):
        register(study, Plan(), by="ivan")


def test_a_study_without_a_plan_is_analysed_by_the_default_one(study):
    assert registered_plan(study) is None
    assert registered_or_default_plan(study) == Plan()


def test_a_plan_is_of_one_study(study):
    register(study, OTHER, by="ivan")
    another = factories.make_draft("another", cases=1, readers=("boris",))
    assert registered_plan(another) is None
