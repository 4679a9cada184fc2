"""The study's page in the admin: its checklist, the steps of its life as buttons, and copying."""

from functools import partial

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from readerstudy.accounts.password_confirmation import NotConfirmed, require_password
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.jobs.broker import BROKER_DOWN
from readerstudy.reading import copying, lifecycle, step_checks, two_person_unblinding
from readerstudy.reading.lifecycle_forms import CopyForm, StepForm
from readerstudy.reading.lifecycle_permissions import may_perform
from readerstudy.reading.lifecycle_steps import LifecycleStep, needs_reason, perform, possible_steps
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action


class StepPages(admin.ModelAdmin):
    """Mixin of the study's admin. ``lifecycle_permissions.may_perform`` says who may do what."""

    change_form_template = "admin/cohorts/study/change_form.html"

    def get_urls(self):
        def page(route: str, view, name: str):
            view = self.admin_site.admin_view(view)
            return path(f"<int:pk>/{route}", view, name=f"cohorts_study_{name}")

        return [
            page("step/<slug:step>/", self.step_view, "step"),
            page("run-model/", self.run_model_view, "run_model"),
            page("copy/", self.copy_view, "copy"),
            *super().get_urls(),
        ]

    def render_change_form(self, request, context, *args, obj=None, **kwargs):
        if obj:
            context |= _panel(request, obj)
        return super().render_change_form(request, context, *args, obj=obj, **kwargs)

    def response_add(self, request, obj, post_url_continue=None):
        """A new study's page comes next: it tells what is still missing."""
        if "_addanother" in request.POST or "_popup" in request.POST:
            return super().response_add(request, obj, post_url_continue)
        self.message_user(request, f"{obj} is a draft. The checklist shows what is missing.")
        return self._to_study(obj)

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Confirm a step with a password: what it does, forbids and asks for."""
        study = self._looked_at(request, pk)
        if step not in list(LifecycleStep):
            raise Http404
        step = LifecycleStep(step)
        _require_right(request, study, step.action, target=step)
        if request.method != "POST" and step not in possible_steps(study):
            text = f'The study is {study.state}. "{step.text.button}" is not possible now.'
            self.message_user(request, text, messages.ERROR)
            return self._to_study(study)
        form = StepForm(request.POST or None, asks_reason=needs_reason(study, step))
        reasons = []
        if form.is_valid():
            try:
                self._take(request, study, step, form.cleaned_data)
                return self._to_study(study)
            except NotConfirmed as refusal:
                form.add_error("password", str(refusal))
            except lifecycle.StepNotPossible as refusal:
                reasons = refusal.reasons
        context = {
            "step": step,
            "lines": _lines(request, study, step.action),
            "reasons": reasons,
            "standing": two_person_unblinding.standing_request(study),
            "adminform": _drawn(form),
        }
        return self._own_page(request, study, "step", title=step.text.button, **context)

    def _take(self, request: HttpRequest, study: Study, step: LifecycleStep, given: dict) -> None:
        require_password(request, given["password"], study=study.slug, target=f"study.{step.value}")
        perform(study, step, by=request.user.get_username(), reason=given["reason"].strip())
        self.message_user(request, f"{study}: {step.text.done}.")

    def run_model_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Queue the model's jobs for all testing cases."""
        study = self._looked_at(request, pk)
        _require_right(request, study, Action.RUN_MODEL, target="run_model")
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            lifecycle.run_model(
                study,
                by=request.user.get_username(),
                if_undelivered=partial(messages.warning, request, BROKER_DOWN),
            )
            self.message_user(request, f"{study}: the model jobs are queued.")
        except lifecycle.StepNotPossible as refusal:
            self.message_user(request, f"{study}: {refusal}", messages.ERROR)
        return self._to_study(study)

    def copy_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Copy the study as a new draft, with what is ticked."""
        study = self._looked_at(request, pk)
        _require_right(request, study, Action.COPY, target="copy")
        parts = copying.parts_for(request.user, study)
        initial = {"title": f"Copy of {study.title}"}
        form = CopyForm(request.POST or None, initial=initial, parts=parts)
        reasons = []
        if form.is_valid():
            try:
                copy = copying.copy_study(
                    study,
                    slug=form.cleaned_data["slug"],
                    title=form.cleaned_data["title"],
                    part_names=form.part_names,
                    same_seed=form.cleaned_data["same_seed"],
                    by=request.user.get_username(),
                )
                self.message_user(request, f"{copy} is a new draft, copied from {study}.")
                return self._to_study(copy)
            except lifecycle.StepNotPossible as refusal:
                reasons = refusal.reasons
        context = {"reasons": reasons, "adminform": _drawn(form)}
        return self._own_page(request, study, "copy", title="Copy the study", **context)

    def _looked_at(self, request: HttpRequest, pk: int) -> Study:
        study = self.get_object(request, str(pk))
        if study is None:
            raise Http404
        return study

    def _to_study(self, study: Study) -> HttpResponse:
        return redirect("admin:cohorts_study_change", study.pk)

    def _own_page(self, request, study: Study, name: str, *, title: str, **context) -> HttpResponse:
        context |= {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "study": study,
            "title": title,
            "subtitle": str(study),
        }
        return TemplateResponse(request, f"admin/cohorts/study/{name}.html", context)


def _panel(request: HttpRequest, study: Study) -> dict:
    """What the study's page shows above its form."""
    standing = two_person_unblinding.standing_request(study)
    steps = [
        step
        for step in possible_steps(study)
        if may_perform(request.user, study, step.action)
        and not (step == LifecycleStep.CONFIRM_UNBLINDING and standing.by == request.user)
    ]
    draft = study.state == Study.State.DRAFT
    return {
        "study": study,
        "steps": [
            (step, reverse("admin:cohorts_study_step", args=[study.pk, step])) for step in steps
        ],
        "checklist": _lines(request, study, Action.OPEN) if draft else [],
        "results_page": step_checks.on_results_page(study, request.user),
        "may_run_model": study.state != Study.State.ARCHIVED
        and may_perform(request.user, study, Action.RUN_MODEL),
        "may_copy": may_perform(request.user, study, Action.COPY),
        "standing": standing,
        "lapses_at": standing and two_person_unblinding.lapses_at(standing),
        "past": _past(study),
    }


def _lines(
    request: HttpRequest, study: Study, action: Action
) -> list[tuple[step_checks.ChecklistLine, str]]:
    """What the step asks for, each with where this person sees to it."""
    found = step_checks.checklist(study, action.value)
    return [(line, line.address(request.user)) for line in found]


def _past(study: Study) -> list[AuditEvent]:
    """The steps that were taken, with who took them, oldest first."""
    taken = [f"study.{step}" for step in LifecycleStep]
    done = AuditEvent.Outcome.DONE
    rows = AuditEvent.objects.filter(study=study.slug, action__in=taken, outcome=done)
    return list(rows.order_by("pk"))


def _drawn(form) -> AdminForm:
    return AdminForm(form, [(None, {"fields": list(form.fields)})], {})


def _require_right(request: HttpRequest, study: Study, action: Action, *, target: str) -> None:
    """Raise PermissionDenied, once it is on record, unless this person may do this."""
    if not may_perform(request.user, study, action):
        record(f"study.{target}", request=request, study=study.slug, refused=True)
        raise PermissionDenied
