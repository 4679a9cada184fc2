"""A study opens once nothing is missing; opening draws and stores every order and freezes the
protocol."""

import hashlib
import json
from fractions import Fraction

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from inference import queue
from inference.models import Heatmap, InferenceJob, Prediction, StudyModel
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Assignment, Reader, ReadingOrder
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    Protocol,
    ReferenceStandard,
    Study,
)
from tests import factories
from tests.rules import tampering
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
DESIGNS = pytest.mark.parametrize("design", ["two_session", "sequential"])


@shared
def draft():
    return factories.make_draft(cases=3)


# What keeps a study from opening.


def no_protocol(study):
    Protocol.objects.filter(study=study).delete()


def no_case(study):
    for model, path in ((Heatmap, "prediction__case"), (Prediction, "case")):
        assert model.objects.filter(**{f"{path}__cohort__study": study}).exists()
    Cohort.objects.filter(study=study).update(role=Cohort.Role.TRAINING)


def no_image(study):
    factories.remove_images(Image.objects.filter(case__cohort__study=study))


def no_bus_image(study):
    case = Case.objects.filter(cohort__study=study).first()
    factories.remove_images(Image.objects.filter(case=case, modality="bus"))


def no_cdfi_image(study):
    case = Case.objects.filter(cohort__study=study).first()
    factories.remove_images(Image.objects.filter(case=case, modality="cdfi"))


def no_truth(study):
    ReferenceStandard.objects.filter(case=Case.objects.filter(cohort__study=study).first()).delete()


def no_reader(study):
    Reader.objects.filter(study=study).delete()


def staff_reader(study):
    User.objects.filter(username="anna").update(is_staff=True)


def superuser_reader(study):
    User.objects.filter(username="anna").update(is_superuser=True)


def from_before(study, reader: str, role: str):
    """A role from before the database refused it to a reader."""
    tampering.drop_guards()
    factories.make_member(study, reader, role)
    call_command("migrate", verbosity=0)


def investigating_reader(study):
    from_before(study, "anna", "investigator")


def data_managing_reader(study):
    from_before(study, "anna", "data_manager")


def auditing_reader(study):
    from_before(study, "anna", "auditor")


def no_model(study):
    StudyModel.objects.filter(study=study).delete()


def other_model(study):
    StudyModel.objects.filter(study=study).update(model_version=factories.make_model())


def failed_job(study):
    other_model(study)
    chosen = StudyModel.objects.get(study=study).model_version
    queue.enqueue(cases=Case.objects.filter(cohort__study=study), model_version=chosen)
    InferenceJob.objects.update(state="failed", reason="SOME-REASON")


def unpredicted_case(study):
    cohort = study.cohort_set.first()
    factories.make_case(cohort, "late", Etiology.LYMPHOMA)


REASONS = {
    no_protocol: "no protocol",
    no_case: "No testing cohort has a case",
    no_image: "3 cases have an image missing",
    no_bus_image: "1 cases have an image missing",
    no_cdfi_image: "1 cases have an image missing",
    no_truth: "1 cases have no reference standard",
    no_reader: "no reader",
    staff_reader: "must not have access to the reference standard",
    superuser_reader: "must not have access to the reference standard",
    investigating_reader: "must not have access to the reference standard",
    data_managing_reader: "must not have access to the reference standard",
    auditing_reader: "must not have access to the reference standard",
    no_model: "No model version",
    other_model: "3 cases have no model result yet",
    failed_job: "SOME-REASON",
    unpredicted_case: "1 cases have no model result yet",
}


@pytest.mark.parametrize("fault", REASONS, ids=lambda fault: fault.__name__)
def test_a_study_that_lacks_something_stays_a_draft(fault, draft):
    fault(draft)
    draft = Study.objects.get(pk=draft.pk)
    with pytest.raises(lifecycle.StepNotPossible, match=REASONS[fault]):
        lifecycle.open_study(draft, by="test")
    draft.refresh_from_db()
    assert (draft.state, draft.opened_at) == ("draft", None)
    assert not Assignment.objects.exists()
    assert not ReadingOrder.objects.exists()
    assert not Protocol.objects.filter(frozen_at__isnull=False).exists()


def test_all_reasons_are_told_at_once(draft):
    for fault in (no_protocol, no_truth, staff_reader, other_model):
        fault(draft)
    with pytest.raises(lifecycle.StepNotPossible) as refusal:
        lifecycle.open_study(draft, by="test")
    assert len(refusal.value.reasons) == 4


def test_a_result_for_other_images_is_no_result(draft):
    """A case whose image was replaced must be run anew before readers see a heatmap over it."""
    image = Image.objects.filter(case__cohort__study=draft).first()
    Image.objects.filter(pk=image.pk).update(sha256="0" * 64)
    with pytest.raises(lifecycle.StepNotPossible, match="1 cases have no model result"):
        lifecycle.open_study(draft, by="test")


