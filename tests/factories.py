"""Small studies, built through the product's own doors where it has one."""

import hashlib
import io
import secrets
from itertools import cycle
from uuid import uuid4

import numpy as np
from django.conf import settings
from django.utils import timezone
from PIL import Image as PillowImage

from analysis import file_set_queue, make_run_files, run_queue
from analysis.execution import execute
from analysis.models import AnalysisRun, FileSet, RunFile
from analysis.plan import Intervals, Plan
from inference.models import Heatmap, ModelVersion, Prediction, StudyModel
from inference.queue import input_digest
from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology, Modality
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.models import Reader
from readerstudy.reading.submission import record_presentation, submit_reading
from readerstudy.reading.submitted_answer import Answer
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    ImageFinding,
    ImageReview,
    Membership,
    Protocol,
    ReferenceStandard,
    SimilarImages,
    Study,
)
from readerstudy.studies.review import similar_images
from readerstudy.studies.review.approval import approve
from readerstudy.studies.review.staged_findings import StagedFindings, store_findings
from readerstudy.studies.screening.models import Exclusion, Screening

PASSWORD = "a long enough password"
NOTHING_FOUND = StagedFindings([], False, "", [], (), bytes(256))
MM_PER_PIXEL = {Modality.BUS: 0.0847457627118644, Modality.CDFI: None}


def make_user(username: str, **fields) -> User:
    user = User(username=username, **fields)
    user.set_password(PASSWORD)
    user.save()
    return user


def make_model(**fields) -> ModelVersion:
    """A model version without a weights file: enough for stored predictions. ``weights_of`` is
    what the file would hold."""
    version = fields.get("version") or secrets.token_hex(4)
    values = {
        "name": "CLA-HDM",
        "version": version,
        "architecture": "tiny",
        "is_trained": True,
        "weights": f"weights/{version}.safetensors",
        "sha256": hashlib.sha256(weights_of(version)).hexdigest(),
    }
    return ModelVersion.objects.create(**values | fields)


def weights_of(version: str) -> bytes:
    return f"weights of {version}".encode()


def make_case(cohort: Cohort, case_id: str, etiology: Etiology) -> Case:
    """A case with two small images and its truth."""
    case = Case.objects.create(
        cohort=cohort,
        case_id=case_id,
        sex="female",
        age=41,
        diameter_mm=17.5,
        location="left",
        neck_level="III",
        instrument="SECRET-INSTRUMENT",
    )
    ReferenceStandard.objects.create(
        case=case,
        malignancy=etiology.malignancy,
        etiology=etiology,
        pathologic_method="needle_biopsy",
    )
    for modality in Modality:
        png = random_png()
        name = f"images/{secrets.token_hex(16)}.png"
        path = settings.MEDIA_ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png)
        image = Image.objects.create(
            case=case,
            modality=modality,
            file=name,
            sha256=hashlib.sha256(png).hexdigest(),
            width=40,
            height=32,
            mm_per_pixel=MM_PER_PIXEL[modality],
        )
        store_findings([image], [NOTHING_FOUND], reviewed_by="test")
    return case


def approve_images(study: Study) -> None:
    """Approve all images of a draft, and answer what was found, as who has looked at them."""
    images = Image.objects.filter(case__cohort__study=study).prefetch_related("findings")
    answered = {image.pk: [found.kind for found in image.findings.all()] for image in images}
    seen = {image.pk: image.sha256 for image in images}
    approve(seen, study=study, by="test", answered=answered)


def remove_images(images) -> None:
    """Delete images with what is known of them."""
    similar_images.forget(images)
    ImageFinding.objects.filter(image__in=images).delete()
    ImageReview.objects.filter(image__in=images).delete()
    images.delete()


def add_findings(study: Study) -> None:
    """Something that was found about an image of this draft, and two that show the same; both
    answered."""
    first, second = Image.objects.filter(case__cohort__study=study, modality="bus")[:2]
    answered = {"answered_by": "test", "answered_at": timezone.now()}
    ImageFinding.objects.create(image=first, kind="grey", text="No colour.", **answered)
    SimilarImages.objects.create(
        first=first, second=second, is_same=False, answer="Two nodes of one patient.", **answered
    )


def random_png(size: tuple[int, int] = (32, 40)) -> bytes:
    """Noise, tinted: neither without colour nor with that of Doppler."""
    noise = 80 + np.frombuffer(secrets.token_bytes(size[0] * size[1] * 3), np.uint8) // 3
    buffer = io.BytesIO()
    PillowImage.fromarray(noise.reshape(*size, 3)).save(buffer, "PNG")
    return buffer.getvalue()


def make_prediction(case: Case, model: ModelVersion, **probabilities) -> Prediction:
    values = {"p_malignant": 0.8, "p_tuberculous": 0.3, "p_metastatic": 0.6} | probabilities
    prediction = Prediction.objects.create(
        case=case,
        model_version=model,
        input_sha256=input_digest(case.image_set.all()),
        **values,
    )
    for level in (1, 2):
        for modality in Modality:
            Heatmap.objects.create(
                prediction=prediction, level=level, modality=modality, png=random_png((7, 7))
            )
    return prediction


