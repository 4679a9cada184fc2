"""What opening a study fixes: every reader's order is drawn and stored, and the protocol is frozen
under a hash of it all."""

import hashlib
import json
import secrets
from collections import Counter

from django.db.models import QuerySet

from readerstudy.reading.models import Assignment, Reader, ReadingOrder, Stage
from readerstudy.reading.randomisation import ALGORITHM, CaseKey, draw_order, order_digest
from readerstudy.studies.models import Case, Protocol, Study, practice_cases, testing_cases


def draw_and_freeze(study: Study) -> None:
    """Draw all orders and freeze the protocol. The study is open already."""
    protocol = study.protocol
    cases = {CaseKey(case.cohort_name, case.case_id): case for case in testing_cases(study)}
    orders = [
        _draw(reader=reader, stage=stage, protocol=protocol, cases=cases)
        for reader in study.reader_set.all()
        for stage in Stage
    ]
    document = json.dumps(frozen_document(study, orders), indent=1, sort_keys=True)
    protocol.frozen_document = document
    protocol.frozen_sha256 = hashlib.sha256(document.encode()).hexdigest()
    protocol.frozen_at = study.opened_at
    protocol.save()


def frozen_document(study: Study, orders: list[ReadingOrder]) -> dict:
    """What the hash covers: design, model, the cases' images, readers and their orders."""
    protocol = study.protocol
    version = study.studymodel.model_version
    return {
        "study": study.slug,
        "opened_at": study.opened_at.isoformat(),
        "design": protocol.design,
        "washout_days": protocol.washout_days,
        "seed": protocol.seed,
        "stratify_by_cohort": protocol.stratify_by_cohort,
        "plan_before_opening": protocol.plan_before_opening,
        "unblinding_needs_two": protocol.unblinding_needs_two,
        "reading": _frozen_conditions(protocol),
        "randomisation": ALGORITHM,
        "model": {"version": str(version), "sha256": version.sha256, "gate": version.threshold},
        "images": _frozen_images(testing_cases(study)),
        "practice": _frozen_images(practice_cases(study)),
        "readers": list(study.reader_set.values("code", "group", "years_of_experience")),
        "orders": [[o.reader.code, o.stage, o.order_sha256] for o in orders],
    }


def _draw(
    *, reader: Reader, stage: Stage, protocol: Protocol, cases: dict[CaseKey, Case]
) -> ReadingOrder:
    """Draw and store one order. A sequential design reads both stages in stage 1's order."""
    sequential = protocol.design == Protocol.Design.SEQUENTIAL
    drawn = draw_order(
        cases=list(cases),
        seed=protocol.seed,
        reader=reader.code,
        stage=Stage.UNAIDED if sequential else stage,
        stratify=protocol.stratify_by_cohort,
    )
    order = ReadingOrder.objects.create(
        reader=reader,
        stage=stage,
        seed=protocol.seed,
        algorithm=ALGORITHM,
        stratification={
            "by_cohort": protocol.stratify_by_cohort,
            "cohorts": dict(Counter(key.cohort for key in drawn)),
        },
        order_sha256=order_digest(drawn),
    )
    Assignment.objects.bulk_create(
        Assignment(
            reader=reader,
            case=cases[key],
            stage=stage,
            position=position,
            code=secrets.token_hex(8),
        )
        for position, key in enumerate(drawn, start=1)
    )
    return order


def _frozen_images(cases: QuerySet[Case]) -> list[list[str]]:
    rows = cases.order_by("cohort__name", "case_id", "image__modality").values_list(
        "cohort_name", "case_id", "image__modality", "image__sha256"
    )
    return [list(row) for row in rows]


def _frozen_conditions(protocol: Protocol) -> dict:
    """What a reader is told and asked."""
    due = [protocol.stage_1_due, protocol.stage_2_due]
    return {
        "information_sha256": hashlib.sha256(protocol.information.encode()).hexdigest(),
        "confidence": protocol.confidence,
        "rates_aid": protocol.rates_aid,
        "asks_profile": protocol.asks_profile,
        "checks_display": protocol.checks_display,
        "session_minutes": protocol.session_minutes,
        "due": [day and day.isoformat() for day in due],
    }
