"""The radiologist's pages: my studies, the current case, its images.

What comes before a case is ``onboarding_views``'s; none is shown while a step of it is left.
"""

from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.accounts.access import Audience, audience
from readerstudy.diagnosis import Modality
from readerstudy.reading import blinding, my_studies, onboarding, sequence
from readerstudy.reading.access import reader_view
from readerstudy.reading.case_page import present_case
from readerstudy.reading.errors import Invalid
from readerstudy.reading.forms import DiagnosisForm
from readerstudy.reading.models import Assignment, Reader, Stage
from readerstudy.reading.submission import require_unread, submit_reading
from readerstudy.studies.models import Membership


@audience(Audience.SIGNED_IN)
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """My studies: those I read, with progress, and those in whose running I have a role."""
    readers = Reader.objects.filter(user=request.user, user__is_staff=False)
    readers = readers.select_related("study__protocol")
    context = {
        "readings": my_studies.overview(readers, request.session.session_key),
        "memberships": Membership.objects.filter(user=request.user).select_related("study"),
    }
    return render(request, "reading/my_studies.html", context)


@require_GET
@reader_view
def current_case(request: HttpRequest, reader: Reader) -> HttpResponse:
    """The case to be read now, or why there is none."""
    assignment = sequence.current_assignment(reader)
    if assignment is None:
        [line] = my_studies.overview([reader], request.session.session_key)
        return render(request, "reading/no_case.html", {"study": reader.study, "line": line})
    if step := onboarding.next_step_cached(reader, request.session):
        return redirect(f"reading:{step}", slug=reader.study.slug)
    return HttpResponse(present_case(request, assignment))


@require_http_methods(["GET", "POST"])
@reader_view
def submit(request: HttpRequest, reader: Reader, *, code: str) -> HttpResponse:
    """Take the diagnosis of the current case, then go on to the next.

    A reload after a refused form asks for this address by GET: that leads to the current case.
    """
    if request.method == "GET":
        return redirect("reading:current", slug=reader.study.slug)
    form = DiagnosisForm(request.POST, stage_1=_stage_1_answer(reader, code))
    if form.is_valid():
        try:
            key = form.cleaned_data["key"]
            submit_reading(reader=reader, code=code, key=key, answer=form.answer(), request=request)
            return redirect("reading:current", slug=reader.study.slug)
        except Invalid as refusal:
            form.add_error(None, str(refusal))
    assignment = require_unread(reader, code)
    onboarding.require_prepared(reader, request.session)
    return HttpResponse(present_case(request, assignment, form=form), status=400)


@require_GET
@reader_view
def image(request: HttpRequest, reader: Reader, *, code: str, modality: str) -> FileResponse:
    """One image of the current case, or of the one that comes next."""
    assignment = sequence.require_current_or_upcoming(reader, code)
    onboarding.require_prepared(reader, request.session)
    file = blinding.image_file(assignment, Modality(modality))
    return _png(FileResponse(file, content_type="image/png"))


@require_GET
@reader_view
def heatmap(
    request: HttpRequest, reader: Reader, *, code: str, level: int, modality: str
) -> HttpResponse:
    """One heatmap of the current case, in stage 2 alone."""
    assignment = sequence.require_current(reader, code)
    onboarding.require_prepared(reader, request.session)
    png = blinding.heatmap_png(assignment, level=level, modality=Modality(modality))
    return _png(HttpResponse(png, content_type="image/png"))


def _png(response: HttpResponse) -> HttpResponse:
    """An image names neither its file nor its age."""
    response["Content-Disposition"] = "inline"
    return response


def _stage_1_answer(reader: Reader, code: str) -> blinding.Diagnosis | None:
    """The diagnosis that "keep" repeats; None in stage 1."""
    assignment = Assignment.objects.filter(reader=reader, code=code, stage=Stage.AIDED).first()
    return blinding.own_stage_1_reading(assignment) if assignment else None
