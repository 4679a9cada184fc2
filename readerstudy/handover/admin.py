"""A study's export from its page in Django admin, and what came in from elsewhere."""

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path

from readerstudy.audit.log import record
from readerstudy.cohorts.models import Study
from readerstudy.handover import asked
from readerstudy.handover.exporting import is_unsealed
from readerstudy.handover.models import StudyExport
from readerstudy.handover.parts import EXPORTED
from readerstudy.handover.problems import Refused

SHOWN = 20


class ExportForm(forms.Form):
    """What goes into the bundle, where there is a choice."""

    with_images = forms.BooleanField(
        required=False,
        initial=True,
        label="Images",
        help_text="Without them the bundle is smaller, and can't be imported",
    )
    with_names = forms.BooleanField(
        required=False,
        label="Names and e-mail addresses",
        help_text="Without them, people have numbers",
    )


class ExportsStudy:
    """Mixin for the study's admin: ask for a bundle, and take it away."""

    change_form_template = "admin/handover/study_change_form.html"

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path("<int:study_id>/export/", view(self.export_view), name="handover_export"),
            path(
                "<int:study_id>/export/<int:export_id>/",
                view(self.bundle_view),
                name="handover_bundle",
            ),
            *super().get_urls(),
        ]

    def render_change_form(self, request, context, *args, **kwargs):
        study = context.get("original")
        context["may_export"] = bool(study) and asked.may_export(request.user, study)
        context["base_change_form"] = super().change_form_template or "admin/change_form.html"
        return super().render_change_form(request, context, *args, **kwargs)

    def export_view(self, request: HttpRequest, study_id: int) -> HttpResponse:
        """What was exported, and the form that asks for more."""
        study = self._exported(request, study_id)
        form = ExportForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                asked.ask(study, by=request.user, **form.cleaned_data)
            except Refused as refused:
                self.message_user(request, str(refused), messages.ERROR)
            return redirect("admin:handover_export", study_id=study.pk)
        asked.reap()
        rows = StudyExport.objects.filter(study=study).select_related("asked_by")[:SHOWN]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Export {study}",
            "study": study,
            "is_unsealed": is_unsealed(study),
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
            "exports": [(row, asked.file_of(row) is not None) for row in rows],
            "is_under_way": any(row.state in ("queued", "running") for row in rows),
        }
        return TemplateResponse(request, "admin/handover/export.html", context)

    def bundle_view(self, request: HttpRequest, study_id: int, export_id: int) -> HttpResponse:
        """A bundle that is done, to be taken away."""
        study = self._exported(request, study_id)
        row = get_object_or_404(StudyExport, pk=export_id, study=study)
        file = asked.file_of(row)
        if request.method != "GET" or file is None or not is_unsealed(study):
            raise Http404
        record(f"{EXPORTED}_download", request=request, study=study.slug, target=str(row),
               detail={"sha256": row.sha256})  # fmt: skip
        return FileResponse(file.open("rb"), as_attachment=True, filename=f"{study.slug}.zip")

    def _exported(self, request: HttpRequest, study_id: int) -> Study:
        """The study, for whoever may export it. Raises PermissionDenied, after an audit event."""
        study = Study.objects.filter(pk=study_id).first()
        if study is None or not asked.may_export(request.user, study):
            record(f"{EXPORTED}_access", request=request, study=study.slug if study else "",
                   target=request.path, refused=True)  # fmt: skip
            raise PermissionDenied
        return study


_study_admin = admin.site.get_model_admin(Study).__class__
admin.site.unregister(Study)
admin.site.register(Study, type("ExportingStudyAdmin", (ExportsStudy, _study_admin), {}))
