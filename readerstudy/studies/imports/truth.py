"""Reference standards for cases that are there already, brought by somebody who reads none."""

from collections.abc import Callable, Iterable

from django.db import transaction

from readerstudy.audit.log import record
from readerstudy.imaging import ImportRefused, Problem
from readerstudy.studies.cohort_import import BATCH, require_draft
from readerstudy.studies.imports.cases import truth_summary
from readerstudy.studies.imports.dry_run_report import DryRunReport
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.imports.source_storage import DigestingSource
from readerstudy.studies.imports.truth_table import TRUTH_NAME, TruthRow, read_truth
from readerstudy.studies.models import Case, Cohort, ReferenceStandard, Study


def already_imported_message(job: ImportJob, source: DigestingSource) -> str:
    """What to say if every row is stored already just as it is, else ""."""
    try:
        rows = read_truth(source)
    except ImportRefused:
        return ""
    stored = ReferenceStandard.objects.filter(case__cohort=job.cohort).values_list(
        "case__case_id", "etiology", "pathologic_method"
    )
    known = {case_id: truth for case_id, *truth in stored}
    if not all(known.get(row.case_id) == [row.etiology, row.pathologic_method] for row in rows):
        return ""
    return f"{job.cohort} already has all of these reference standards. Nothing was changed."


def check(
    job: ImportJob, source: DigestingSource, _progress: Callable[[list], Iterable]
) -> DryRunReport:
    """Read every row and find its case. Raises ImportRefused."""
    require_draft(job.study_id, "accepts reference standards")
    rows = read_truth(source)
    _matched(job.cohort, rows)
    without = Case.objects.filter(cohort=job.cohort, referencestandard__isnull=True).count()
    summary = {
        "reference standards": str(len(rows)),
        "cases that will still have no reference standard": str(without - len(rows)),
    }
    return DryRunReport(rows=len(rows), summary=summary, truth_summary=truth_summary(rows))


def store(job: ImportJob, source: DigestingSource, _progress, *, finish) -> None:
    """Store the truth of each row's case. Raises ImportRefused."""
    rows = read_truth(source)
    with transaction.atomic():
        study = Study.objects.select_for_update().get(pk=job.study_id)
        require_draft(study.pk, "accepts reference standards")
        cases = _matched(job.cohort, rows)
        ReferenceStandard.objects.bulk_create(
            (
                ReferenceStandard(
                    case_id=cases[row.case_id],
                    malignancy=row.etiology.malignancy,
                    etiology=row.etiology,
                    pathologic_method=row.pathologic_method,
                )
                for row in rows
            ),
            batch_size=BATCH,
        )
        record(
            "cohort.truth",
            actor=job.confirmed_by.get_username(),
            study=study.slug,
            target=job.cohort.name,
            detail={"reference_standards": len(rows)},
        )
        finish(len(rows))


def _matched(cohort: Cohort, rows: list[TruthRow]) -> dict[str, int]:
    """Ids of the rows' cases. Raises ImportRefused: a row without one, or that has its truth."""
    found = Case.objects.filter(cohort=cohort).values_list("case_id", "pk", "referencestandard__pk")
    cases = {case_id: (pk, truth) for case_id, pk, truth in found}
    problems = []
    for row in rows:
        pk, truth = cases.get(row.case_id, (None, None))
        if pk is None:
            text = (
                f"there is no case {row.case_id} in this cohort; correct the id or remove the row"
            )
        elif truth is not None:
            text = f"case {row.case_id} already has a reference standard; remove the row"
        else:
            continue
        problems.append(Problem(text, TRUTH_NAME, row.row, "case_id", TRUTH_NAME))
    if problems:
        raise ImportRefused(problems)
    return {row.case_id: cases[row.case_id][0] for row in rows}