def make_draft(
    slug: str = "study",
    *,
    cases: int = 3,
    readers: tuple[str, ...] = ("anna", "boris"),
    design: str = Protocol.Design.TWO_SESSION,
    cohorts: tuple[str, ...] = ("SECRET-COHORT-A", "SECRET-COHORT-B"),
    **protocol,
) -> Study:
    """A study that lacks nothing to open; ``cases`` in all, dealt out to the cohorts in turn."""
    study = Study.objects.create(slug=slug, title=f"Study {slug}")
    asked = {"seed": 7, "plan_before_opening": False} | protocol
    Protocol.objects.create(study=study, design=design, **asked)
    model = make_model()
    StudyModel.objects.create(study=study, model_version=model)
    made = [
        Cohort.objects.create(study=study, name=name, hospital="SECRET-HOSPITAL")
        for name in cohorts
    ]
    for number, cohort, etiology in zip(range(cases), cycle(made), cycle(Etiology), strict=False):
        make_prediction(make_case(cohort, f"SECRET-ID-{number}", etiology), model)
    groups = cycle(Reader.Group.values)
    for number, (username, group) in enumerate(zip(readers, groups, strict=False), start=1):
        user = User.objects.filter(username=username).first() or make_user(username)
        Reader.objects.create(
            study=study, user=user, code=f"R{number}", years_of_experience=9, group=group
        )
    return study


def make_practice(study: Study, *, cases: int) -> list[Case]:
    """A practice cohort for a draft, with the etiologies in turn."""
    cohort = Cohort.objects.create(
        study=study, name="SECRET-PRACTICE", hospital="SECRET-HOSPITAL", role=Cohort.Role.PRACTICE
    )
    return [
        make_case(cohort, f"SECRET-PRACTICE-{number}", etiology)
        for number, etiology in zip(range(cases), cycle(Etiology), strict=False)
    ]


def make_screening(study: Study, *, enrolled: int, cohort: Cohort | None = None) -> Screening:
    """Screening of a draft, for one cohort or all together: two patients were excluded."""
    screening = Screening.objects.create(
        study=study, cohort=cohort, screened=enrolled + 2, enrolled=enrolled
    )
    for position, reason in enumerate(("poor_cdfi", "no_consent"), start=1):
        Exclusion.objects.create(screening=screening, position=position, reason=reason, patients=1)
    return screening


def choose_model(study: Study, version: ModelVersion) -> None:
    """Give a draft another model: its cases have no result of that one yet."""
    study.studymodel.model_version = version
    study.studymodel.save()


def make_open(slug: str = "study", **fields) -> Study:
    study = make_draft(slug, **fields)
    lifecycle.open_study(study, by="test")
    study.refresh_from_db()
    return study


def make_member(study: Study, username: str, role: str) -> User:
    user = User.objects.filter(username=username).first() or make_user(username)
    Membership.objects.create(study=study, user=user, role=role)
    return user


def make_investigator(study: Study, username: str = "ivan") -> User:
    return make_member(study, username, Membership.Role.INVESTIGATOR)


def browser_trace(*events: str) -> dict:
    """What a browser in which these things happened tells of a reading, as it is stored."""
    return {
        "active_ms": 0,
        "elapsed_ms": 0,
        "submitted_at": timezone.now(),
        "events": [[0, name, ""] for name in events],
        "exposure": [],
    }


def read_next(
    reader: Reader, etiology: Etiology = Etiology.REACTIVE, trace_data: dict | None = None
):
    """Read the reader's current case."""
    reader = Reader.objects.select_related("study__protocol", "user").get(pk=reader.pk)
    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    return submit_reading(
        reader=reader,
        code=assignment.code,
        key=uuid4(),
        answer=Answer(malignancy=etiology.malignancy, etiology=etiology),
        trace_data=trace_data,
    ).reading


def read_all(study: Study, **answer) -> None:
    """Every reader reads everything."""
    for reader in study.reader_set.select_related("study__protocol", "user"):
        while sequence.current_assignment(reader):
            read_next(reader, **answer)


def finish(study: Study) -> None:
    """Lock and unblind."""
    lifecycle.lock_study(study, by="test")
    unblind(study)


def unblind(study: Study) -> None:
    """Unblind a study that is locked."""
    lifecycle.unblind_study(study, by="test", reason="All is read")
    study.refresh_from_db()


QUICK = Plan(intervals=Intervals(resamples=20))


def analyse(study: Study, plan: Plan = QUICK) -> AnalysisRun:
    """Run an analysis of an unblinded study to its end; of its files, what its page shows."""
    run = execute(run_queue.start(study, plan, by="test").pk)
    if run.state == AnalysisRun.State.DONE:
        draw(run, "pages/")
    return run


def draw(run: AnalysisRun, *begins: str) -> None:
    """Make the files of a run whose names begin so; the others wait, as for a busy worker."""
    source = make_run_files.FilesOf(run)
    file_set_queue.queue(run)
    files = FileSet.objects.get(run=run, key=file_set_queue.file_set_key(run))
    if not files.total:
        file_set_queue.list_files(files, list(source.names()))
    for row in files.files.filter(state=RunFile.State.WAITING):
        if row.name.startswith(begins):
            make_run_files.make_file(row, source)
