"""What a reader may see of a case. Every page, API answer and image for readers goes through here.

A reader sees an opaque code, the two images and the baseline characteristics; in stage 2, once
the own stage-1 reading of that case is stored, also that reading and the AI's output. Never the
truth, the pathologic method, the cohort, the hospital, the instrument, a file name, a database
id, or another reader's work. All functions take an assignment that ``sequence`` found current;
only ``image_file`` also takes the upcoming one. Practice cases, which nobody is assigned, are
``reading/onboarding.py``'s; of them, too, a reader sees the images, ``baseline_of``
and ``spacing_of``.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.files.base import File
from django.core.files.storage import default_storage
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from inference.current_results import predictions_of
from inference.models import ModelVersion, Prediction
from readerstudy.diagnosis import Etiology, Malignancy, Modality
from readerstudy.reading.errors import AidMissing, NoHeatmap, NotRevealed
from readerstudy.reading.frozen_cache import cached, cached_member
from readerstudy.reading.label_translations import in_language
from readerstudy.reading.models import Assignment, Reading, Stage
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, Sex
from readerstudy.studies.models import Case, Image

ASKED_AT_ONCE = 32  # cases: the one to be shown and those that come after it in the order
NETWORK = "CLA-HDM"  # whatever its version, which is no reader's business
NO_RESULT = gettext_lazy(
    "The model's result for this case is missing, so stage 2 can't continue. Your submitted "
    "diagnoses are safe. Tell the study's investigator."
)


@dataclass(frozen=True)
class BlindedCase:
    """A case as its reader knows it. ``baseline`` holds (label, value) pairs."""

    code: str
    stage: Stage
    baseline: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Diagnosis:
    """A two-level diagnosis."""

    malignancy: Malignancy
    etiology: Etiology


@dataclass(frozen=True)
class ModelAid:
    """What stage 2 adds.

    Level 1 maps each Malignancy, level 2 the Etiologies of the branch that the gate chose, to
    a probability in [0, 1]. ``model`` is what the model is called: one that ran elsewhere has
    its own name, and may have come without heatmaps.
    """

    model: str
    is_imported: bool
    has_heatmaps: bool
    stage_1: Diagnosis
    suggestion: Diagnosis
    level_1: dict[Malignancy, float]
    level_2: dict[Etiology, float]
    model_is_trained: bool


def blinded_case(assignment: Assignment) -> BlindedCase:
    """The part of a case that both stages show."""
    return BlindedCase(
        code=assignment.code,
        stage=Stage(assignment.stage),
        baseline=baseline_of(_shown(assignment).case),
    )


def baseline_of(case: Case) -> tuple[tuple[str, str], ...]:
    """The baseline characteristics, as (label, value) pairs."""
    return (
        (_("Sex"), in_language(Sex(case.sex))),
        (_("Age"), _("%(years)s years") % {"years": case.age}),
        (_("Longitudinal diameter"), f"{case.diameter_mm:g} mm"),
        (_("Location"), in_language(Location(case.location))),
        (_("Neck level"), in_language(NeckLevel(case.neck_level))),
    )


def image_file(assignment: Assignment, modality: Modality) -> File:
    """The stored PNG of one modality, open for reading."""
    return default_storage.open(_shown(assignment).files[modality])


def spacing(assignment: Assignment) -> dict[str, float | None]:
    """As ``spacing_of``, of the assignment's case."""
    return _shown(assignment).spacing


def spacing_of(case: Case) -> dict[str, float | None]:
    """Millimetres per pixel of each modality's image, for the scale bar; None where unknown.

    To 3 significant digits, which no bar on a screen tells from the whole: at full precision the
    number is characteristic of the instrument and its depth setting.
    """
    return _spacing(case.image_set.all())


