"""The published study as a study of this site: rebuilt from its tables, read, unblinded, analysed.

What is made up, and from what, is told in `readerstudy.demo.published`. Every step looks first at
what is there, so loading goes on where it was stopped, and a second run does nothing.
"""

import csv
import json
import tempfile
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import numpy as np
from django.db import transaction
from django.utils import timezone

from analysis import registration, run_queue
from analysis.execution import execute
from analysis.models import AnalysisRun
from analysis.plan import Plan
from inference import evaluation_inputs
from inference.clahdm.hierarchical_probabilities import DEFAULT_THRESHOLD
from inference.models import StudyModel
from inference.predictions_import import import_predictions
from inference.predictions_reader import PREDICTIONS_NAME, PROBABILITIES
from readerstudy.demo.apps import PUBLISHED
from readerstudy.demo.people import simulated_reader
from readerstudy.demo.phantoms import HOSPITALS, Hospital
from readerstudy.demo.published import (
    SEED,
    CountedStudy,
    Figure,
    PublishedStudy,
    compare,
    read_off_run,
    reconstruct,
)
from readerstudy.demo.published.tables import READERS, published_cohorts
from readerstudy.demo.synthetic_cohort import SourceCase, write_cases
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.models import Reader, Reading, Stage
from readerstudy.reading.submission import SimulatedReading, submit_simulated
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import Cohort, Protocol, Study

SLUG = PUBLISHED
TITLE = "Zhu et al. 2022: reconstruction from published counts"
NOTICE = (
    "Reconstruction from published counts (Zhu et al., BMC Medicine 2022, 20:269); images are "
    "phantoms; no patient, no radiologist's reading."
)
MODEL = {"name": "CLA-HDM, reconstructed", "version": "from published counts"}
STATEMENT = (
    f"{NOTICE} No model was run: the probabilities are made up, such that counting them gives "
    "the published Table 1 as far as any can (docs/published-study.md)."
)
MARK = " (reconstruction)"
"""Follows each cohort's name, so that no table, figure or file of the study goes without."""
BY = "demo"
PICTURE = (144, 192)
"""Height and width in pixels. Nobody reads these pictures: they are small, and soon drawn."""

CLASSES = tuple(Etiology)


class AnalysisFailed(Exception):
    """The loaded study could not be analysed; the message says why."""


class NotOurs(Exception):
    """A study that is no simulation has the reconstruction's slug."""


def build(*, picture: tuple[int, int] = PICTURE, progress=iter) -> Study:
    """Load what is not there yet, up to the unblinded study; its analysis plan is registered.

    `progress` wraps each cohort's list of cases to be drawn, as tqdm does. Raises NotOurs.
    """
    study = _set_up()
    if study.is_unsealed:
        return study
    rebuilt = reconstruct()
    if study.state == Study.State.DRAFT:
        for cohort, hospital in zip(study.cohort_set.order_by("pk"), HOSPITALS, strict=True):
            if not cohort.case_set.exists():
                _import_cases(rebuilt, cohort, hospital, picture=picture, progress=progress)
        if not StudyModel.objects.filter(study=study).exists():
            _import_model(rebuilt, study)
        longest = int(rebuilt.seconds.sum(axis=(1, 2)).max())
        lifecycle.open_study(study, by=BY, at=timezone.now() - timedelta(seconds=longest))
        study.refresh_from_db()
    if study.state == Study.State.OPEN:
        for reader in study.reader_set.all():
            _read_rest(rebuilt, reader)
        lifecycle.lock_study(study, by=BY)
    if registration.registered_plan(study) is None:
        registration.register(study, Plan(), by=BY)
    lifecycle.unblind_study(study, by=BY)
    study.refresh_from_db()
    return study


def analyse(study: Study) -> AnalysisRun:
    """The last run by the registered plan, made if there is none yet. Raises AnalysisFailed."""
    done = AnalysisRun.objects.filter(study=study, planned=True, state=AnalysisRun.State.DONE)
    run = done.last() or execute(
        run_queue.start(study, registration.registered_or_default_plan(study), by=BY).pk
    )
    if run is None or run.state != AnalysisRun.State.DONE:
        raise AnalysisFailed(run.reason if run else "Another process is analysing it.")
    return run


def compare_with_print(run: AnalysisRun) -> tuple[Figure, ...]:
    """A run's results beside the printed tables. Raises KeyError if its plan left one out."""
    return compare(read_off_run(json.loads(run.results), mark=MARK))


