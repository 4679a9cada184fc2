"""An unblinded study of any size, read by simulated readers: rows alone, without images."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
from django.db import connection, transaction
from django.db.models import Model
from django.utils import timezone

from inference.models import ModelVersion, Prediction, StudyModel
from inference.queue import input_digest
from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology
from readerstudy.reading.models import Assignment, Reader, Reading, Stage
from readerstudy.studies.models import (
    Case,
    Cohort,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)

CLASSES = tuple(Etiology)
RIGHT = {Stage.UNAIDED: 0.65, Stage.AIDED: 0.75}
ROWS_AT_ONCE = 20_000


@transaction.atomic
def read_study(
    slug: str, *, readers: int, cases: int, model_version: ModelVersion, left: int = 0
) -> Study:
    """Two stages of so many readers and cases, each right at the rates of RIGHT, and an
    investigator of the study's own name. In stage 2 so many cases are ``left`` unread."""
    rng = np.random.default_rng([readers, cases])
    study = Study.objects.create(slug=slug, title=slug, is_synthetic=True)
    Protocol.objects.create(study=study, seed=1)
    StudyModel.objects.create(study=study, model_version=model_version)
    truth = rng.integers(len(CLASSES), size=cases)
    made = _add_cases(study, truth, rng=rng, model_version=model_version)
    groups = Reader.Group.values
    readers_made = [
        Reader.objects.create(
            study=study,
            user=User.objects.create(username=f"{slug}-{number}"),
            code=f"R{number + 1}",
            years_of_experience=9,
            group=groups[number % len(groups)],
        )
        for number in range(readers)
    ]
    study.state = Study.State.OPEN  # the database takes readings of no other
    study.save()
    for reader in readers_made:
        for stage in Stage:
            read = cases - left if stage == Stage.AIDED else cases
            _add_readings(reader, stage, made, truth, rng=rng, read=read)
    study.state = Study.State.UNBLINDED
    study.opened_at = study.locked_at = study.unblinded_at = timezone.now()
    study.save()
    Membership.objects.create(study=study, user=User.objects.create(username=slug))
    return study


def _add_cases(study: Study, truth: np.ndarray, *, rng, model_version) -> list[Case]:
    cohort = Cohort.objects.create(study=study, name="internal")
    cases = Case.objects.bulk_create(
        Case(
            cohort=cohort, case_id=f"{study.slug}-{number}", sex="female", age=41,
            diameter_mm=17.5, location="left", neck_level="III", instrument="benchmark",
        )
        for number in range(truth.size)
    )  # fmt: skip
    etiologies = [CLASSES[label] for label in truth]
    ReferenceStandard.objects.bulk_create(
        ReferenceStandard(
            case=case, malignancy=etiology.malignancy, etiology=etiology,
            pathologic_method="needle_biopsy",
        )
        for case, etiology in zip(cases, etiologies, strict=True)
    )  # fmt: skip
    names = ("p_malignant", "p_tuberculous", "p_metastatic")
    Prediction.objects.bulk_create(
        Prediction(
            case=case, model_version=model_version, input_sha256=input_digest([]),
            **dict(zip(names, probabilities, strict=True)),
        )
        for case, probabilities in zip(cases, rng.random((len(cases), 3)).tolist(), strict=True)
    )  # fmt: skip
    return cases


def _add_readings(
    reader: Reader, stage: Stage, cases: list[Case], truth, *, rng, read: int
) -> None:
    order = rng.permutation(truth.size)
    is_right = rng.random(truth.size) < RIGHT[stage]
    answers = np.where(is_right, truth, rng.integers(len(CLASSES), size=truth.size))
    name = f"{reader.pk:x}-{stage}"
    _insert(
        Assignment,
        ("reader_id", "case_id", "stage", "position", "code"),
        [
            (reader.pk, cases[at].pk, stage, place, f"{name}-{place:x}")
            for place, at in enumerate(order, start=1)
        ],
    )
    assignments = Assignment.objects.filter(reader=reader, stage=stage).order_by("position")
    placed = assignments.values_list("pk", flat=True)
    seconds = rng.integers(20, 90, size=truth.size)
    _insert(
        Reading,
        ("assignment_id", "malignancy", "etiology", "idempotency_key", "started_at",
         "submitted_at"),
        [
            (
                pk, CLASSES[answers[at]].malignancy, CLASSES[answers[at]], f"{pk:032x}",
                "2026-01-01 08:00:00", f"2026-01-01 08:{took // 60:02}:{took % 60:02}",
            )
            for pk, at, took in islice(zip(placed, order, seconds, strict=True), read)
        ],
    )  # fmt: skip


def _insert(model: type[Model], columns: Sequence[str], rows: list[tuple]) -> None:
    """By SQL: a million objects would take longer than all that is measured.

    A column of the model that is not given has the field's own default, as in a new object.
    """
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    others = [field for field in fields if field.column not in columns]
    rest = tuple(field.get_db_prep_save(field.get_default(), connection) for field in others)
    names = ", ".join([*columns, *(field.column for field in others)])
    places = ", ".join(["%s"] * len(fields))
    sql = f"INSERT INTO {model._meta.db_table} ({names}) VALUES ({places})"
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            cursor.executemany(sql, [(*row, *rest) for row in rows[start : start + ROWS_AT_ONCE]])
