"""An unblinded study of any size, read by simulated readers: rows alone, without images."""

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from inference.models import ModelVersion, Prediction, StudyModel
from inference.queue import input_digest
from readerstudy.accounts.models import User
from readerstudy.cohorts.models import (
    Case,
    Cohort,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.diagnosis import Etiology
from readerstudy.reading.models import Reader, Stage

CLASSES = tuple(Etiology)
RIGHT = {Stage.UNAIDED: 0.65, Stage.AIDED: 0.75}
ROWS_AT_ONCE = 20_000


@transaction.atomic
def read_study(slug: str, *, readers: int, cases: int, model_version: ModelVersion) -> Study:
    """Two stages of so many readers and cases, each right at the rates of RIGHT, and an
    investigator of the study's own name."""
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
            _add_readings(reader, stage, made, truth, rng=rng)
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


def _add_readings(reader: Reader, stage: Stage, cases: list[Case], truth, *, rng) -> None:
    """By SQL: a million objects would take longer than all that is measured."""
    order = rng.permutation(truth.size)
    is_right = rng.random(truth.size) < RIGHT[stage]
    answers = np.where(is_right, truth, rng.integers(len(CLASSES), size=truth.size))
    name = f"{reader.pk:x}-{stage}"
    _insert(
        "INSERT INTO reading_assignment (reader_id, case_id, stage, position, code)"
        " VALUES (%s, %s, %s, %s, %s)",
        [
            (reader.pk, cases[at].pk, stage, place, f"{name}-{place:x}")
            for place, at in enumerate(order, start=1)
        ],
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM reading_assignment WHERE reader_id = %s AND stage = %s"
            " ORDER BY position",
            [reader.pk, stage],
        )
        assignments = [pk for (pk,) in cursor.fetchall()]
    seconds = rng.integers(20, 90, size=truth.size)
    _insert(
        "INSERT INTO reading_reading (assignment_id, malignancy, etiology, idempotency_key,"
        " started_at, submitted_at) VALUES (%s, %s, %s, %s, %s, %s)",
        [
            (
                pk, CLASSES[answers[at]].malignancy, CLASSES[answers[at]], f"{pk:032x}",
                "2026-01-01 08:00:00", f"2026-01-01 08:{took // 60:02}:{took % 60:02}",
            )
            for pk, at, took in zip(assignments, order, seconds, strict=True)
        ],
    )  # fmt: skip


def _insert(sql: str, rows: list[tuple]) -> None:
    with connection.cursor() as cursor:
        for start in range(0, len(rows), ROWS_AT_ONCE):
            cursor.executemany(sql, rows[start : start + ROWS_AT_ONCE])
