"""The demo's three studies. Every step looks first at what is there, so building goes on where
it was stopped, and a second run does nothing."""

import tempfile
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random

from django.core.management import call_command
from django.db import transaction
from django.utils import timezone

from analysis.models import AnalysisRun
from analysis.plan import Plan
from analysis.registration import register, registered_plan
from inference.models import ModelVersion, StudyModel
from readerstudy.accounts.models import User
from readerstudy.demo.people import MEMBERS, simulated_reader
from readerstudy.demo.phantoms import HOSPITALS
from readerstudy.demo.synthetic_cohort import write_source
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.models import Reader
from readerstudy.reading.submission import SimulatedReading, submit_simulated
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import Case, Cohort, Membership, Protocol, Study

BY = "demo"
MODEL = ("CLA-HDM tiny", "trained on phantoms")
WEIGHTS = Path(__file__).parent / "weights" / "clahdm-tiny.safetensors"

# Six simulated readers as published: years of experience, group, and the chance of a right
# answer without and with AI. The chances are made up.
SIMULATED = (
    (20, "senior", 0.70, 0.76),
    (14, "senior", 0.66, 0.74),
    (9, "middle", 0.60, 0.68),
    (8, "middle", 0.58, 0.68),
    (5, "junior", 0.54, 0.64),
    (3, "junior", 0.50, 0.62),
)
SECONDS = ((15, 60), (10, 40))  # that a simulated reader takes a case: without and with AI
AGO = timedelta(days=2)  # when a finished demo was opened


@dataclass(frozen=True)
class DemoStudy:
    """What a demo study is made of."""

    slug: str
    title: str
    design: Protocol.Design
    cohorts: tuple[tuple[str, str, int], ...]  # name, role and cases, one a synthetic hospital
    seed: int
    reading: dict[str, object] = field(default_factory=dict)  # what its protocol asks of readers
    finished: bool = False


INFORMATION = (
    "This study is a demonstration. All images are simulated and no patient is "
    "shown, so your answers say nothing about anyone's health or about you.\n\nYou "
    "read each case twice: first the two ultrasound images alone, then together with "
    "the output of CLA-HDM, an AI model. You can stop at any time and continue "
    "later.\n\nThe study stores your diagnoses, how long each took, which AI output "
    "you looked at, and your answers on the following pages. All of it stays on this "
    "computer.\n"
)
BEFORE = {
    "information": INFORMATION,
    "asks_profile": True,
    "checks_display": True,
    "session_minutes": 45,
}
PRACTICE = ("practice", Cohort.Role.PRACTICE, 2)

STUDIES = (
    DemoStudy(
        "demo-sequential",
        "Demo: sequential reading",
        Protocol.Design.SEQUENTIAL,
        (("internal", Cohort.Role.INTERNAL, 6), ("external", Cohort.Role.EXTERNAL, 4), PRACTICE),
        seed=1,
        reading=BEFORE | {"confidence": Protocol.Confidence.FIVE_POINT, "rates_aid": True},
    ),
    DemoStudy(
        "demo-two-session",
        "Demo: two-session reading",
        Protocol.Design.TWO_SESSION,
        (("internal", Cohort.Role.INTERNAL, 6), PRACTICE),
        seed=2,
        reading=BEFORE,
    ),
    DemoStudy(
        "demo-finished",
        "Demo: a finished study with simulated readers",
        Protocol.Design.TWO_SESSION,
        (
            ("internal", Cohort.Role.INTERNAL, 16),
            ("external 1", Cohort.Role.EXTERNAL, 10),
            ("external 2", Cohort.Role.EXTERNAL, 10),
        ),
        seed=3,
        finished=True,
    ),
)


