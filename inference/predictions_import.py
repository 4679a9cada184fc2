"""Import predictions made elsewhere as a model version of a draft study: all of them, or nothing.

The version has no weights here and is never run. Its rows are those of any other version, so that
stage 2 and the analysis take them alike.
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from django.db import transaction

from inference.clahdm.hierarchical_probabilities import DEFAULT_THRESHOLD
from inference.models import Heatmap, ModelVersion, Prediction, StudyModel
from inference.predictions_reader import (
    HEATMAPS,
    LIMITS,
    PROBABILITIES,
    CaseKey,
    Digest,
    KnownCase,
    PredictionRow,
    iter_heatmaps,
    read_predictions,
)
from inference.queue import input_digest
from readerstudy.audit.log import record
from readerstudy.diagnosis import Modality
from readerstudy.imaging import ImportRefused, Problem, open_source
from readerstudy.imaging.pixels import encode_grey_png
from readerstudy.studies.models import Case, Cohort, Study
from readerstudy.studies.review.approval import unapproved_image_reasons

STORED_AT_ONCE = 100


@dataclass(frozen=True, kw_only=True)
class ImportedPredictions:
    """What an import came to. `stored` are the predictions that were not there before."""

    model_version: ModelVersion
    cases: int
    stored: int
    with_heatmaps: int
    with_digests: int
    chosen: bool
    chosen_before: ModelVersion | None

    def sentences(self) -> list[str]:
        """It in words, for whoever imported."""
        if self.stored:
            lines = [f"{self.stored} predictions were imported as {self.model_version}."]
        else:
            lines = [f"These predictions have already been imported as {self.model_version}."]
        if without := self.cases - self.with_heatmaps:
            lines.append(f"{without} of {self.cases} cases have no heatmaps. Stage 2 says so.")
        if without := self.cases - self.with_digests:
            lines.append(
                f"{without} of {self.cases} rows do not give the SHA-256 of both images, so it "
                "was not checked that the model saw these very images."
            )
        if self.chosen:
            instead = f" instead of {self.chosen_before}" if self.chosen_before else ""
            lines.append(f"Stage 2 of the study now shows them{instead}.")
        elif not self.stored:
            lines.append("Nothing was changed.")
        return lines


def import_predictions(
    *,
    study: Study,
    source: Path,
    name: str,
    version: str,
    threshold: float = DEFAULT_THRESHOLD,
    by: str = "",
    statement: str = "",
    label: str = "",
    progress=iter,
) -> ImportedPredictions:
    """Import a folder or ZIP with its table, and have the study's stage 2 show it.

    Imported once more, the same predictions change nothing; for another study with the same
    cohorts and cases they are stored there too. `statement` says on a new version's card what the
    importer knows of the model. `label` is what messages call the source; `progress` wraps the
    list of rows, as tqdm does.

    Raises ImportRefused with every problem found.
    """
    wanted = {"name": name, "version": version, "threshold": threshold}
    _refuse_unfit(study, **wanted)
    known = _known(_cases(study))
    with tempfile.TemporaryDirectory(prefix="importing-") as made:
        folder, digest = Path(made), Digest(threshold)
        with open_source(source, limits=LIMITS, label=label) as opened:
            rows = read_predictions(opened, known)
            for row, maps in iter_heatmaps(opened, progress(rows)):
                digest.add(row, maps)
                _stage(folder, row, maps)
        # Decoding is slow and done; the database is held for the rows alone.
        with transaction.atomic():
            study = Study.objects.select_for_update().get(pk=study.pk)
            cases = _cases(study)
            if _known(cases) != known:
                raise _refusal("the study's cases have changed in the meantime; import again")
            _refuse_unfit(study, **wanted)
            card = _card(rows, study=study, by=by, statement=statement)
            model_version = _version(**wanted, sha256=digest.hexdigest(), card=card)
            stored = _store(model_version, rows, cases, folder)
            return _choose(study, model_version, rows, stored=stored, by=by)


def _refuse_unfit(study: Study, *, name: str, version: str, threshold: float) -> None:
    """Raise ImportRefused for a study that is no draft, or a version that can't be called so."""
    state = Study.objects.values_list("state", flat=True).get(pk=study.pk)
    problems = []
    if state != Study.State.DRAFT:
        problems.append(Problem(f"the study is {state}; only a draft accepts predictions"))
    # A case that a model has a result for can't be removed any more, whatever its images show.
    problems += [Problem(reason) for reason in unapproved_image_reasons(study)]
    for what, text in (("name", name), ("version", version)):
        longest = ModelVersion._meta.get_field(what).max_length
        if not text or len(text) > longest or not text.isprintable() or text != text.strip():
            message = (
                f"the {what} must be 1 to {longest} printable characters, without spaces at the "
                "start or end"
            )
            problems.append(Problem(message))
    if not 0 <= threshold <= 1:
        problems.append(Problem("the threshold must be a number from 0 to 1"))
    if problems:
        raise ImportRefused(problems)


def _refusal(message: str) -> ImportRefused:
    return ImportRefused([Problem(message)])


