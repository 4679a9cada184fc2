"""How each reading went, as its reader and browser told it."""

from collections.abc import Iterator
from typing import Any

from django.db.models import F

from analysis.exports.casewise import STAGES
from analysis.load_study_data import opaque_name
from analysis.unblinding_guard import require_unsealed
from readerstudy.reading.models import Reading
from readerstudy.reading.trace import time_flags
from readerstudy.studies.models import Case, Study

LEVELS = (1, 2, 0)  # 0: probabilities without a map


def reading_rows(study: Study) -> Iterator[list[Any]]:
    """A row a reading, as ``conduct_csv.COLUMNS`` names them. Raises ResultsSealed before
    unblinding.

    What was not asked, or not told by the browser, is None.
    """
    require_unsealed(study)
    seed = study.protocol.seed
    cases = Case.objects.filter(cohort__study=study).annotate(cohort_name=F("cohort__name"))
    names = {case.pk: opaque_name(case, seed) for case in cases}
    readings = (
        Reading.objects.filter(assignment__reader__study=study)
        .select_related("assignment__reader", "trace")
        .order_by("assignment__reader__code", "assignment__stage", "assignment__position")
    )
    for reading in readings.iterator(chunk_size=2000):
        assignment = reading.assignment
        yield [
            names[assignment.case_id], assignment.reader.code, STAGES[assignment.stage - 1],
            assignment.position, reading.confidence, reading.quality_problem or None,
            reading.quality_note or None, reading.trust, reading.usefulness,
            (reading.submitted_at - reading.started_at).total_seconds(), *_traced(reading),
        ]  # fmt: skip


def _traced(reading: Reading) -> list[Any]:
    trace = getattr(reading, "trace", None)
    if trace is None:
        return [None] * 7
    shown = {level: 0 for level in LEVELS}
    opaque = 0
    for span in trace.exposure:
        shown[span["level"]] += span["ms"]
        opaque += span["ms"] * span["opacity"] if span["level"] else 0
    with_map = shown[1] + shown[2]
    exposure = [shown[level] / 1000 if trace.exposure else None for level in LEVELS]
    mean = opaque / with_map if with_map else None
    return [
        *(ms and ms / 1000 for ms in (trace.active_ms, trace.elapsed_ms)),
        time_flags(trace.flags) or None, *exposure, mean,
    ]  # fmt: skip
