"""Cases with their images, with the reference standard or without it."""

from collections.abc import Callable, Iterable

from readerstudy.cohorts.importer import import_source, refuse_unfit
from readerstudy.cohorts.imports import queue
from readerstudy.cohorts.imports.found import Found, Summary, counts, spread
from readerstudy.cohorts.imports.incoming import DigestingSource
from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.imports.sheet import Sheet
from readerstudy.cohorts.ingest import ImportRefused, iter_pixels, validate
from readerstudy.cohorts.ingest.manifest import ManifestRow, read_manifest
from readerstudy.cohorts.models import Case

Told = Callable[[list], Iterable]


def earlier(job: ImportJob, source: DigestingSource) -> str:
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
    return f"Already there: this very source was imported before. Nothing was done to {job.cohort}."


def check(job: ImportJob, source: DigestingSource, told: Told) -> Found:
    """Validate everything and decode every image. Raises ImportRefused."""
    rows = validate(source, truth=job.kind_of.has_truth)
    refuse_unfit(job.cohort, rows)
    sheet = Sheet()
    for case in iter_pixels(source, told(rows)):
        sheet.add(case.row.case_id, case.bus.rgb, case.cdfi.rgb)
    return Found(
        rows=len(rows),
        summary=_summary(rows),
        truth_summary=truth_summary(rows) if job.kind_of.has_truth else {},
        sheet=sheet.png(),
    )


def store(job: ImportJob, source: DigestingSource, told: Told, *, finish) -> None:
    """Import the cases. Raises ImportRefused."""
    import_source(
        cohort=job.cohort,
        source=source,
        by=job.confirmed_by.get_username(),
        truth=job.kind_of.has_truth,
        owner=queue.owner(job),
        progress=told,
        finish=finish,
    )


def _summary(rows: list[ManifestRow]) -> Summary:
    return {
        "cases": str(len(rows)),
        "images": str(2 * len(rows)),
        "sex": counts(row.sex for row in rows),
        "age": spread(row.age for row in rows),
        "diameter_mm": spread(row.diameter_mm for row in rows),
        "location": counts(row.location for row in rows),
        "neck_level": counts(row.neck_level for row in rows),
        "instrument": counts(row.instrument for row in rows),
        "bus_mm_per_pixel": _given(row.bus_mm_per_pixel for row in rows),
        "cdfi_mm_per_pixel": _given(row.cdfi_mm_per_pixel for row in rows),
    }


def _given(values: Iterable[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"given in {len(known)} rows: {spread(known)}" if known else "given in no row"


def truth_summary(rows: Iterable) -> Summary:
    """Of rows that have a truth."""
    rows = list(rows)
    return {
        "etiology": counts(row.etiology for row in rows),
        "pathologic_method": counts(row.pathologic_method for row in rows),
    }
