"""The log on a page, with the state of its chain; as a file; and a verification on demand."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.audit import chain
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.verification import record_verdict, verify
from readerstudy.cohorts.auditor.access import auditor_view
from readerstudy.cohorts.auditor.events import (
    FilterForm,
    Page,
    detail_text,
    found,
    in_batches,
    page_of,
)
from readerstudy.cohorts.auditor.files import FORMATS, lines
from readerstudy.cohorts.models import Study

ON_DEMAND = 20_000  # events: a few seconds; more of them are for the command


@require_http_methods(["GET", "POST"])
@auditor_view
def log(request: HttpRequest, study: Study | None) -> HttpResponse:
    """The events that are asked for. POST verifies the chain and the study's rows."""
    if request.method == "POST":
        return _verify(request, study)
    form = FilterForm(request.GET)
    is_valid = form.is_valid()
    page = page_of(study, form) if is_valid else Page([], "")
    number, sha256 = chain.last()
    context = {
        "study": study,
        "form": form,
        "events": [(event, detail_text(event)) for event in page.events],
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
        return HttpResponse("The filter is not one of the page's.\n", status=400)
    slug = study.slug if study else ""
    asked = form.asked()
    record("audit.export", request=request, study=slug, target=format, detail={"filter": asked})
    events = in_batches(found(study, form))
    answer = StreamingHttpResponse(lines(events, format), content_type=FORMATS[format])
    name = f"audit-{slug}" if slug else "audit"
    answer["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return answer


def _verify(request: HttpRequest, study: Study | None) -> HttpResponse:
    slug = study.slug if study else ""
    if chain.last()[0] > ON_DEMAND:
        messages.error(request, "The log is too long for this page: use manage.py verify_audit.")
    else:
        verdict = verify(study=slug)
        record_verdict(verdict, study=slug, request=request)
        for problem in verdict.problems[:20]:
            messages.error(request, str(problem))
        if verdict.is_sound:
            messages.success(request, "No tampering found.")
    return redirect("audit:study", slug=slug) if slug else redirect("audit:site")


def _last_verification(study: Study | None) -> AuditEvent | None:
    """The last one of this study or of all."""
    of = ["", study.slug] if study else [""]
    rows = AuditEvent.objects.filter(study__in=of, action="audit.verify")
    return rows.order_by("-number").first()
