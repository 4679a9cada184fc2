"""Every table and column of a bundle in words: the data dictionary.

A table's description is its model's docstring, a column's its help text; what those leave unsaid is
said here. A column of a model that has no help text needs a line in ``COLUMN_TEXTS``.
"""

import csv
import inspect
import io
from collections.abc import Iterator

from django.db import models
from django.utils import translation

from readerstudy.exchange.bundles.study_models import (
    PEOPLE,
    RECORDS,
    TABLES,
    BundleRecord,
    BundleTable,
)
from readerstudy.exchange.bundles.user_pseudonyms import COLUMNS

_CASE, _SHA256 = "The case, by its id in cases", "SHA-256, hexadecimal"
_TIME = "When it was stored, by the server's clock"
_MALIGNANCY = "First level of the diagnosis"
_ETIOLOGY = "Second level: the etiology, of the branch that the first level opens"
_USER = "The person, by the id in people"

PEOPLE_TEXTS = {
    "name": "Username, or a pseudonym (person-1, ...) where the bundle was made without names",
    "first_name": "Blank where the bundle was made without names",
    "last_name": "Blank where the bundle was made without names",
    "email": "Blank where the bundle was made without names",
    "is_demo": "Somebody made up for a demonstration, who can't sign in to a real site",
}
# By "table.column", or by the column's name alone for all tables.
COLUMN_TEXTS = {
    "id": "Number of the row in this bundle, from 1, oldest first; other tables refer to it",
    "study": "The study, by its id in the table study",
    "case": _CASE,
    "reader": "The reader, by the id in readers",
    "user": _USER,
    "model_version": "The model version, by its id in models",
    "assignment": "The place in a reader's order, by its id in assignments",
    "sha256": f"{_SHA256}, of the row's file or document",
    "created_at": _TIME,
    "at": _TIME,
    "malignancy": _MALIGNANCY,
    "etiology": _ETIOLOGY,
    "modality": "bus: B-mode ultrasound; cdfi: colour Doppler flow imaging",
    "stage": "1: without AI; 2: with it",
    "input_sha256": f"{_SHA256}, of both images' digests: which input it was",
    "models.name": "The model's name, as pages show it",
    "models.version": "The model's version, as pages show it",
    "models.weights": "The weights file (safetensors) in this bundle; blank for an external model",
    "models.card": "The model card: architecture, classes, preprocessing, training, metrics",
    "study.slug": "The study's short name, as in addresses and file names",
    "study.title": "The study's title",
    "study.state": "How far the study was when it was exported",
    "study.opened_at": "When readings began to be taken, and the protocol was frozen",
    "study.locked_at": "From when on no reading was taken",
    "study.unblinded_at": "When truth and results were unsealed",
    "study.archived_at": "From when on nothing of the study can change",
    "protocol.design": "Whether both readings of a case follow each other, or two sessions do",
    "protocol.frozen_at": "When the protocol was fixed",
    "protocol.frozen_document": "The fixed protocol: a JSON file in this bundle",
    "protocol.frozen_sha256": f"{_SHA256}, of the fixed protocol",
    "members.role": "What the person may do in the study",
    "cohorts.name": "The cohort's name",
    "cohorts.role": "What the cohort's cases are for",
    "cohorts.hospital": "Where the cases come from",
    "cases.cohort": "The cohort, by its id in cohorts",
    "cases.sex": "The patient's sex",
    "cases.location": "Side of the neck",
    "cases.neck_level": "Level of the neck",
    "cases.instrument": "Name of the ultrasound machine",
    "images.file": "The image, a PNG in this bundle",
    "image_reviews.image": "The image, by its id in images",
    "image_reviews.state": "What was decided of the image",
    "image_reviews.decided_by": "Username of whoever decided",
    "image_reviews.decided_at": "When it was decided",
    "screenings.cohort": "The cohort, by its id in cohorts; empty: all were screened together",
    "exclusions.screening": "The screening, by its id in screenings",
    "exclusions.reason": "Why these patients were excluded",
    "exclusions.patients": "How many patients were excluded for this reason",
    "reference_standards.pathologic_method": "How the pathological diagnosis was made",
    "jobs.state": "What became of the job",
    "jobs.attempts": "How often a worker took it up",
    "jobs.heartbeat_at": "When its worker gave its last sign of life",
    "jobs.worker": "Host and process of its last worker",
    "jobs.finished_at": "When it ended",
    "heatmaps.prediction": "The prediction, by its id in predictions",
    "heatmaps.png": "The Layer-CAM map: an 8-bit greyscale PNG in this bundle",
    "orders.seed": "The seed that the order was drawn with",
    "orders.algorithm": "The algorithm that drew the order, with its version",
    "assignments.code": "The case's code in this reader's browser: all that it was ever told of it",
    "consents.information_sha256": f"{_SHA256}, of the study information consented to",
    "consents.at": "When the reader consented",
    "presentations.at": "When the case was first shown to the reader",
    "readings.confidence": "1 to 5, or 0 to 100, as the protocol has it; empty: not asked",
    "readings.quality_problem": "Why the images were insufficient; blank: they were not",
    "readings.quality_note": "The reader's note on it",
    "readings.submitted_at": "When the server stored the diagnosis",
    "traces.reading": "The reading, by its id in readings",
    "unblinding_requests.by": "Who asked, by the id in people",
    "unblinding_requests.at": "When it was asked for",
    "unblinding_requests.reason": "Why, where it was said",
    "unblinding_answers.request": "The request, by its id in unblinding_requests",
    "unblinding_answers.by": "Who answered, by the id in people",
    "unblinding_answers.at": "When it was answered",
    "unblinding_answers.outcome": "What became of the request",
    "unblinding_answers.reason": "Why, where it was said",
    "plans.registered_at": "When the plan was registered, before the unblinding",
    "runs.plan_sha256": f"{_SHA256}, of the plan",
    "runs.state": "What became of the run",
    "runs.heartbeat_at": "When its process gave its last sign of life",
    "runs.steps_done": "Sections computed",
    "runs.finished_at": "When it ended",
    "runs.code_version": "Commit or version of the software that computed it",
    "runs.results_sha256": f"{_SHA256}, of the results",
    "imports.imported_at": "When the study was imported",
    "history_user_id": "Username of whoever changed it; blank: the system",
    "history_id": "Number of the state in the origin's history",
    "history_date": "From when on the row was in this state",
    "history_change_reason": "Why, where it was said",
    "history_type": "+: added; ~: changed; -: deleted",
    "audit.sha256": f"{_SHA256}, of the event and of the one before it",
    "audit.at": "When it was recorded, by the server's clock",
    "audit.action": "What was done",
    "audit.outcome": "Whether it was done or refused",
    "audit.study": "Slug of the study",
    "audit.target": "What it was done to",
    "audit.detail": "What else there is to say, settings before and after among it",
    "audit.address": "From which address; empty in a bundle without names",
}
UNITS = {
    "age": "years", "diameter_mm": "mm", "width": "pixels", "height": "pixels",
    "mm_per_pixel": "mm per pixel", "active_ms": "ms", "elapsed_ms": "ms",
    "washout_days": "days", "session_minutes": "minutes", "years_of_experience": "years",
    "years_of_ultrasound": "years", "years_of_neck_ultrasound": "years",
    "neck_scans_a_week": "scans per week", "p_malignant": "probability, 0 to 1",
    "p_tuberculous": "probability, 0 to 1", "p_metastatic": "probability, 0 to 1",
    "threshold": "probability, 0 to 1",
}  # fmt: skip
HEADER = ("table", "file", "column", "type", "unit or values", "description")


