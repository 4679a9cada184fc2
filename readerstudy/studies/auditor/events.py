"""The events that an auditor asks for: filtered, the latest first, a page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from readerstudy.audit.canonical import canonical_json
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.unreadable import events_of
from readerstudy.studies.models import Study

PAGE = 100
BATCH = 1000
LATEST = 2**62


class FilterForm(forms.Form):
    """Which events. ``before`` is where the page begins: events below this number."""

    actor = forms.CharField(label="Who", required=False, max_length=150)
    action = forms.CharField(label="Action (or its beginning)", required=False, max_length=64)
    outcome = forms.ChoiceField(
        choices=[("", "done and refused"), *AuditEvent.Outcome.choices], required=False
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))
    text = forms.CharField(label="Text in target or detail", required=False, max_length=200)
    before = forms.IntegerField(
        required=False, min_value=1, max_value=LATEST, widget=forms.HiddenInput
    )

    def filters(self) -> dict[str, str]:
        """What was filled in, but for the page."""
        return {
            name: str(value)
            for name, value in self.cleaned_data.items()
            if value not in ("", None) and name != "before"
        }


@dataclass(frozen=True)
class EventPage:
    """Some events; ``older`` is the query of the page after it, "" on the last."""

    events: list[AuditEvent]
    older: str


def event_page(study: Study | None, form: FilterForm) -> EventPage:
    """One page, by one query whatever the number of events."""
    before = form.cleaned_data["before"] or LATEST
    rows = events_of(matching_events(study, form).filter(number__lt=before)[: PAGE + 1])
    older = {**form.filters(), "before": rows[PAGE - 1].number} if len(rows) > PAGE else {}
    return EventPage(rows[:PAGE], urlencode(older))


def matching_events(study: Study | None, form: FilterForm) -> QuerySet[AuditEvent]:
    """The events that fit a valid form, the latest first."""
    filters = form.cleaned_data
    rows = AuditEvent.objects.order_by("-number")
    if study:
        rows = rows.filter(study=study.slug)
    if filters["actor"]:
        rows = rows.filter(actor=filters["actor"])
    if filters["action"]:
        rows = rows.filter(action__startswith=filters["action"])
    if filters["outcome"]:
        rows = rows.filter(outcome=filters["outcome"])
    if filters["since"]:
        rows = rows.filter(at__gte=_midnight(filters["since"]))
    if filters["until"]:
        rows = rows.filter(at__lt=_midnight(filters["until"] + timedelta(days=1)))
    if text := filters["text"]:
        rows = rows.filter(Q(target__icontains=text) | Q(detail__icontains=text))
    return rows


def in_batches(rows: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """All of them, from the first to the last, in memory that does not grow."""
    rows, last = rows.order_by("number"), 0
    while batch := events_of(rows.filter(number__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].number


def detail_json(event: AuditEvent) -> str:
    """An event's detail as the one line of JSON that its digest is made of."""
    return canonical_json(event.detail) if event.detail else ""


def _midnight(day) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
