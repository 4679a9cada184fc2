"""The members' pages: progress and plan always, runs once the study is unblinded.

No page computes a result: they show what runs have stored.
"""

import json

from django.contrib import messages
from django.core.cache import caches
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET, require_POST

from analysis import dispatch, presentation, registration, runs
from analysis.access import member_view, run_of
from analysis.alerts import alerts
from analysis.beside import page_beside
from analysis.forms import PlanForm
from analysis.models import AnalysisRun, RegisteredPlan
from analysis.plan import Plan
from analysis.rendered import kept
from analysis.sealing import require_analysable
from inference.inputs import ModelInputs, model_inputs
from inference.models import StudyModel
from readerstudy.audit.log import record
from readerstudy.cohorts.models import Study, testing_cases
from readerstudy.cohorts.roles import Action, may
from readerstudy.reading import sequence, trace
from readerstudy.reading.activity import activity_of
from readerstudy.reading.lifecycle import NotPossible
from readerstudy.reading.reminders import NotReminded, behind, remind

INPUTS_LISTED = 200  # failed, and poor, cases that the page names


@require_GET
@member_view(Action.SEE_PROGRESS)
def results(request: HttpRequest, study: Study) -> HttpResponse:
    """Progress, the registered plan, and the runs."""
    return _study_page(request, study, form=PlanForm(offered=registration.plan_to_run(study)))


@require_POST
@member_view(Action.REGISTER_PLAN)
def register_plan(request: HttpRequest, study: Study) -> HttpResponse:
    """Register the plan that was sent, or the default one."""
    form = PlanForm(request.POST, offered=Plan())
    if form.is_valid():
        plan = form.cleaned_data["document"]
        try:
            registration.register(study, plan, by=request.user.get_username())
        except NotPossible as refusal:
            form.add_error("document", refusal.reasons)
        else:
            return redirect("analysis:results", slug=study.slug)
    return _study_page(request, study, form=form)


@require_POST
@member_view(Action.RUN_ANALYSIS)
def start_run(request: HttpRequest, study: Study) -> HttpResponse:
    """Have the study analysed, by the plan that was sent or the one that counts."""
    require_analysable(study)
    form = PlanForm(request.POST, offered=registration.plan_to_run(study))
    if not form.is_valid():
        return _study_page(request, study, form=form)
    with transaction.atomic():
        started = runs.start(study, form.cleaned_data["document"], by=request.user.get_username())
        dispatch.dispatch_on_commit(started)
    return redirect("analysis:run", slug=study.slug, number=started.number)


@require_POST
@member_view(Action.REMIND)
def send_reminder(request: HttpRequest, study: Study) -> HttpResponse:
    """Remind the reader whose code was sent."""
    code = request.POST.get("reader", "")
    at = request.build_absolute_uri(reverse("reading:current", kwargs={"slug": study.slug}))
    try:
        remind(study, code, address=at, request=request)
        messages.success(request, f"{code} is reminded.")
    except NotReminded as refusal:
        messages.error(request, str(refusal))
    return redirect("analysis:results", slug=study.slug)


@require_GET
@member_view(Action.SEE_RESULTS)
def run(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """One run: how far it is, why it failed, or its results."""
    found = run_of(study, number)
    context = {"study": study, "run": found, "plan": Plan.from_document(found.plan_document)}
    if found.state == AnalysisRun.State.DONE:
        record("results.view", request=request, study=study.slug, target=str(found))
        context["beside"] = page_beside(study.slug)
        context["results"] = _results(context, readers_page=request.GET.get("readers", ""))
    return render(request, "analysis/run.html", context)


def _results(context: dict, *, readers_page: str) -> SafeString:
    """The part of a run's page that shows its results: set once, and then kept."""
    run = context["run"]
    number = int(readers_page) if readers_page.isdecimal() and len(readers_page) < 5 else 1

    def draw() -> bytes:
        shown = presentation.page_of(json.loads(run.results), readers_page=number)
        return render_to_string("analysis/run_results.html", context | shown).encode()

    return mark_safe(kept(run, f"page {number}", draw).decode())  # noqa: S308 (our own template)


def _study_page(request: HttpRequest, study: Study, *, form: PlanForm) -> HttpResponse:
    activity = activity_of(study)
    context = {
        "study": study,
        "alerts": alerts(study, activity),
        "behind": behind(study, activity),
        "progress": _progress(study),
        "disagreements": trace.disagreements(study),
        "beside": page_beside(study.slug),
        "plans": list(RegisteredPlan.objects.filter(study=study).order_by("-pk")),
        "runs": _runs(study),
        "form": form,
        "may_plan": may(request.user, Action.REGISTER_PLAN, study),
        "inputs": _inputs(study),
        "listed": INPUTS_LISTED,
    }
    return render(request, "analysis/results.html", context, status=400 if form.errors else 200)


def _progress(study: Study) -> list[sequence.ReaderProgress]:
    """Every reader's progress. A locked study takes no more readings: it is counted once."""

    def count() -> list[sequence.ReaderProgress]:
        return sequence.progress_of(study.reader_set.order_by("code"))

    if study.locked_at is None:
        return count()
    key = f"progress-{study.pk}-{study.locked_at:%Y%m%dT%H%M%S%f}"
    return caches["process"].get_or_set(key, count, timeout=None)


def _runs(study: Study) -> list[AnalysisRun]:
    """The study's runs, the last one first, those ended whose process died."""
    rows = AnalysisRun.objects.filter(study=study).order_by("-number")
    rows = rows.defer("results", "plan_document")
    if any(row.is_lost for row in rows):
        runs.reap(study=study)
        rows = rows.all()
    return list(rows)


def _inputs(study: Study) -> ModelInputs | None:
    """What became of the cases at the model's hands; None while no model is chosen."""
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    return chosen and model_inputs(testing_cases(study), model_version=chosen.model_version)
