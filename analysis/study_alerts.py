"""What somebody who runs a study should look at. Nothing of the truth, nothing of a diagnosis.

Each alert says by what measure: a reading is implausibly fast below
``settings.ALERT_FAST_SECONDS``, a reader idle after ``settings.ALERT_IDLE_DAYS`` days.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.conf import settings
from django.db.models import Count, F, Q, QuerySet
from django.utils import timezone

from analysis.models import AnalysisRun
from inference.models import InferenceJob, StudyModel
from readerstudy.reading import trace
from readerstudy.reading.frozen_cache import cached_once_locked
from readerstudy.reading.models import Reading, Stage, Trace
from readerstudy.reading.reader_activity import Activity
from readerstudy.studies.models import Study


class AlertKind(StrEnum):
    """What an alert is about."""

    FAILED_JOBS = "failed jobs"
    FAILED_RUN = "failed analysis"
    CLOCKS = "clocks disagree"
    UNPAINTED = "images perhaps not seen"
    FAST = "implausibly fast"
    IDLE = "no activity"
    OVERDUE = "overdue"


@dataclass(frozen=True)
class Alert:
    """One thing to look at, in a sentence."""

    kind: AlertKind
    text: str

    def __str__(self):
        return f"{self.kind}: {self.text}"


def alerts_of(study: Study, activity: list[Activity]) -> list[Alert]:
    """All of a study, given its readers' activity, by a fixed number of queries."""
    found = [*_jobs(study), *_runs(study)]
    found += cached_once_locked(
        study, "alerts", ask=lambda: [*_clocks(study), *_unpainted(study), *_fast(study)]
    )
    if study.state == Study.State.OPEN:
        found += [*_idle(activity), *_overdue(study, activity)]
    return found


def _jobs(study: Study) -> Iterator[Alert]:
    chosen = StudyModel.objects.filter(study=study).values("model_version")
    failed = InferenceJob.objects.filter(
        case__cohort__study=study, model_version__in=chosen, state=InferenceJob.State.FAILED
    ).count()
    if failed:
        yield Alert(AlertKind.FAILED_JOBS, f"the model failed on {_count(failed, 'case')}")


def _runs(study: Study) -> Iterator[Alert]:
    last = AnalysisRun.objects.filter(study=study).order_by("-number")
    last = last.values_list("number", "state").first()
    if last and last[1] == AnalysisRun.State.FAILED:
        yield Alert(AlertKind.FAILED_RUN, f"the last analysis, run {last[0]}, failed")


def _clocks(study: Study) -> Iterator[Alert]:
    flagged = Trace.objects.exclude(flags__in=("", trace.UNPAINTED))
    readings = Reading.objects.filter(trace__in=flagged, assignment__reader__study=study)
    for code, number in _by_reader(readings):
        yield Alert(
            AlertKind.CLOCKS, f"the time of {_count(number, 'reading')} of {code} is in doubt"
        )


def _unpainted(study: Study) -> Iterator[Alert]:
    """A page without scripts tells nothing, and one that was made by hand whatever it likes."""
    unseen = trace.untraced(study) | Q(trace__flags__contains=trace.UNPAINTED)
    for code, number in _by_reader(Reading.objects.filter(unseen, assignment__reader__study=study)):
        yield Alert(
            AlertKind.UNPAINTED,
            f"{_count(number, 'reading')} of {code} came without the browser's word that all "
            "images were on the screen before the submit",
        )


def _by_reader(readings: QuerySet[Reading]) -> list[tuple[str, int]]:
    """How many there are, by the code of their reader."""
    reader = "assignment__reader__code"
    counts = readings.values(reader).annotate(number=Count("pk")).order_by(reader)
    return list(counts.values_list(reader, "number"))


def _fast(study: Study) -> Iterator[Alert]:
    """By the server's own span, from the first showing to the submit."""
    limit = timedelta(seconds=settings.ALERT_FAST_SECONDS)
    rows = (
        Reading.objects.filter(
            assignment__reader__study=study, submitted_at__lt=F("started_at") + limit
        )
        .values("assignment__reader__code", "assignment__stage")
        .annotate(number=Count("pk"))
        .order_by("assignment__reader__code", "assignment__stage")
    )
    for row in rows:
        code, stage = row["assignment__reader__code"], row["assignment__stage"]
        yield Alert(
            AlertKind.FAST,
            f"{code} read {_count(row['number'], 'case')} of stage {stage} in less than "
            f"{settings.ALERT_FAST_SECONDS:g} seconds each",
        )


def _idle(activity: list[Activity]) -> Iterator[Alert]:
    for each in activity:
        if each.is_behind and each.idle_days >= settings.ALERT_IDLE_DAYS:
            since = f"{each.last_at:%Y-%m-%d}" if each.has_begun else "the study was opened"
            yield Alert(
                AlertKind.IDLE,
                f"{each.reader.code} has {_count(each.left, 'diagnosis', 'diagnoses')} left and "
                f"has been inactive since {since} ({_count(each.idle_days, 'day')})",
            )


def _overdue(study: Study, activity: list[Activity]) -> Iterator[Alert]:
    due = {Stage.UNAIDED: study.protocol.stage_1_due, Stage.AIDED: study.protocol.stage_2_due}
    today = timezone.localdate()
    for stage, day in due.items():
        late = [each.reader.code for each in activity if not each.has_read(stage)]
        if day and day < today and late:
            yield Alert(
                AlertKind.OVERDUE,
                f"stage {stage.value} was due on {day:%Y-%m-%d}; {', '.join(late)} "
                f"{'has' if len(late) == 1 else 'have'} not finished it",
            )


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"
