"""The pages before the first case. Each step's page leads on once its step is done."""

from enum import StrEnum

from django.http import FileResponse, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.diagnosis import Etiology, Malignancy, Modality
from readerstudy.reading import onboarding
from readerstudy.reading.access import reader_view
from readerstudy.reading.blinding import baseline_of, spacing_of
from readerstudy.reading.errors import Invalid
from readerstudy.reading.image_panes import Pane
from readerstudy.reading.models import PracticeReading, Reader
from readerstudy.reading.onboarding import OnboardingStep, PracticeCase
from readerstudy.reading.onboarding_forms import (
    STEPS,
    ConsentForm,
    DisplayForm,
    PracticeForm,
    ProfileForm,
)


@require_http_methods(["GET", "POST"])
@reader_view
def consent(request: HttpRequest, reader: Reader) -> HttpResponse:
    """The study information, and the reader's consent."""
    if not _is_next(OnboardingStep.CONSENT, request, reader):
        return _on(reader)
    form = ConsentForm(_sent(request))
    if form.is_valid():
        onboarding.give_consent(reader)
        return _on(reader)
    return _page(request, reader, OnboardingStep.CONSENT, form=form)


@require_http_methods(["GET", "POST"])
@reader_view
def profile(request: HttpRequest, reader: Reader) -> HttpResponse:
    """The reader's experience."""
    if not _is_next(OnboardingStep.PROFILE, request, reader):
        return _on(reader)
    form = ProfileForm(_sent(request))
    if form.is_valid():
        onboarding.store_profile(reader, form.cleaned_data)
        return _on(reader)
    return _page(request, reader, OnboardingStep.PROFILE, form=form)


@require_http_methods(["GET", "POST"])
@reader_view
def display(request: HttpRequest, reader: Reader) -> HttpResponse:
    """The display check. One that failed leads back here, to be repeated or passed over."""
    session_key = request.session.session_key
    check = onboarding.last_check(reader, session_key)
    failed = check is not None and not check.passed
    if not failed and not _is_next(OnboardingStep.DISPLAY, request, reader):
        return _on(reader)
    onboarding.require_open(reader)
    form = DisplayForm(_sent(request))
    if form.is_valid():
        seen = {"passed": form.passed(), "seen": form.seen(), "display": form.display()}
        check = onboarding.store_display_check(reader, session_key, **seen)
        return _on(reader) if check.passed else redirect("reading:display", slug=reader.study.slug)
    return _page(request, reader, OnboardingStep.DISPLAY, form=form, failed=failed, steps=STEPS)


@require_GET
@reader_view
def practice(request: HttpRequest, reader: Reader) -> HttpResponse:
    """To the practice case to be read now."""
    if not _is_next(OnboardingStep.PRACTICE, request, reader):
        return _on(reader)
    return _to_practice(reader, onboarding.practice_now(reader))


@require_http_methods(["GET", "POST"])
@reader_view
def practice_case(request: HttpRequest, reader: Reader, *, number: int) -> HttpResponse:
    """A practice case: to be read, or just read and with its answer."""
    onboarding.require_open(reader)
    practising = _is_next(OnboardingStep.PRACTICE, request, reader)
    found = onboarding.practice_case(reader, number)
    if not practising and not found.given:
        return _on(reader)  # a step before practice is left
    form = PracticeForm(_sent(request))
    if form.is_valid():
        try:
            onboarding.submit_practice(reader, number, **form.cleaned_data)
            return _to_practice(reader, number)
        except Invalid as refusal:
            form.add_error(None, str(refusal))
    return _practice_page(request, reader, found, form=form)


@require_GET
@reader_view
def practice_image(
    request: HttpRequest, reader: Reader, *, number: int, modality: str
) -> HttpResponse:
    """One image of the practice case to be read now, or of the one just read."""
    onboarding.require_open(reader)
    found = onboarding.practice_case(reader, number)
    if not found.given and not _is_next(OnboardingStep.PRACTICE, request, reader):
        return _on(reader)
    file = onboarding.practice_image(found, Modality(modality)).open("rb")
    response = FileResponse(file, content_type="image/png")
    response["Content-Disposition"] = "inline"  # its file is not named
    return response


def _is_next(step: OnboardingStep, request: HttpRequest, reader: Reader) -> bool:
    return onboarding.next_step(reader, request.session.session_key) is step


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _on(reader: Reader) -> HttpResponse:
    """To whatever comes next: another step, the first case, or why there is none."""
    return redirect("reading:current", slug=reader.study.slug)


def _to_practice(reader: Reader, number: int) -> HttpResponse:
    return redirect("reading:practice_case", slug=reader.study.slug, number=number)


def _practice_page(
    request: HttpRequest, reader: Reader, found: PracticeCase, *, form: PracticeForm
) -> HttpResponse:
    context = {
        "practice": {"number": found.number, "total": found.total},  # the case stays here
        "baseline": baseline_of(found.case),
        "panes": _panes(reader, found),
        "branches": [(each, each.value[0], each.etiologies) for each in Malignancy],
        "answer": found.given and _answer(found.given),
    }
    return _page(request, reader, OnboardingStep.PRACTICE, form=form, **context)


def _panes(reader: Reader, found: PracticeCase) -> list[Pane]:
    spacing = spacing_of(found.case)
    return [
        Pane(
            modality=m,
            image=reverse("reading:practice_image", args=(reader.study.slug, found.number, m)),
            mm_per_pixel=spacing.get(m),
        )
        for m in Modality
    ]


def _answer(given: PracticeReading) -> list[tuple[str, StrEnum, StrEnum]]:
    """Each level's name, its reference standard, and the reader's own diagnosis."""
    truth = onboarding.revealed_reference_standard(given)
    return [
        (_("Benign or malignant"), truth.malignancy, Malignancy(given.malignancy)),
        (_("Etiology"), truth.etiology, Etiology(given.etiology)),
    ]


def _page(
    request: HttpRequest, reader: Reader, step: OnboardingStep, *, form, **context
) -> HttpResponse:
    """A step's page; 400 when what was sent is not enough."""
    context |= {"study": reader.study, "step": step, "form": form}
    status = 400 if form.errors else 200
    return render(request, f"reading/onboarding/{step}.html", context, status=status)
