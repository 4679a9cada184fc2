"""How a reading went in the browser: its time, what was shown, and whether the clocks agree.

Reading time runs from both images painted to the submit; spans in which the page was hidden, or
nothing was touched for long, are left out of ``active_ms``. The browser measures it on its
monotonic clock; the server's own span (first shown → received) stands beside it. The raw events
are kept, so that any other rule can be tried on them.

No diagnosis is refused for what the browser tells or doesn't tell: what is in doubt is flagged.
"""

import re
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework import serializers

from readerstudy.reading.models import Reading, Trace
from readerstudy.studies.models import Study

MAX_EVENTS = 2000
CLOCK_TOLERANCE = timedelta(minutes=2)
GAP_TOLERANCE = timedelta(minutes=3)
SPAN_TOLERANCE = timedelta(seconds=2)  # the page may have been sent before the server's note of it
DAY_MS = 86_400_000
NAME = re.compile(r"[a-z0-9-]{1,32}\Z")
DETAIL = re.compile(r"[ -~]{0,200}\Z")

UNREADABLE = {"unreadable": True}  # what the browser told made no sense

CLOCK, SPAN, GAP, UNTOLD, UNPAINTED = "clock", "span", "gap", "untold", "unpainted"
UNKNOWN = f"{UNTOLD} {UNPAINTED}"
REASONS = {
    CLOCK: "the browser's clock differs from the server's",
    SPAN: "the browser's stopwatch shows more time than the server can have seen",
    GAP: "the case was open earlier in another tab, browser or computer, and that time is missing",
    UNTOLD: "the browser sent no plausible time, so the server's is used",
    UNPAINTED: "the browser doesn't tell that the images were on the screen before the submit",
}


class EventField(serializers.Field):
    """[milliseconds since the page came, name, detail]."""

    default_error_messages = {
        "event": gettext_lazy("An event must be [milliseconds, name, detail].")
    }

    def to_internal_value(self, data):
        match data:
            case [int(at) | float(at), str(name), str(detail)] if (
                0 <= at <= 30 * DAY_MS and NAME.match(name) and DETAIL.match(detail)
            ):
                return [round(at), name, detail]
            case _:
                return self.fail("event")


class ExposureSerializer(serializers.Serializer):
    """One way in which AI output was on the screen, and for how long."""

    level = serializers.IntegerField(min_value=0, max_value=2)  # 0: probabilities alone
    opacity = serializers.IntegerField(min_value=0, max_value=100)  # percent
    colour_map = serializers.RegexField(r"^[a-z]{0,16}\Z", allow_blank=True)
    ms = serializers.IntegerField(min_value=0, max_value=30 * DAY_MS)


class TraceSerializer(serializers.Serializer):
    """What the browser tells of a reading."""

    active_ms = serializers.IntegerField(min_value=0, max_value=DAY_MS)
    elapsed_ms = serializers.IntegerField(min_value=0, max_value=20 * DAY_MS)
    submitted_at = serializers.DateTimeField()
    events = serializers.ListField(child=EventField(), max_length=MAX_EVENTS)
    exposure = ExposureSerializer(many=True, max_length=MAX_EVENTS)

    def validate(self, attrs):
        if attrs["active_ms"] > attrs["elapsed_ms"]:
            raise serializers.ValidationError(_("Active time can't be longer than the reading."))
        return attrs


class _Own(threading.local):
    """A serializer for each thread: to make one takes longer than to validate with it.

    Where messages are shown it would not do: some keep the language in which they were told first.
    """

    def __init__(self):
        self.trace = TraceSerializer()


_OWN = _Own()


@dataclass(frozen=True)
class Disagreement:
    """A reading of which something is in doubt, and what; nothing of what was read."""

    reader: str
    stage: int
    place: int
    reasons: tuple[str, ...]


def disagreements(study: Study) -> list[Disagreement]:
    """All of a study, reader by reader in the order of reading."""
    where = ("assignment__reader__code", "assignment__stage", "assignment__position")
    doubtful = untraced(study) | (Q(trace__isnull=False) & ~Q(trace__flags=""))
    rows = Reading.objects.filter(doubtful, assignment__reader__study=study)
    return [
        Disagreement(code, stage, place, tuple(REASONS[flag] for flag in flags.split()))
        for code, stage, place, flags in sorted(
            (*place, UNKNOWN if flags is None else flags)
            for *place, flags in rows.values_list(*where, "trace__flags")
        )
    ]


def time_flags(flags: str) -> str:
    """Those of a trace's flags that are about time."""
    return " ".join(flag for flag in flags.split() if flag != UNPAINTED)


def untraced(study: Study) -> Q:
    """Readings of which no browser has told anything; a simulated reader has none."""
    if study.is_synthetic:
        return Q(trace=None, assignment__reader__user__is_active=True)
    return Q(trace=None)


def parse_trace(submitted: object) -> dict | None:
    """What a browser told of a reading, validated; None where it told nothing.

    UNREADABLE where it makes no sense, which must not cost the diagnosis.
    """
    if submitted is None:
        return None
    try:
        return _OWN.trace.run_validation(submitted)
    except serializers.ValidationError:
        return UNREADABLE


def store_trace(reading: Reading, *, trace_data: dict) -> Trace:
    """Store beside its reading what ``parse_trace`` made of the browser's words."""
    if trace_data is UNREADABLE:
        return Trace.objects.create(
            reading=reading, events=[], exposure=[], flags=f"{UNTOLD} {UNPAINTED}"
        )
    return Trace.objects.create(
        reading=reading,
        active_ms=trace_data["active_ms"],
        elapsed_ms=trace_data["elapsed_ms"],
        client_submitted_at=trace_data["submitted_at"],
        events=trace_data["events"],
        exposure=[dict(shown) for shown in trace_data["exposure"]],
        flags=" ".join(_flags(reading, trace_data)),
    )


def _flags(reading: Reading, trace_data: dict) -> list[str]:
    """Where the browser and the server can't both be right.

    A diagnosis that waited for the line arrives late: only a browser's clock that is ahead of
    the server's, or behind the first showing, is wrong for certain.
    """
    client_time: datetime = trace_data["submitted_at"]
    flags = []
    if not (
        reading.started_at - CLOCK_TOLERANCE
        <= client_time
        <= reading.submitted_at + CLOCK_TOLERANCE
    ):
        flags.append(CLOCK)
    seen = reading.submitted_at - reading.started_at
    if timedelta(milliseconds=trace_data["elapsed_ms"]) > seen + SPAN_TOLERANCE:
        flags.append(SPAN)
    unseen = client_time - reading.started_at - timedelta(milliseconds=trace_data["elapsed_ms"])
    if CLOCK not in flags and unseen > GAP_TOLERANCE:
        flags.append(GAP)
    if not _were_painted(trace_data["events"]):
        flags.append(UNPAINTED)
    return flags


def _were_painted(events: list[list]) -> bool:
    """Whether the page tells that all images were on the screen before it was submitted."""
    names = [name for _at, name, _detail in events]
    submitted = names.index("submit") if "submit" in names else len(names)
    return "painted" in names[:submitted]