def dictionary() -> str:
    """The data dictionary as CSV: a row for each table, then one for each of its columns."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    with translation.override("en"):  # whoever asks for it
        writer.writerows(_rows())
    return text.getvalue()


def undescribed_columns() -> list[str]:
    """Columns that nothing describes, as "table.column"."""
    return [f"{row[0]}.{row[2]}" for row in _rows() if not row[5]]


def description(table: BundleTable | BundleRecord, field: models.Field) -> str:
    """A column in words; "" where there are none. A history has its table's columns."""
    text = COLUMN_TEXTS.get(f"{table.name.removeprefix('history_')}.{field.name}", "")
    return text or str(field.help_text) or COLUMN_TEXTS.get(field.name, "")


def _rows() -> Iterator[tuple[str, ...]]:
    yield (PEOPLE.name, PEOPLE.file, "", "", "", "The people whom the study's rows refer to.")
    yield (PEOPLE.name, PEOPLE.file, "id", "whole number", "", COLUMN_TEXTS["id"])
    for column in COLUMNS[1:]:
        yield (PEOPLE.name, PEOPLE.file, column, "text", "", PEOPLE_TEXTS[column])
    for table in TABLES:
        yield (table.name, table.file, "", "", "", _docstring(table.model))
        yield (table.name, table.file, "id", "whole number", "", COLUMN_TEXTS["id"])
        for field in table.fields:
            yield _row(table, field)
    for record in RECORDS:
        yield (record.name, record.file, "", "", "", _what(record))
        for field in record.model._meta.concrete_fields:
            yield _row(record, field)


def _row(table: BundleTable | BundleRecord, field: models.Field) -> tuple[str, ...]:
    unit = UNITS.get(field.name) or _values(field)
    column = field.name if isinstance(table, BundleTable) else field.attname
    return (table.name, table.file, column, _kind(field), unit, description(table, field))


def _what(record: BundleRecord) -> str:
    """A record in a sentence; a history's model, which is made by machine, has none."""
    of = record.name.removeprefix("history_")
    if of == record.name:
        return _docstring(record.model)
    return f"Each state that a row of {of} was in at the origin: since when, and by whom."


def _docstring(model: type[models.Model]) -> str:
    return " ".join(inspect.getdoc(model).split())


def _values(field: models.Field) -> str:
    """The values that a column may have, with their meaning."""
    return "; ".join(f"{value}: {label}" for value, label in field.flatchoices)


def _kind(field: models.Field) -> str:
    kinds = (
        (models.ForeignKey, "reference"),
        (models.BinaryField | models.FileField, "file in this bundle"),
        (models.JSONField, "JSON"),
        (models.DateTimeField, "time, ISO 8601 in UTC"),
        (models.DateField, "date, ISO 8601"),
        (models.BooleanField, "true or false"),
        (models.IntegerField, "whole number"),
        (models.FloatField, "number"),
    )
    return next((name for kind, name in kinds if isinstance(field, kind)), "text")
