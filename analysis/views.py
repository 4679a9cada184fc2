"""The members' pages: progress and plan always, runs once the study is unblinded.

No page computes a result: they show what runs have stored.
"""

from functools import partial

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from analysis import file_set_queue, registration, run_queue
from analysis.access import done_run_of, member_view, unsealed_run_of
from analysis.models import AnalysisRun, RegisteredPlan
from analysis.plan import Plan
from analysis.plan_form import PlanForm
from analysis.run_file_names import page_name
from analysis.run_page_registry import page_for
from analysis.study_alerts import alerts_of
from analysis.unblinding_guard import require_analysable
from inference.case_status import ModelInputs, model_inputs
from inference.models import StudyModel
from readerstudy.accounts import site_urls
from readerstudy.audit.log import record
from readerstudy.jobs import dispatch
from readerstudy.jobs.broker import BROKER_DOWN
from readerstudy.reading import sequence, trace
from readerstudy.reading.frozen_cache import cached_once_locked
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.reading.reader_activity import activity_of
from readerstudy.reading.reminders import NotReminded, remind, remindable_readers
from readerstudy.studies.models import Study, testing_cases
from readerstudy.studies.permissions import Action, may

INPUTS_LISTED = 200  # failed, and poor, cases that the page names


@require_GET
@member_view(Action.SEE_PROGRESS)
def results(request: HttpRequest, study: Study) -> HttpResponse:
    """Progress, the registered plan, and the runs."""
    return _study_page(
        request, study, form=PlanForm(offered=registration.registered_or_default_plan(study))
    )


@require_POST
@member_view(Action.REGISTER_PLAN)
def register_plan(request: HttpRequest, study: Study) -> HttpResponse:
    """Register the plan that was sent, or the default one."""
    form = PlanForm(request.POST, offered=Plan())
    if form.is_valid():
        plan = form.cleaned_data["document"]
        try:
            registration.register(study, plan, by=request.user.get_username())
        except StepNotPossible as refusal:
            form.add_error("document", refusal.reasons)
        else:
            return redirect("analysis:results", slug=study.slug)
    return _study_page(request, study, form=form)


@require_POST
@member_view(Action.RUN_ANALYSIS)
def start_run(request: HttpRequest, study: Study) -> HttpResponse:
    """Have the study analysed, by the plan that was sent or the one that counts."""
    require_analysable(study)
    form = PlanForm(request.POST, offered=registration.registered_or_default_plan(study))
    if not form.is_valid():
        return _study_page(request, study, form=form)
    with transaction.atomic():
        started = run_queue.start(
            study, form.cleaned_data["document"], by=request.user.get_username()
        )
        dispatch.dispatch_on_commit(
            run_queue.KIND,
            [started.pk],
            if_undelivered=partial(messages.warning, request, BROKER_DOWN),
        )
    return redirect("analysis:run", slug=study.slug, number=started.number)


@require_POST
@member_view(Action.REMIND)
def remind_reader(request: HttpRequest, study: Study) -> HttpResponse:
    """Remind the reader whose code was sent."""
    code = request.POST.get("reader", "")
    at = site_urls.absolute_url(request, reverse("reading:current", kwargs={"slug": study.slug}))
    try:
        remind(study, code, address=at, request=request)
        messages.success(request, f"Reminder sent to {code}.")
    except NotReminded as refusal:
        messages.error(request, str(refusal))
    return redirect("analysis:results", slug=study.slug)


@require_GET
@member_view(Action.SEE_RESULTS)
def run(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """One run: how far it is, why it failed, or its results."""
    found = unsealed_run_of(study, number)
    context = {"study": study, "run": found, "plan": Plan.from_document(found.plan_document)}
    if found.state == AnalysisRun.State.DONE:
        record("results.view", request=request, study=study.slug, target=str(found))
        context["beside"] = page_for(study.slug)
        context["results"] = _results(found, readers_page=request.GET.get("readers", ""))
        context["progress"] = file_set_queue.progress(found)
    return render(request, "analysis/run.html", context)


@require_http_methods(["GET", "POST"])
@member_view(Action.SEE_RESULTS)
def run_files(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """How far the files of a run are, for its page to show; by POST, make again what failed."""
    found = done_run_of(study, number)
    if request.method == "POST":
        file_set_queue.try_again(found)
        return redirect("analysis:run", slug=study.slug, number=number)
    context = {"study": study, "run": found, "progress": file_set_queue.progress(found)}
    return render(request, "analysis/progress.html", context)


def _results(run: AnalysisRun, *, readers_page: str) -> SafeString:
    """The part of a run's page that shows its results, as a worker set it; "" before that.

    The first page of readers, for a number that is none; the last one, for one that is too high.
    """
    requested = int(readers_page) if readers_page.isdecimal() and len(readers_page) < 5 else 1
    last = file_set_queue.page_count(run) or 1
    _, stored = file_set_queue.look_up(run, page_name(min(max(requested, 1), last)))
    if stored is None:
        return SafeString()
    with stored:
        return mark_safe(stored.read().decode())  # noqa: S308 (our own template)


def _study_page(request: HttpRequest, study: Study, *, form: PlanForm) -> HttpResponse:
    activity = activity_of(study)
    context = {
        "study": study,
        "alerts": alerts_of(study, activity),
        "behind": remindable_readers(study, activity),
        "progress": _progress(study),
        "disagreements": cached_once_locked(
            study, "disagreements", ask=lambda: trace.disagreements(study)
        ),
        "beside": page_for(study.slug),
        "plans": list(RegisteredPlan.objects.filter(study=study).order_by("-pk")),
        "runs": _runs(study),
        "form": form,
        "may_plan": may(request.user, Action.REGISTER_PLAN, study),
        "inputs": _inputs(study),
        "listed": INPUTS_LISTED,
    }
    return render(request, "analysis/results.html", context, status=400 if form.errors else 200)


def _progress(study: Study) -> list[sequence.ReaderProgress]:
    """Every reader's progress."""
    readers = study.reader_set.order_by("code")
    return cached_once_locked(study, "progress", ask=lambda: sequence.progress_of(readers))


def _runs(study: Study) -> list[AnalysisRun]:
    """The study's run_queue, the last one first, those ended whose process died."""
    rows = AnalysisRun.objects.filter(study=study).order_by("-number")
    rows = rows.defer("results", "plan_document")
    if any(row.is_under_way for row in rows):
        dispatch.look_after(run_queue.KIND)
        rows = rows.all()
    return list(rows)


def _inputs(study: Study) -> ModelInputs | None:
    """What became of the cases at the model's hands; None while no model is chosen."""
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    return chosen and model_inputs(testing_cases(study), model_version=chosen.model_version)