def own_stage_1_reading(assignment: Assignment) -> Diagnosis:
    """The same reader's stage-1 diagnosis of the same case.

    Raises NotRevealed in stage 1, or when there is none yet: this is the door to AI output.
    """
    if assignment.stage == Stage.AIDED:
        reading = Reading.objects.filter(
            assignment__reader_id=assignment.reader_id,
            assignment__case_id=assignment.case_id,
            assignment__stage=Stage.UNAIDED,
        ).first()
        if reading:
            return Diagnosis(Malignancy(reading.malignancy), Etiology(reading.etiology))
    raise NotRevealed(_("AI output is shown in stage 2, after your own stage-1 diagnosis."))


def aid(assignment: Assignment) -> ModelAid:
    """Everything that stage 2 shows beside the case.

    Raises NotRevealed before its time, AidMissing when the model has no result for the case.
    """
    stage_1 = own_stage_1_reading(assignment)
    prediction = _prediction(assignment)
    p = prediction.probabilities()
    version = prediction.model_version
    return ModelAid(
        model=f"{version.name} {version.version}" if version.is_external else NETWORK,
        is_imported=version.is_external,
        has_heatmaps=prediction.heatmap_set.exists(),
        stage_1=stage_1,
        suggestion=Diagnosis(p.malignancy, p.etiology),
        level_1={Malignancy.BENIGN: 1 - p.p_malignant, Malignancy.MALIGNANT: p.p_malignant},
        level_2={etiology: p.gated()[etiology.class_index] for etiology in p.malignancy.etiologies},
        model_is_trained=version.is_trained,
    )


def heatmap_png(assignment: Assignment, *, level: int, modality: Modality) -> bytes:
    """One 8-bit map. Raises as ``aid`` does, and NoHeatmap where there is none."""
    own_stage_1_reading(assignment)
    heatmap = _prediction(assignment).heatmap_set.filter(level=level, modality=modality).first()
    if heatmap is None:
        raise NoHeatmap(_("There are no heatmaps for this case."))
    return bytes(heatmap.png)


def require_aids(assignments: Iterable[Assignment]) -> None:
    """Raise AidMissing unless all of one reader's assignments in stage 2 have AI output."""
    aided = [assignment for assignment in assignments if assignment.stage == Stage.AIDED]
    if aided:
        version = _version(aided[0])
        predicted = predictions_of([each.case for each in aided], model_version=version)
        if len(predicted) < len(aided):
            raise AidMissing(NO_RESULT)


@dataclass(frozen=True)
class _Shown:
    """What both stages show of a case: its baseline, and by modality where the file lies."""

    case: Case
    files: dict[str, str]
    spacing: dict[str, float | None]


def _shown(assignment: Assignment) -> _Shown:
    """Fixed once the study is open, as every assignment's is."""

    def ask() -> dict[int, _Shown]:
        last = assignment.position + ASKED_AT_ONCE - 1
        images = Image.objects.filter(
            case__assignment__reader=assignment.reader_id,
            case__assignment__stage=assignment.stage,
            case__assignment__position__range=(assignment.position, last),
        ).select_related("case")
        by_case = defaultdict(list)
        for image in images:
            by_case[image.case_id].append(image)
        return {case: _shown_of(images) for case, images in by_case.items()}

    return cached_member(assignment.reader, "case", member=assignment.case_id, ask=ask)


def _shown_of(images: list[Image]) -> _Shown:
    files = {image.modality: image.file.name for image in images}
    return _Shown(images[0].case, files, _spacing(images))


def _spacing(images: Iterable[Image]) -> dict[str, float | None]:
    stored = {image.modality: image.mm_per_pixel for image in images}
    return {modality: mm and float(f"{mm:.3g}") for modality, mm in stored.items()}


def _version(assignment: Assignment) -> ModelVersion:
    """The model version of the assignment's study, which is fixed once the study is open."""

    def ask() -> ModelVersion:
        return ModelVersion.objects.get(studymodel__study=assignment.reader.study_id)

    return cached(assignment.reader, "model", ask=ask)


def _prediction(assignment: Assignment) -> Prediction:
    """The prediction of this case by its study's model."""
    case = _shown(assignment).case
    prediction = predictions_of([case], model_version=_version(assignment)).get(case.pk)
    if prediction is None:
        raise AidMissing(NO_RESULT)
    return prediction