def counted_study(study: Study) -> CountedStudy:
    """The loaded, unblinded study as the database has it, for `count`."""
    cohorts, _ = evaluation_inputs.stored_predictions(study)
    place = {
        key: number
        for number, key in enumerate(
            (cohort.name, case_id) for cohort in cohorts for case_id in cohort.case_ids
        )
    }
    codes = [reader.code for reader in READERS]
    decisions = np.full((len(codes), len(Stage), len(place)), -1, dtype=np.int8)
    readings = Reading.objects.filter(assignment__reader__study=study)
    for code, stage, cohort, case_id, etiology in readings.values_list(
        "assignment__reader__code",
        "assignment__stage",
        "assignment__case__cohort__name",
        "assignment__case__case_id",
        "etiology",
    ):
        at = codes.index(code), stage - 1, place[cohort, case_id]
        decisions[at] = Etiology(etiology).class_index
    return CountedStudy(
        cohort=np.array([cohort.removesuffix(MARK) for cohort, _ in place]),
        truth=np.concatenate([cohort.truth for cohort in cohorts]),
        probabilities=np.concatenate([cohort.probabilities for cohort in cohorts]),
        decisions=decisions,
    )


@transaction.atomic
def _set_up() -> Study:
    study, created = Study.objects.get_or_create(
        slug=SLUG, defaults={"title": TITLE, "notice": NOTICE, "is_synthetic": True}
    )
    if not study.is_synthetic:
        raise NotOurs(
            f'There is already another study with the short name "{SLUG}". Nothing was loaded.'
        )
    if created:
        Protocol.objects.create(study=study, design=Protocol.Design.TWO_SESSION, seed=SEED)
        for cohort, hospital in zip(published_cohorts(), HOSPITALS, strict=True):
            Cohort.objects.create(
                study=study,
                name=f"{cohort.name}{MARK}",
                role=Cohort.Role(cohort.role.replace(" ", "_")),
                hospital=f"Reconstruction, no patients. Phantoms: {hospital.name}",
            )
        for number, facts in enumerate(READERS, start=1):
            Reader.objects.create(study=study, user=simulated_reader(number), **asdict(facts))
    return study


def _import_cases(
    rebuilt: PublishedStudy,
    cohort: Cohort,
    hospital: Hospital,
    *,
    picture: tuple[int, int],
    progress,
) -> None:
    """Draw and import a cohort. The diameters are the phantoms', all else is as rebuilt."""
    rng = np.random.default_rng([rebuilt.seed, HOSPITALS.index(hospital)])
    cases = []
    for at in np.flatnonzero(rebuilt.cohort == cohort.name.removesuffix(MARK)):
        baseline = asdict(rebuilt.baselines[at])
        del baseline["diameter_mm"]
        cases.append(
            SourceCase(
                case_id=str(rebuilt.case_id[at]),
                etiology=CLASSES[rebuilt.truth[at]],
                baseline=baseline,
                instrument=hospital.choose(rng),
                seed=int(rng.integers(2**31)),
            )
        )
    with tempfile.TemporaryDirectory() as folder:
        write_cases(
            Path(folder), cases, technique=hospital.technique, size=picture, progress=progress
        )
        import_cohort(cohort=cohort, source=Path(folder), by=BY, reviewed_by=BY)


def _import_model(rebuilt: PublishedStudy, study: Study) -> None:
    """Import CLA-HDM's probabilities, without heatmaps, as the study's model."""
    names = [f"{name}{MARK}" for name in rebuilt.cohort]
    with tempfile.TemporaryDirectory() as folder:
        with (Path(folder) / PREDICTIONS_NAME).open("w", newline="", encoding="utf-8") as file:
            table = csv.writer(file)
            table.writerow(["cohort", "case_id", *PROBABILITIES])
            for name, case_id, numbers in zip(
                names, rebuilt.case_id, rebuilt.probabilities.tolist(), strict=True
            ):
                table.writerow([name, case_id, *numbers])
        import_predictions(
            study=study,
            source=Path(folder),
            threshold=DEFAULT_THRESHOLD,
            statement=STATEMENT,
            by=BY,
            **MODEL,
        )


def _read_rest(rebuilt: PublishedStudy, reader: Reader) -> None:
    """Read what is left to a reader, each case right after the one before it."""
    number = [facts.code for facts in READERS].index(reader.code)
    place = {case_id: at for at, case_id in enumerate(rebuilt.case_id)}
    readings, now = [], reader.study.opened_at
    for assignment in sequence.unread_assignments(reader).select_related("case"):
        at = number, assignment.stage - 1, place[assignment.case.case_id]
        etiology = CLASSES[rebuilt.decisions[at]]
        started_at, now = now, now + timedelta(seconds=int(rebuilt.seconds[at]))
        readings.append(
            SimulatedReading(
                code=assignment.code,
                malignancy=etiology.malignancy,
                etiology=etiology,
                started_at=started_at,
                submitted_at=now,
            )
        )
    if readings:
        submit_simulated(reader=reader, readings=readings)
