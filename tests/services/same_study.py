"""Build one and the same study in this process's database, analyse it, and print what came out.

A process of its own, since a process has one database. Names are such as databases sort each in
their way, and nothing is drawn at random but from a fixed seed.
"""

import json
import sys
from datetime import UTC, datetime, timedelta
from uuid import UUID

import django
import numpy as np
from django.core.management import call_command

COHORTS = ("zeta", "Alpha 1", "alpha-2", "Ångström")
CASES = 10  # a cohort
READERS = ("R10", "r1", "R2", "R 3")
START = datetime(2026, 1, 31, 23, 59, 58, 1, tzinfo=UTC)


def build():
    """The study, unblinded."""
    from inference.models import ModelVersion, Prediction, StudyModel
    from inference.queue import input_digest
    from readerstudy.accounts.models import User
    from readerstudy.diagnosis import Etiology
    from readerstudy.reading.models import Assignment, Reader, Reading
    from readerstudy.studies.models import Case, Cohort, Protocol, ReferenceStandard, Study

    rng = np.random.default_rng(3)
    study = Study.objects.create(slug="same", title="The same everywhere")
    Protocol.objects.create(study=study, seed=7, plan_before_opening=False)
    model = ModelVersion.objects.create(
        name="CLA-HDM", version="1", architecture="tiny", is_trained=True, weights="none",
        sha256="0" * 64,
    )  # fmt: skip
    StudyModel.objects.create(study=study, model_version=model)
    cases, truths = [], []
    for name in COHORTS:
        cohort = Cohort.objects.create(study=study, name=name)
        for number in range(CASES):
            case = Case.objects.create(
                cohort=cohort, case_id=f"{'aB-_.'[number % 5]}{number}", sex="female",
                age=int(rng.integers(20, 80)), diameter_mm=float(rng.uniform(5, 40)),
                location="left", neck_level="II", instrument="x",
            )  # fmt: skip
            etiology = list(Etiology)[rng.integers(4)]
            ReferenceStandard.objects.create(
                case=case, malignancy=etiology.malignancy, etiology=etiology,
                pathologic_method="needle_biopsy",
            )  # fmt: skip
            p = dict(zip(("p_malignant", "p_tuberculous", "p_metastatic"), rng.random(3).tolist(),
                         strict=True))  # fmt: skip
            Prediction.objects.create(
                case=case, model_version=model, input_sha256=input_digest([]), **p
            )
            cases.append(case)
            truths.append(etiology)
    readers = [
        Reader.objects.create(
            study=study, user=User.objects.create(username=code), code=code,
            years_of_experience=3 * number, group=["senior", "middle", "junior", "junior"][number],
        )
        for number, code in enumerate(READERS)
    ]  # fmt: skip
    study.state = Study.State.OPEN
    study.save()
    for number, reader in enumerate(readers):
        for stage in (1, 2):
            for position, case in enumerate(cases, start=1):
                key = number * 1000 + stage * 100 + position
                assignment = Assignment.objects.create(
                    reader=reader, case=case, stage=stage, position=position, code=f"{key:016}"
                )
                right = rng.random() < 0.5 + 0.1 * stage
                answer = truths[position - 1] if right else list(Etiology)[rng.integers(4)]
                taken = timedelta(microseconds=int(rng.integers(1, 90_000_000)))
                Reading.objects.create(
                    assignment=assignment, malignancy=answer.malignancy, etiology=answer,
                    idempotency_key=UUID(int=key), started_at=START, submitted_at=START + taken,
                )  # fmt: skip
    study.state = Study.State.UNBLINDED
    study.save()
    return study


def main() -> None:
    django.setup()
    call_command("migrate", verbosity=0)
    from django.db import connection, transaction

    from analysis import execution, run_queue
    from analysis.plan import Plan

    with transaction.atomic():
        study = build()
    run = execution.execute(run_queue.start(study, Plan(), by="test").pk)
    found = {"vendor": connection.vendor, "data": run.data_sha256, "results": run.results}
    json.dump(found | {"reason": run.reason}, sys.stdout)


if __name__ == "__main__":
    main()