def build(demo: DemoStudy, *, model: ModelVersion) -> Study:
    """Build one study up to where it belongs: open, or read and unblinded."""
    study = _set_up(demo, model=model)
    if study.state == Study.State.DRAFT:
        if lifecycle.queue_model(study):
            call_command("infer")
        lifecycle.open_study(study, by=BY, at=timezone.now() - AGO if demo.finished else None)
        study.refresh_from_db()
    if demo.finished and study.state == Study.State.OPEN:
        with transaction.atomic():
            if registered_plan(study) is None:
                register(study, Plan(), by=BY)
            for reader, facts in zip(study.reader_set.order_by("code"), SIMULATED, strict=True):
                rng = Random(f"{demo.seed} {reader.code}")  # noqa: S311 (a simulation)
                _simulate(reader, chances=facts[2:], rng=rng)
            lifecycle.lock_study(study, by=BY)
            lifecycle.unblind_study(study, by=BY)
        study.refresh_from_db()
    if demo.finished and not AnalysisRun.objects.filter(study=study, state="done").exists():
        call_command("analyse", study.slug, by=BY)
    return study


def phantom_model() -> ModelVersion:
    """The demo's model version: reduced width, trained on phantoms as docs/model.md tells."""
    name, version = MODEL
    if not ModelVersion.objects.filter(name=name, version=version).exists():
        call_command("add_model", name, version, weights=WEIGHTS, by=BY)
    return ModelVersion.objects.get(name=name, version=version)


def _set_up(demo: DemoStudy, *, model: ModelVersion) -> Study:
    with transaction.atomic():
        study, created = Study.objects.get_or_create(
            slug=demo.slug, defaults={"title": demo.title, "is_synthetic": True}
        )
        if created:
            Protocol.objects.create(study=study, design=demo.design, seed=demo.seed, **demo.reading)
            StudyModel.objects.create(study=study, model_version=model)
            for username, role in MEMBERS.items():
                user = User.objects.get(username=username)
                Membership.objects.create(study=study, user=user, role=role)
            for (name, role, _), hospital in zip(demo.cohorts, HOSPITALS, strict=False):
                Cohort.objects.create(study=study, name=name, role=role, hospital=hospital.name)
            _make_readers(study, simulated=demo.finished)
    for number, (name, role, cases) in enumerate(demo.cohorts):
        hospital = HOSPITALS[number]
        cohort = Cohort.objects.get(study=study, name=name)
        if not Case.objects.filter(cohort=cohort).exists():
            with tempfile.TemporaryDirectory() as folder:
                write_source(
                    Path(folder),
                    counts=hospital.mix(cases),
                    hospital=hospital,
                    seed=100 * demo.seed + number,
                    name="practice" if role == Cohort.Role.PRACTICE else "phantom",
                )
                import_cohort(cohort=cohort, source=Path(folder), by=BY, reviewed_by=BY)
    return study


def _make_readers(study: Study, *, simulated: bool) -> None:
    if not simulated:
        user = User.objects.get(username="radiologist")
        Reader.objects.create(
            study=study, user=user, code="R1", years_of_experience=8, group="middle"
        )
        return
    for number, (years, group, *_) in enumerate(SIMULATED, start=1):
        Reader.objects.create(
            study=study,
            user=simulated_reader(number),
            code=f"R{number}",
            years_of_experience=years,
            group=group,
        )


def _simulate(reader: Reader, *, chances: tuple[float, float], rng: Random) -> None:
    """Read everything since the opening, each case right after the one before it."""
    readings, now = [], reader.study.opened_at
    left = sequence.unread_assignments(reader).select_related("case__referencestandard")
    for assignment in left:
        truth = Etiology(assignment.case.referencestandard.etiology)
        right = rng.random() < chances[assignment.stage - 1]
        answer = truth if right else rng.choice([e for e in Etiology if e is not truth])
        started_at, now = now, now + timedelta(seconds=rng.uniform(*SECONDS[assignment.stage - 1]))
        readings.append(
            SimulatedReading(
                code=assignment.code,
                malignancy=answer.malignancy,
                etiology=answer,
                started_at=started_at,
                submitted_at=now,
            )
        )
    if readings:
        submit_simulated(reader=reader, readings=readings)