def _cases(study: Study) -> dict[CaseKey, Case]:
    cases = Case.objects.filter(cohort__study=study).select_related("cohort")
    return {(case.cohort.name, case.case_id): case for case in cases.prefetch_related("image_set")}


def _known(cases: dict[CaseKey, Case]) -> dict[CaseKey, KnownCase]:
    return {
        key: KnownCase(
            is_testing=Cohort.Role(case.cohort.role).is_testing,
            sha256={image.modality: image.sha256 for image in case.image_set.all()},
        )
        for key, case in cases.items()
    }


def _card(rows: list[PredictionRow], *, study: Study, by: str, statement: str) -> dict:
    """What is known of a model that ran elsewhere."""
    return {
        "origin": "predictions made elsewhere and imported",
        "trained": "stated by whoever imported; not checked here",
        **({"statement": statement} if statement else {}),
        "imported_by": by,
        "study": study.slug,
        "cases": len(rows),
        "cases_with_heatmaps": _with_heatmaps(rows),
        "cases_with_both_image_digests": _with_digests(rows),
    }


def _with_heatmaps(rows: list[PredictionRow]) -> int:
    return sum(bool(row.heatmaps) for row in rows)


def _with_digests(rows: list[PredictionRow]) -> int:
    return sum(len(row.sha256) == len(Modality) for row in rows)


def _version(*, name: str, version: str, threshold: float, sha256: str, card: dict) -> ModelVersion:
    """The version of this name with these predictions, made if there is none yet.

    Raises ImportRefused if the name is another's, or the predictions have another name.
    """
    named = ModelVersion.objects.filter(name=name, version=version).first()
    if named is None:
        if same := ModelVersion.objects.filter(sha256=sha256).first():
            raise _refusal(
                f"the same predictions already exist as {same}; import them with that name and "
                "version"
            )
        return ModelVersion.objects.create(
            name=name,
            version=version,
            is_external=True,
            is_trained=True,
            threshold=threshold,
            sha256=sha256,
            card=card,
        )
    if not named.is_external:
        raise _refusal(
            f"{named} has weights on this site; give the imported predictions another name"
        )
    if named.sha256 != sha256:
        raise _refusal(
            f"{named} already exists with different predictions or another threshold. "
            "Predictions are never replaced; give these another version"
        )
    return named


def _store(
    model_version: ModelVersion,
    rows: list[PredictionRow],
    cases: dict[CaseKey, Case],
    folder: Path,
) -> int:
    """Store the predictions that are not there yet, with their heatmaps; how many."""
    digests = {key: input_digest(case.image_set.all()) for key, case in cases.items()}
    there = set(
        Prediction.objects.filter(model_version=model_version).values_list(
            "case_id", "input_sha256"
        )
    )
    new = [row for row in rows if (cases[row.key].pk, digests[row.key]) not in there]
    for at in range(0, len(new), STORED_AT_ONCE):
        part = new[at : at + STORED_AT_ONCE]
        predictions = Prediction.objects.bulk_create(
            Prediction(
                case=cases[row.key],
                model_version=model_version,
                input_sha256=digests[row.key],
                **{name: getattr(row, name) for name in PROBABILITIES},
            )
            for row in part
        )
        Heatmap.objects.bulk_create(
            Heatmap(
                prediction=prediction,
                level=level,
                modality=modality,
                png=_staged(folder, row, column).read_bytes(),
            )
            for prediction, row in zip(predictions, part, strict=True)
            for column, (level, modality) in HEATMAPS.items()
            if column in row.heatmaps
        )
    return len(new)


def _stage(folder: Path, row: PredictionRow, maps: Mapping[str, np.ndarray]) -> None:
    """Put a case's heatmaps aside until the rows are stored, as PNGs that have pixels alone."""
    for column, pixels in maps.items():
        _staged(folder, row, column).write_bytes(encode_grey_png(pixels))


def _staged(folder: Path, row: PredictionRow, column: str) -> Path:
    return folder / f"{row.row}-{column}.png"


def _choose(
    study: Study,
    model_version: ModelVersion,
    rows: list[PredictionRow],
    *,
    stored: int,
    by: str,
) -> ImportedPredictions:
    """Have the study choose the version, and put what was done in the audit log."""
    before = StudyModel.objects.filter(study=study).select_related("model_version").first()
    imported = ImportedPredictions(
        model_version=model_version,
        cases=len(rows),
        stored=stored,
        with_heatmaps=_with_heatmaps(rows),
        with_digests=_with_digests(rows),
        chosen=before is None or before.model_version != model_version,
        chosen_before=before and before.model_version,
    )
    if imported.chosen:
        StudyModel.objects.update_or_create(study=study, defaults={"model_version": model_version})
    if imported.chosen or stored:
        record(
            "model.import_predictions",
            actor=by,
            study=study.slug,
            target=str(model_version),
            detail={
                "sha256": model_version.sha256,
                "threshold": model_version.threshold,
                "cases": imported.cases,
                "stored": stored,
                "with_heatmaps": imported.with_heatmaps,
                "with_both_image_digests": imported.with_digests,
                "shown_before": str(imported.chosen_before or ""),
            },
        )
    return imported
