"""CLA-HDM's predictions and the truth of a study's cohorts, as the evaluation takes them."""

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db.models import prefetch_related_objects
from PIL import Image as PillowImage

from inference.current_results import predictions_of
from inference.images import read_pixels
from inference.models import Heatmap, StudyModel
from readerstudy.diagnosis import Etiology, Modality
from readerstudy.studies.models import Case, Cohort, Study

Heatmaps = dict[tuple[int, str], np.ndarray]


class EvaluationNotPossible(ValueError):
    """A study that can't be evaluated as it is; the message says why."""


@dataclass(frozen=True, eq=False, kw_only=True)
class CohortPredictions:
    """One cohort; row i of all is case i."""

    name: str
    role: str
    case_ids: list[str]
    truth: np.ndarray  # (n,) int, class index
    probabilities: np.ndarray  # (n, 3), sub-models 1, 2, 3
    heatmaps: list[Heatmaps]  # by level and modality, (h, w) uint8


def require_unsealed(study: Study) -> None:
    """Raise EvaluationNotPossible while the study is being read or waits to be unblinded.

    Figures by cohort tell something of the truth, and results stay sealed until then. A draft has
    no readers' results to protect.
    """
    if study.state != Study.State.DRAFT and not study.is_unsealed:
        raise EvaluationNotPossible(
            f"The study is {study.state}. Its reference standards are sealed until it is unblinded."
        )


def stored_predictions(study: Study) -> tuple[list[CohortPredictions], float]:
    """What the study's model has predicted, here or elsewhere, and the model's threshold.

    Cohorts without any prediction are left out. Raises EvaluationNotPossible if the study has no
    model, no prediction at all, or a cohort is predicted in part.
    """
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    if chosen is None:
        raise EvaluationNotPossible(
            "The study has no model. Select one, or give a file with --weights."
        )
    version = chosen.model_version
    result = []
    for cohort, cases in _cohorts(study):
        found = predictions_of(cases, model_version=version)
        if not found:
            continue
        if absent := len(cases) - len(found):
            raise EvaluationNotPossible(
                f"{cohort}: {absent} of {len(cases)} cases have no prediction."
            )
        current = [found[case.pk] for case in cases]
        prefetch_related_objects(current, "heatmap_set")
        numbers = [(p.p_malignant, p.p_tuberculous, p.p_metastatic) for p in current]
        heatmaps = [_decoded(p.heatmap_set.all()) for p in current]
        result.append(_gathered(cohort, cases, numbers, heatmaps))
    if not result:
        todo = "import its predictions" if version.is_external else "run the model"
        raise EvaluationNotPossible(f"{version} has no predictions for this study. First {todo}.")
    return result, version.threshold


def predict_cohorts(
    study: Study, weights_file: Path, *, device: str = "cpu", batch_size: int = 8, progress=iter
) -> tuple[list[CohortPredictions], float]:
    """What a weights file says of every case, and its card's threshold; nothing is stored.

    ``progress`` wraps the list of a cohort's batches. Raises ValueError if the file or an image
    is refused.
    """
    import torch

    from inference.clahdm import weights
    from inference.clahdm.predict import predict
    from inference.clahdm.preprocess import preprocess

    loaded = weights.load(weights_file)
    model = loaded.model.to(device)
    result = []
    for cohort, cases in _cohorts(study):
        numbers, heatmaps = [], []
        batches = [cases[at : at + batch_size] for at in range(0, len(cases), batch_size)]
        for batch in progress(batches):
            pixels = [read_pixels(case.image_set.all()) for case in batch]
            images = (
                torch.stack([preprocess(each[modality], size=model.input_size) for each in pixels])
                for modality in Modality
            )
            for case in predict(model, *images, threshold=loaded.card.threshold):
                p = case.probabilities
                numbers.append((p.p_malignant, p.p_tuberculous, p.p_metastatic))
                heatmaps.append({(level, str(m)): v for (level, m), v in case.heatmaps.items()})
        result.append(_gathered(cohort, cases, numbers, heatmaps))
    if not result:
        raise EvaluationNotPossible("The study has no case with a reference standard.")
    return result, loaded.card.threshold


def read_masks(folder: Path, cohort: CohortPredictions) -> list[np.ndarray]:
    """The node's mask of each case, (H, W) bool, from FOLDER/COHORT/CASE_ID.png; white is node."""
    paths = [folder / cohort.name / f"{case_id}.png" for case_id in cohort.case_ids]
    return [np.asarray(PillowImage.open(path).convert("L")) > 127 for path in paths]


def _cohorts(study: Study) -> Iterator[tuple[Cohort, list[Case]]]:
    """The study's cohorts that have cases, in its order, training first as in Table 1."""
    cohorts = Cohort.objects.filter(study=study).exclude(role=Cohort.Role.PRACTICE).order_by("pk")
    for cohort in sorted(cohorts, key=lambda each: each.role != Cohort.Role.TRAINING):
        cases = list(
            Case.objects.filter(cohort=cohort, referencestandard__isnull=False)
            .select_related("referencestandard")
            .prefetch_related("image_set")
            .order_by("case_id")
        )
        if cases:
            yield cohort, cases


def _gathered(cohort: Cohort, cases: list[Case], numbers, heatmaps) -> CohortPredictions:
    truth = [Etiology(case.referencestandard.etiology).class_index for case in cases]
    return CohortPredictions(
        name=cohort.name,
        role=cohort.role,
        case_ids=[case.case_id for case in cases],
        truth=np.array(truth),
        probabilities=np.array(numbers),
        heatmaps=heatmaps,
    )


def _decoded(heatmaps: Iterable[Heatmap]) -> Heatmaps:
    return {
        (each.level, each.modality): np.asarray(PillowImage.open(io.BytesIO(each.png)))
        for each in heatmaps
    }
