"""Cases with their images, with the reference standard or without it."""

from collections.abc import Callable, Iterable

from readerstudy.imaging import ImportRefused
from readerstudy.studies.cohort_import import import_source, refuse_unfit
from readerstudy.studies.imports import queue
from readerstudy.studies.imports.contact_sheet import Sheet
from readerstudy.studies.imports.dry_run_report import (
    DryRunReport,
    Summary,
    counts_text,
    range_text,
)
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.imports.picture_summary import PictureSummary
from readerstudy.studies.imports.source_storage import DigestingSource
from readerstudy.studies.models import Case
from readerstudy.studies.read_cohort import iter_pixels, validate_manifest
from readerstudy.studies.read_manifest import ManifestRow, read_manifest

Progress = Callable[[list], Iterable]


def already_imported_message(job: ImportJob, source: DigestingSource) -> str:
    """What to say if this very source is in the cohort already, else ""."""
    done = list(
        ImportJob.objects.filter(cohort=job.cohort, kind=job.kind, state=queue.State.DONE)
        .exclude(sha256="")
        .values_list("sha256", flat=True)
    )
    if not done:
        return ""
    rows, _problems = read_manifest(source, truth=job.kind_of.has_truth)
    known = set(Case.objects.filter(cohort=job.cohort).values_list("case_id", flat=True))
    if not rows or not all(row.case_id in known for row in rows):
        return ""
    try:
        for row in rows:
            for name in (row.bus_file, row.cdfi_file):
                source.read(name, source.limits.max_file_bytes)
    except ImportRefused:
        return ""
    if source.sha256() not in done:
        return ""
    return f"This source has already been imported. {job.cohort} was not changed."


def check(job: ImportJob, source: DigestingSource, progress: Progress) -> DryRunReport:
    """Validate everything and decode every image. Raises ImportRefused."""
    rows = validate_manifest(source, truth=job.kind_of.has_truth)
    refuse_unfit(job.cohort, rows)
    sheet, pictures = Sheet(), PictureSummary(job.study)
    for case in iter_pixels(source, progress(rows)):
        sheet.add(case.row.case_id, case.bus.rgb, case.cdfi.rgb)
        for kind, image in (("bus", case.bus), ("cdfi", case.cdfi)):
            pictures.add(case.row.case_id, kind, image)
    return DryRunReport(
        rows=len(rows),
        summary=_summary(rows) | pictures.texts(),
        truth_summary=truth_summary(rows) if job.kind_of.has_truth else {},
        sheet=sheet.png(),
    )


def store(job: ImportJob, source: DigestingSource, progress: Progress, *, finish) -> None:
    """Import the cases. Raises ImportRefused."""
    import_source(
        cohort=job.cohort,
        source=source,
        by=job.confirmed_by.get_username(),
        truth=job.kind_of.has_truth,
        owner=queue.staging_name(job),
        progress=progress,
        finish=finish,
    )


def _summary(rows: list[ManifestRow]) -> Summary:
    return {
        "cases": str(len(rows)),
        "images": str(2 * len(rows)),
        "sex": counts_text(row.sex for row in rows),
        "age": range_text(row.age for row in rows),
        "diameter_mm": range_text(row.diameter_mm for row in rows),
        "location": counts_text(row.location for row in rows),
        "neck_level": counts_text(row.neck_level for row in rows),
        "instrument": counts_text(row.instrument for row in rows),
        "bus_mm_per_pixel": _given(row.bus_mm_per_pixel for row in rows),
        "cdfi_mm_per_pixel": _given(row.cdfi_mm_per_pixel for row in rows),
    }


def _given(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"given in {len(known)} rows: {range_text(known)}" if known else "not given in any row"


def truth_summary(rows: Iterable) -> Summary:
    """Of rows that have a truth."""
    rows = list(rows)
    return {
        "etiology": counts_text(row.etiology for row in rows),
        "pathologic_method": counts_text(row.pathologic_method for row in rows),
    }
