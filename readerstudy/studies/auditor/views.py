"""The log on a page, with the state of its chain; as a file; and a verification on demand."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.audit import chain
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.unreadable import events_of
from readerstudy.audit.verification import record_verdict, verify
from readerstudy.studies.auditor.access import auditor_view
from readerstudy.studies.auditor.events import (
    EventPage,
    FilterForm,
    detail_json,
    event_page,
    in_batches,
    matching_events,
)
from readerstudy.studies.auditor.log_download import FORMATS, file_lines
from readerstudy.studies.models import Study

ON_DEMAND = 20_000  # events: a few seconds; more of them are for the command


@require_http_methods(["GET", "POST"])
@auditor_view
def log(request: HttpRequest, study: Study | None) -> HttpResponse:
    """The events that are asked for. POST verifies the chain and the study's rows."""
    if request.method == "POST":
        return _verify(request, study)
    form = FilterForm(request.GET)
    is_valid = form.is_valid()
    page = event_page(study, form) if is_valid else EventPage([], "")
    number, sha256 = chain.last_event()
    context = {
        "study": study,
        "form": form,
        "events": [(event, detail_json(event)) for event in page.events],
        "older": page.older,
        "query": request.GET.urlencode(),
        "number": number,
        "head": f"{number}:{sha256}",
        "verified": _last_verification(study),
        "too_long": number > ON_DEMAND,
        "formats": list(FORMATS),
    }
    return render(request, "audit/log.html", context, status=200 if is_valid else 400)


@require_GET
@auditor_view
def export(request: HttpRequest, study: Study | None, *, format: str) -> HttpResponse:
    """The same events as a file, from the first to the last."""
    form = FilterForm(request.GET)
    if not form.is_valid():
        return HttpResponse("The filter is not valid. Use the filters on the page.\n", status=400)
    slug = study.slug if study else ""
    filters = form.filters()
    record("audit.export", request=request, study=slug, target=format, detail={"filter": filters})
    events = in_batches(matching_events(study, form))
    answer = StreamingHttpResponse(file_lines(events, format), content_type=FORMATS[format])
    name = f"audit-{slug}" if slug else "audit"
    answer["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return answer


def _verify(request: HttpRequest, study: Study | None) -> HttpResponse:
    slug = study.slug if study else ""
    if chain.last_event()[0] > ON_DEMAND:
        messages.error(
            request, "The log is too long to verify on this page. Use manage.py verify_audit."
        )
    else:
        verdict = verify(study=slug)
        record_verdict(verdict, study=slug, request=request)
        for problem in verdict.problems[:20]:
            messages.error(request, str(problem))
        *looked, conclusion = verdict.sentences()
        for line in looked:
            messages.info(request, line)
        if verdict.is_sound:
            messages.success(request, conclusion)
    return redirect("audit:study", slug=slug) if slug else redirect("audit:site")


def _last_verification(study: Study | None) -> AuditEvent | None:
    """The last one of this study or of all."""
    of = ["", study.slug] if study else [""]
    rows = AuditEvent.objects.filter(study__in=of, action="audit.verify")
    return next(iter(events_of(rows.order_by("-number")[:1])), None)
