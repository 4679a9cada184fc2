"""A study's way: draft → open → locked → unblinded. Forward only, each step audited.

Opening draws and stores every reader's order and freezes the protocol under a hash.
"""

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from inference import dispatch, queue
from inference.inputs import Told, model_inputs
from inference.models import StudyModel
from readerstudy.audit.log import record
from readerstudy.cohorts.models import (
    Case,
    Image,
    Membership,
    Protocol,
    Study,
    practice_cases,
    testing_cases,
)
from readerstudy.reading.models import Assignment, Reader, ReadingOrder, Stage
from readerstudy.reading.randomisation import ALGORITHM, CaseKey, draw_order, order_digest

State = Study.State
FAILURES_TOLD = 5  # cases named when a study can't open


class NotPossible(Exception):
    """A step is refused; ``reasons`` says all that stands in its way."""

    def __init__(self, reasons: list[str]):
        super().__init__(" ".join(reasons))
        self.reasons = reasons


def queue_model(study: Study) -> list[int]:
    """Make a job for every testing case and the study's model; the ids of those that wait.

    Jobs that failed, or whose worker died, wait again. Raises NotPossible when no model was
    chosen, or one whose predictions are imported.
    """
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    if chosen is None:
        raise NotPossible(["Choose the study's model version first."])
    try:
        queue.require_computed(chosen.model_version)
    except queue.NotComputed as refusal:
        raise NotPossible([str(refusal)]) from None
    cases = list(testing_cases(study).prefetch_related("image_set"))
    queue.reap()
    queue.retry_failed(cases=cases, model_version=chosen.model_version)
    return queue.enqueue(cases=cases, model_version=chosen.model_version)


@transaction.atomic
def run_model(study: Study, *, by: str) -> None:
    """Queue the study's cases and have the worker run them. Raises NotPossible."""
    jobs = queue_model(study)
    record("study.run_model", actor=by, study=study.slug, detail={"jobs": len(jobs)})
    dispatch.dispatch_on_commit(jobs)


def missing_to_open(study: Study) -> list[str]:
    """All that keeps a draft study from opening, in plain words; empty when it may open."""
    checks: list[Callable[[Study], list[str]]] = [
        _missing_protocol,
        _missing_cases,
        _missing_practice,
        _missing_readers,
        _missing_predictions,
    ]
    return [reason for check in checks for reason in check(study)]


@transaction.atomic
def open_study(study: Study, *, by: str, at: datetime | None = None) -> None:
    """Draw all orders, freeze the protocol, take readings from now on.

    ``at`` opens a synthetic study in the past, for readings that are simulated with their times.
    Raises NotPossible with every reason.
    """
    reasons = partial(_against_opening, at=at)
    study = _enter(study, State.OPEN, require=State.DRAFT, reasons=reasons, at=at)
    protocol = study.protocol
    cases = {CaseKey(case.cohort_name, case.case_id): case for case in testing_cases(study)}
    orders = [
        _draw(reader=reader, stage=stage, protocol=protocol, cases=cases)
        for reader in study.reader_set.all()
        for stage in Stage
    ]
    document = json.dumps(_frozen_document(study, orders), indent=1, sort_keys=True)
    protocol.frozen_document = document
    protocol.frozen_sha256 = hashlib.sha256(document.encode()).hexdigest()
    protocol.frozen_at = study.opened_at
    protocol.save()
    detail = {"protocol": protocol.frozen_sha256} | ({"as_of": at.isoformat()} if at else {})
    record("study.open", actor=by, study=study.slug, detail=detail)


@transaction.atomic
def lock_study(study: Study, *, by: str) -> None:
    """Take no more readings. Raises NotPossible unless the study is open."""
    study = _enter(study, State.LOCKED, require=State.OPEN)
    record("study.lock", actor=by, study=study.slug)


@transaction.atomic
def unblind_study(study: Study, *, by: str) -> None:
    """Unseal the results. Raises NotPossible unless the study is locked."""
    study = _enter(study, State.UNBLINDED, require=State.LOCKED)
    record("study.unblind", actor=by, study=study.slug)


def _enter(
    study: Study,
    state: str,
    *,
    require: str,
    reasons: Callable[[Study], list[str]] = lambda _study: [],
    at: datetime | None = None,
) -> Study:
    """Move the study, held under lock, to a state, as of now or of ``at``."""
    study = Study.objects.select_for_update().get(pk=study.pk)
    list(Reader.objects.select_for_update().filter(study=study))  # no submit is under way now
    against = reasons(study)
    if study.state != require:
        against = [f"The study is {study.state}; this needs it to be {require}."]
    if against:
        raise NotPossible(against)
    study.state = state
    setattr(study, {"open": "opened_at"}.get(state, f"{state}_at"), at or timezone.now())
    study.save()
    return study


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


