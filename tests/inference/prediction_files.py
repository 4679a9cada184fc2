"""Small bundles of predictions made elsewhere, for the cases that a study has."""

import csv
import io
from itertools import count

import numpy as np
from PIL import Image

from inference.models import Heatmap, ModelVersion, Prediction
from inference.predictions_reader import HEATMAPS
from readerstudy.audit.models import AuditEvent
from readerstudy.studies.models import Case, Study, testing_cases

NAME = {"name": "Their CLA-HDM", "version": "2.1"}


def heatmap(seed: int, *, size: tuple[int, int] = (7, 9)) -> np.ndarray:
    """A reproducible map (H, W) uint8, different for each seed."""
    return np.random.default_rng(seed).integers(0, 256, size, np.uint8)


def grey_png(pixels: np.ndarray, **options) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def table_text(rows: list[dict[str, str]]) -> str:
    """A table with these rows; its columns are the first row's."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def row_of(case: Case, number: int, *, digests: bool, heatmaps: bool) -> dict[str, str]:
    row = {
        "cohort": case.cohort.name,
        "case_id": case.case_id,
        "p_malignant": f"0.{number}25",
        "p_tuberculous": "1.5e-05",
        "p_metastatic": "1",
    }
    images = {image.modality: image.sha256 for image in case.image_set.all()}
    if digests:
        row |= {f"{modality}_sha256": images[modality] for modality in ("bus", "cdfi")}
    if heatmaps:
        row |= {column: f"heatmaps/{number}-{column}.png" for column in HEATMAPS}
    return row


def rows_for(study: Study, *, digests: bool = True, heatmaps: bool = True) -> list[dict[str, str]]:
    """A good row for each testing case; p_malignant is 0.125, 0.225 and so on."""
    cases = testing_cases(study).select_related("cohort").prefetch_related("image_set")
    return [
        row_of(case, number, digests=digests, heatmaps=heatmaps)
        for number, case in enumerate(cases, start=1)
    ]


def files_for(rows: list[dict[str, str]]) -> dict[str, bytes]:
    """The table and every heatmap that it names."""
    files = {"predictions.csv": table_text(rows).encode()}
    seeds = count()
    for row in rows:
        for column in HEATMAPS:
            if row.get(column):
                files[row[column]] = grey_png(heatmap(next(seeds)))
    return files


def external() -> ModelVersion:
    """The one version of imported predictions."""
    return ModelVersion.objects.get(is_external=True)


def nothing_was_imported() -> bool:
    """Whether no import has left a trace, if every other version's predictions have four maps."""
    return not (
        ModelVersion.objects.filter(is_external=True).exists()
        or Heatmap.objects.count() != 4 * Prediction.objects.count()
        or AuditEvent.objects.filter(action="model.import_predictions").exists()
    )
