"""The database itself refuses rows that make no sense, whoever writes them."""

from datetime import timedelta

import pytest
from django.db import DatabaseError, IntegrityError, transaction
from django.utils import timezone

from inference.models import InferenceJob, ModelVersion
from readerstudy.reading.models import (
    Assignment,
    Consent,
    PracticeReading,
    Presentation,
    Reader,
    Reading,
    ReadingOrder,
)
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    ImageReview,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from tests import factories
from tests.rules.rows import fails, make_case, make_profile, make_reader, make_reading, make_study
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
study = shared(make_study)


@shared
def draft():
    return factories.make_draft(cases=2, readers=("anna",))


def test_the_makers_above_make_what_is_sound(draft):
    make_case(draft.cohort_set.first(), "sound")
    make_reader(draft, "sound")


@pytest.mark.parametrize(
    "fields",
    [{"age": -1}, {"age": 121}, {"diameter_mm": 0}, {"diameter_mm": -3}, {"diameter_mm": 200.5},
     {"diameter_mm": float("nan")}, {"diameter_mm": float("inf")}, {"age": None},
     {"case_id": "SECRET-ID-0"}],
)  # fmt: skip
def test_an_impossible_case_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        make_case(draft.cohort_set.first(), **{"case_id": "x"} | fields)


@pytest.mark.parametrize("fields", [{"sex": "other"}, {"location": "elbow"}, {"neck_level": "IX"}])
def test_a_case_outside_the_vocabulary_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        make_case(draft.cohort_set.first(), **{"case_id": "x"} | fields)


@pytest.mark.parametrize(
    ("malignancy", "etiology"),
    [("benign", "lymphoma"), ("malignant", "reactive_hyperplasia"), ("benign", ""), ("", ""),
     ("Benign", "reactive_hyperplasia"), ("benign", "unknown"), ("", "lymphoma")],
)  # fmt: skip
class TestAnInconsistentDiagnosis:
    def test_is_no_reading(self, malignancy, etiology, study):
        free = Assignment.objects.filter(reading__isnull=True).first()
        with pytest.raises(IntegrityError), transaction.atomic():
            make_reading(free, malignancy=malignancy, etiology=etiology)

    def test_is_no_practice_reading(self, malignancy, etiology, study):
        given = PracticeReading.objects.get()
        with pytest.raises(IntegrityError), transaction.atomic():
            PracticeReading.objects.create(
                reader=Reader.objects.exclude(pk=given.reader_id).first(), case=given.case,
                malignancy=malignancy, etiology=etiology,
            )  # fmt: skip

    def test_is_no_reference_standard(self, malignancy, etiology, draft):
        case = make_case(draft.cohort_set.first(), "x")
        with pytest.raises(IntegrityError), transaction.atomic():
            ReferenceStandard.objects.create(
                case=case, malignancy=malignancy, etiology=etiology, pathologic_method="x"
            )


def test_a_second_reading_of_one_assignment_is_refused(study):
    with pytest.raises(IntegrityError), transaction.atomic():
        make_reading(Reading.objects.get().assignment)


def test_a_used_idempotency_key_is_refused(study):
    free = Assignment.objects.filter(reading__isnull=True).first()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_reading(free, idempotency_key=Reading.objects.get().idempotency_key)


def test_a_reading_that_ends_before_it_begins_is_refused(study):
    free = Assignment.objects.filter(reading__isnull=True).first()
    with pytest.raises(IntegrityError), transaction.atomic():
        make_reading(free, submitted_at=timezone.now() - timedelta(minutes=1))


def test_a_second_presentation_of_one_assignment_is_refused(study):
    shown = Presentation.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        Presentation.objects.create(assignment=shown.assignment)


def test_what_comes_before_the_first_case_is_told_once(study):
    reader = Consent.objects.get().reader
    given = PracticeReading.objects.get()
    for again in (
        lambda: Consent.objects.create(reader=reader, information_sha256="x"),
        lambda: make_profile(reader),
        lambda: PracticeReading.objects.create(
            reader=reader, case=given.case, malignancy="malignant", etiology="lymphoma"
        ),
    ):
        assert fails(again)


