"""The events that an auditor asks for: filtered, the latest first, a page at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from django import forms
from django.db.models import Q, QuerySet
from django.utils import timezone

from readerstudy.audit.canonical import canonical
from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.models import Study

PAGE = 100
BATCH = 1000
LATEST = 2**62


class FilterForm(forms.Form):
    """Which events. ``before`` is where the page begins: events below this number."""

    actor = forms.CharField(label="Who", required=False, max_length=150)
    action = forms.CharField(label="Action, or how it begins", required=False, max_length=64)
    outcome = forms.ChoiceField(
        choices=[("", "done and refused"), *AuditEvent.Outcome.choices], required=False
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput({"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput({"type": "date"}))
    text = forms.CharField(label="In the target or the detail", required=False, max_length=200)
    before = forms.IntegerField(
        required=False, min_value=1, max_value=LATEST, widget=forms.HiddenInput
    )

    def asked(self) -> dict[str, str]:
        """What was filled in, but for the page."""
        return {
            name: str(value)
            for name, value in self.cleaned_data.items()
            if value not in ("", None) and name != "before"
        }


@dataclass(frozen=True)
class Page:
    """Some events; ``older`` is the query of the page after it, "" on the last."""

    events: list[AuditEvent]
    older: str


def page_of(study: Study | None, form: FilterForm) -> Page:
    """One page, by one query whatever the number of events."""
    before = form.cleaned_data["before"] or LATEST
    rows = list(found(study, form).filter(number__lt=before)[: PAGE + 1])
    older = {**form.asked(), "before": rows[PAGE - 1].number} if len(rows) > PAGE else {}
    return Page(rows[:PAGE], urlencode(older))


def found(study: Study | None, form: FilterForm) -> QuerySet[AuditEvent]:
    """The events that fit a valid form, the latest first."""
    asked = form.cleaned_data
    rows = AuditEvent.objects.order_by("-number")
    if study:
        rows = rows.filter(study=study.slug)
    if asked["actor"]:
        rows = rows.filter(actor=asked["actor"])
    if asked["action"]:
        rows = rows.filter(action__startswith=asked["action"])
    if asked["outcome"]:
        rows = rows.filter(outcome=asked["outcome"])
    if asked["since"]:
        rows = rows.filter(at__gte=_midnight(asked["since"]))
    if asked["until"]:
        rows = rows.filter(at__lt=_midnight(asked["until"] + timedelta(days=1)))
    if text := asked["text"]:
        rows = rows.filter(Q(target__icontains=text) | Q(detail__icontains=text))
    return rows


def in_batches(rows: QuerySet[AuditEvent]) -> Iterator[AuditEvent]:
    """All of them, from the first to the last, in memory that does not grow."""
    rows, last = rows.order_by("number"), 0
    while batch := list(rows.filter(number__gt=last)[:BATCH]):
        yield from batch
        last = batch[-1].number


def detail_text(event: AuditEvent) -> str:
    """An event's detail as the one line of JSON that its digest is made of."""
    return canonical(event.detail) if event.detail else ""


def _midnight(day) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