def _frozen_document(study: Study, orders: list[ReadingOrder]) -> dict:
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
        "reading": _frozen_conditions(protocol),
        "randomisation": ALGORITHM,
        "model": {"version": str(version), "sha256": version.sha256, "gate": version.threshold},
        "images": _frozen_images(testing_cases(study)),
        "practice": _frozen_images(practice_cases(study)),
        "readers": list(study.reader_set.values("code", "group", "years_of_experience")),
        "orders": [[o.reader.code, o.stage, o.order_sha256] for o in orders],
    }


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


def _against_opening(study: Study, *, at: datetime | None) -> list[str]:
    """All that is missing, and what is wrong with the time."""
    reasons = []
    if at is not None and not study.is_synthetic:
        reasons.append("A study is opened as of now, unless it is synthetic.")
    if at is not None and at > timezone.now():
        reasons.append("A study is not opened in the future.")
    return reasons + missing_to_open(study)


def _missing_protocol(study: Study) -> list[str]:
    if Protocol.objects.filter(study=study).exists():
        return []
    return ["The study has no protocol."]


def _missing_cases(study: Study) -> list[str]:
    cases = testing_cases(study)
    if not cases.exists():
        return ["No testing cohort has a case."]
    return _incomplete(cases, kind="")


def _missing_practice(study: Study) -> list[str]:
    """Practice tells the answer, so no case of it may be one that is read for the study."""
    practice = practice_cases(study)
    return _incomplete(practice, kind="practice ") + _in_both(practice, testing_cases(study))


def _incomplete(cases: QuerySet[Case], *, kind: str) -> list[str]:
    reasons = []
    incomplete = cases.exclude(image__modality="bus") | cases.exclude(image__modality="cdfi")
    if count := incomplete.distinct().count():
        reasons.append(f"{count} {kind}cases lack an image.")
    if count := cases.filter(referencestandard__isnull=True).count():
        reasons.append(f"{count} {kind}cases have no reference standard.")
    return reasons


def _in_both(practice: QuerySet[Case], testing: QuerySet[Case]) -> list[str]:
    """Patients that are in practice and in testing: by their hospital's id, or by an image."""
    same_id = testing.filter(
        case_id=OuterRef("case_id"), cohort__hospital=OuterRef("cohort__hospital")
    )
    images = Image.objects.filter(case__in=testing.values("pk"))
    reasons = {
        "has the id of a testing case of its hospital": practice.filter(Exists(same_id)),
        "has an image of a testing case": practice.filter(
            image__sha256__in=images.values("sha256")
        ),
    }
    return [
        f"Practice case {case.cohort_name} / {case.case_id} {reason}; "
        "no patient may be in both: take the case out of one cohort."
        for reason, cases in reasons.items()
        for case in cases.distinct()[:FAILURES_TOLD]
    ]


def _missing_readers(study: Study) -> list[str]:
    """Readers there must be, and none who could look up the truth or the results."""
    readers = Reader.objects.filter(study=study).select_related("user")
    if not readers.exists():
        return ["The study has no reader."]
    members = set(Membership.objects.filter(study=study).values_list("user", flat=True))
    return [
        f"{reader.code} ({reader.user}) is staff or has a role in running this study; "
        "a reader must not have a way to the truth."
        for reader in readers
        if reader.user.is_staff or reader.user.is_superuser or reader.user_id in members
    ]


def _missing_predictions(study: Study) -> list[str]:
    """Stage 2 must never find a case without the model's result."""
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    if chosen is None:
        return ["No model version was chosen for the study."]
    inputs = model_inputs(testing_cases(study), model_version=chosen.model_version)
    reasons = []
    if inputs.pending and chosen.model_version.is_external:
        reasons.append(
            f"{len(inputs.pending)} cases have no prediction that fits their images; import those "
            f"of {chosen.model_version} for this study."
        )
    elif inputs.pending:
        reasons.append(
            f"{len(inputs.pending)} cases have no model result yet; run the model first."
        )
    if inputs.failed:
        reasons.append(_failures(inputs.failed))
    return reasons


def _failures(failed: list[Told]) -> str:
    """On which cases the model failed and why, the first few of them."""
    lines = [f"{told.case.cohort_name} / {told.case.case_id}: {told.text}" for told in failed]
    if more := lines[FAILURES_TOLD:]:
        lines[FAILURES_TOLD:] = [f"and {len(more)} more, which the admin's job list has"]
    return (
        f"The model failed on {len(failed)} cases; run it again once the cause is gone. "
        f"{'; '.join(lines)}."
    )