@pytest.mark.parametrize(
    "fields",
    [{"years_of_ultrasound": 71}, {"years_of_neck_ultrasound": 10}, {"neck_scans_a_week": 1001},
     {"ai_use": "daily"}, {"ai_use": ""}, {"years_of_ultrasound": -1}],
)  # fmt: skip
def test_an_impossible_profile_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        make_profile(draft.reader_set.get(), **fields)


@pytest.mark.parametrize(
    "fields",
    [{"stage": 0}, {"stage": 3}, {"stage": None}, {"position": 0}, {"position": -1},
     {"position": 1}, {"position": 2, "case": "same"}, {"code": "same"}],
)  # fmt: skip
def test_an_unsound_assignment_is_refused(fields, study):
    first = Assignment.objects.filter(stage=1).order_by("position").first()
    case = first.case if fields.get("case") else _another_case(study, first)
    values = {"stage": 1, "position": 9, "code": "another"} | fields | {"case": case}
    if fields.get("code"):
        values["code"] = first.code
    with pytest.raises(IntegrityError), transaction.atomic():
        Assignment.objects.create(reader=first.reader, **values)


def _another_case(study, assignment) -> Case:
    """A case that this reader is not assigned: from another study, to test one rule at a time."""
    return Case.objects.filter(cohort__study=factories.make_draft("other")).first()


@pytest.mark.parametrize("stage", [0, 3])
def test_an_order_of_no_stage_is_refused(stage, study):
    order = ReadingOrder.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        ReadingOrder.objects.create(
            reader=order.reader, stage=stage, seed=1, algorithm="x", stratification={},
            order_sha256="x",
        )  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [{"p_malignant": -0.01}, {"p_tuberculous": 1.01}, {"p_metastatic": float("nan")},
     {"p_malignant": None}],
)  # fmt: skip
def test_an_impossible_probability_is_refused(fields, draft):
    case = make_case(draft.cohort_set.first(), "x")
    with pytest.raises(DatabaseError), transaction.atomic():
        factories.make_prediction(case, draft.studymodel.model_version, **fields)


@pytest.mark.parametrize(
    "fields", [{"group": "expert"}, {"group": ""}, {"years_of_experience": 71}, {"code": "R1"}]
)
def test_an_impossible_reader_is_refused(fields, draft):
    with pytest.raises(DatabaseError), transaction.atomic():
        make_reader(draft, "zoe", **fields)


def test_a_person_reads_a_study_once_and_has_one_role_in_it(draft):
    anna = draft.reader_set.get().user
    with pytest.raises(IntegrityError), transaction.atomic():
        Reader.objects.create(study=draft, user=anna, code="R9", years_of_experience=1,
                              group="junior")  # fmt: skip
    nora = factories.make_user("nora")
    Membership.objects.create(study=draft, user=nora, role="auditor")
    for role in ("auditor", "investigator"):
        with pytest.raises(IntegrityError), transaction.atomic():
            Membership.objects.create(study=draft, user=nora, role=role)


@pytest.mark.parametrize(
    ("model", "change"),
    [
        (Study, {"state": "closed"}),
        (Study, {"slug": "other"}),
        (Cohort, {"role": "validation"}),
        (Protocol, {"design": "crossover"}),
        (Protocol, {"design": "sequential", "washout_days": 7}),
        (Protocol, {"frozen_sha256": "without a time"}),
        (ModelVersion, {"threshold": 1.5}),
        (InferenceJob, {"state": "lost"}),
        (Image, {"sha256": ""}),
        (Image, {"modality": "ct"}),
        (ImageReview, {"state": "fine"}),
        (ImageReview, {"decided_by": ""}),
        (ImageReview, {"decided_at": None}),
        (ImageReview, {"sha256": ""}),
        (ImageReview, {"needs_frame": True}),
        (ImageReview, {"needs_crop": "by hand"}),
        (ImageReview, {"state": "rejected"}),
    ],
)
def test_an_unknown_value_is_refused(model, change, draft):
    Study.objects.create(slug="other", title="Other")
    InferenceJob.objects.create(
        case=Case.objects.first(), model_version=ModelVersion.objects.first(), input_sha256="x"
    )
    row = model.objects.filter(slug="study").first() if model is Study else model.objects.first()
    with pytest.raises(IntegrityError), transaction.atomic():
        model.objects.filter(pk=row.pk).update(**change)
