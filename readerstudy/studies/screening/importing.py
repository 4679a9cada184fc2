"""A screening log is imported: it takes the place of what the study had before."""

from collections.abc import Callable, Iterable

from django.db import transaction

from readerstudy.audit.log import record
from readerstudy.imaging import ImportRefused
from readerstudy.studies.cohort_import import require_draft
from readerstudy.studies.imports.dry_run_report import DryRunReport
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.imports.source_storage import DigestingSource
from readerstudy.studies.models import Cohort, Study
from readerstudy.studies.screening.models import Exclusion, Screening
from readerstudy.studies.screening.table import ScreeningCounts, read_screening


def already_imported_message(job: ImportJob, source: DigestingSource) -> str:
    """What to say if the study has these very counts already, else ""."""
    try:
        found = _read(job, source)
    except ImportRefused:
        return ""
    plain = {
        name: (each.all_screened, each.enrolled, list(each.exclusions.items()))
        for name, each in found.items()
    }
    if plain != _stored(job.study):
        return ""
    return "The study already has these counts. Nothing was changed."


def check(
    job: ImportJob, source: DigestingSource, _progress: Callable[[list], Iterable]
) -> DryRunReport:
    """Read every row and add up. Raises ImportRefused."""
    require_draft(job.study_id, "accepts a screening log")
    found = _read(job, source)
    summary = {name or "all cohorts": _summary_of(each) for name, each in found.items()}
    return DryRunReport(rows=sum(each.all_screened for each in found.values()), summary=summary)


def store(job: ImportJob, source: DigestingSource, _progress, *, finish) -> None:
    """Put the counts in the place of those that are there. Raises ImportRefused."""
    found = _read(job, source)
    with transaction.atomic():
        study = Study.objects.select_for_update().get(pk=job.study_id)
        require_draft(study.pk, "accepts a screening log")
        replaced = _stored(study)
        Exclusion.objects.filter(screening__study=study).delete()
        Screening.objects.filter(study=study).delete()
        cohorts = {cohort.name: cohort for cohort in Cohort.objects.filter(study=study)}
        for name, counted in found.items():
            _store(study, cohorts.get(name), counted)
        record(
            "study.screening",
            actor=job.confirmed_by.get_username(),
            study=study.slug,
            detail={"before": replaced, "after": _stored(study)},
        )
        finish(sum(each.all_screened for each in found.values()))


def _read(job: ImportJob, source: DigestingSource) -> dict[str, ScreeningCounts]:
    names = list(Cohort.objects.filter(study=job.study_id).values_list("name", flat=True))
    return read_screening(source, cohorts=names)


def _store(study: Study, cohort: Cohort | None, counted: ScreeningCounts) -> None:
    screening = Screening.objects.create(
        study=study, cohort=cohort, screened=counted.all_screened, enrolled=counted.enrolled
    )
    Exclusion.objects.bulk_create(
        Exclusion(screening=screening, position=at, reason=reason, note=note, patients=patients)
        for at, ((reason, note), patients) in enumerate(counted.exclusions.items(), start=1)
    )


def _stored(study: Study) -> dict[str, tuple]:
    found = Screening.objects.filter(study=study).select_related("cohort")
    return {
        each.cohort.name if each.cohort else "": (
            each.screened,
            each.enrolled,
            [((e.reason, e.note), e.patients) for e in each.exclusion_set.order_by("position")],
        )
        for each in found.prefetch_related("exclusion_set")
    }


def _summary_of(counted: ScreeningCounts) -> str:
    why = ", ".join(
        f"{note or reason} {patients}" for (reason, note), patients in counted.exclusions.items()
    )
    excluded = f"{counted.excluded} excluded" + (f" ({why})" if why else "")
    return f"{counted.all_screened} screened, {excluded}, {counted.enrolled} enrolled"