# The draw.


def by_hand(seed, reader, stage, cases, stratify):
    """sha256-sort-v1 as its description says, written anew: cases are (cohort, case id)."""

    def number(text):
        return int(hashlib.sha256(text.encode("utf-8")).hexdigest(), 16)

    def text(case):
        return "|".join([str(seed), reader, str(stage), case[0], case[1]])

    if not stratify:
        return sorted(cases, key=lambda case: number(text(case)))
    spread = []
    for cohort in {case[0] for case in cases}:
        own = sorted((c for c in cases if c[0] == cohort), key=lambda case: number(text(case)))
        for i, case in enumerate(own):
            u = Fraction(number(text(case) + "|place"), 2**256)
            spread.append(((i + u) / len(own), case))
    return [case for _, case in sorted(spread)]


@pytest.mark.parametrize("stratify", [False, True])
@DESIGNS
def test_anyone_with_the_seed_can_redo_the_draw(design, stratify):
    study = factories.make_open(cases=11, design=design, stratify_by_cohort=stratify)
    cases = list(Case.objects.filter(cohort__study=study).values_list("cohort__name", "case_id"))
    for order in ReadingOrder.objects.select_related("reader"):
        assert order.algorithm == "sha256-sort-v1"
        stage = 1 if design == "sequential" else order.stage
        expected = by_hand(order.seed, order.reader.code, stage, cases, stratify)
        stored = list(
            Assignment.objects.filter(reader=order.reader, stage=order.stage)
            .order_by("position")
            .values_list("case__cohort__name", "case__case_id")
        )
        assert stored == expected
        digest = hashlib.sha256("\n".join("|".join(case) for case in expected).encode())
        assert order.order_sha256 == digest.hexdigest()
        assert order.stratification == {
            "by_cohort": stratify,
            "cohorts": {"SECRET-COHORT-A": 6, "SECRET-COHORT-B": 5},
        }


@DESIGNS
def test_every_reader_reads_every_testing_case_once_a_stage(design):
    study = factories.make_draft(cases=5, design=design)
    training = Cohort.objects.create(study=study, name="training", role=Cohort.Role.TRAINING)
    factories.make_case(training, "not-read", Etiology.LYMPHOMA)
    lifecycle.open_study(study, by="test")
    for reader in study.reader_set.all():
        for stage in (1, 2):
            own = Assignment.objects.filter(reader=reader, stage=stage).order_by("position")
            assert [a.position for a in own] == [1, 2, 3, 4, 5]
            assert len({a.case_id for a in own}) == 5
            assert "not-read" not in {a.case.case_id for a in own}


def test_orders_differ_between_readers_and_sessions():
    factories.make_open(cases=12, readers=("anna", "boris", "carla"))
    digests = ReadingOrder.objects.values_list("order_sha256", flat=True)
    assert len(set(digests)) == 6


def test_codes_are_of_one_use():
    factories.make_open(cases=6)
    codes = list(Assignment.objects.values_list("code", flat=True))
    assert len(set(codes)) == len(codes) == 24
    assert all(len(code) == 16 for code in codes)


@DESIGNS
def test_opening_freezes_the_protocol_under_its_hash(design):
    study = factories.make_open(cases=4, design=design)
    protocol = study.protocol
    assert protocol.frozen_sha256 == hashlib.sha256(protocol.frozen_document.encode()).hexdigest()
    assert protocol.frozen_at == study.opened_at
    document = json.loads(protocol.frozen_document)
    assert (document["design"], document["seed"]) == (design, 7)
    assert document["model"]["sha256"] == study.studymodel.model_version.sha256
    images = Image.objects.filter(case__cohort__study=study).values_list("sha256", flat=True)
    assert sorted(row[-1] for row in document["images"]) == sorted(images)
    orders = ReadingOrder.objects.values_list("reader__code", "stage", "order_sha256")
    assert sorted(map(tuple, document["orders"])) == sorted(orders)
    event = AuditEvent.objects.get(action="study.open")
    assert len(event.detail.pop("orders")) == len(orders)
    assert event.detail["evidence"]["reader/1"]
    assert event.detail["study"]["state"] == "open"
    told = {name: event.detail[name] for name in ("before", "after", "protocol")}
    assert told == {
        "before": {"state": "draft"},
        "after": {"state": "open"},
        "protocol": protocol.frozen_sha256,
    }
    with pytest.raises(IntegrityError), transaction.atomic():
        Protocol.objects.filter(pk=protocol.pk).update(washout_days=0, seed=8)
