"""A study's exports, from its page in Django admin."""

from functools import partial

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import path

from readerstudy.audit.log import record
from readerstudy.exchange.bundles import export_queue
from readerstudy.exchange.bundles.study_models import EXPORTED
from readerstudy.exchange.errors import ExchangeError
from readerstudy.exchange.models import StudyExport
from readerstudy.jobs import dispatch
from readerstudy.jobs.broker import BROKER_DOWN
from readerstudy.studies.models import Study

SHOWN = 20


class ExportForm(forms.Form):
    """What goes into the bundle, where there is a choice."""

    with_images = forms.BooleanField(
        required=False,
        initial=True,
        label="Images",
        help_text="Without images the bundle is smaller but can't be imported",
    )
    with_names = forms.BooleanField(
        required=False,
        label="Names and e-mail addresses",
        help_text="Otherwise people are identified only by numbers",
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
        context["may_export"] = bool(study) and export_queue.may_export(request.user, study)
        context["base_change_form"] = super().change_form_template or "admin/change_form.html"
        return super().render_change_form(request, context, *args, **kwargs)

    def export_view(self, request: HttpRequest, study_id: int) -> HttpResponse:
        """What was exported, and the form that asks for more."""
        study = self._exported(request, study_id)
        form = ExportForm(request.POST if request.method == "POST" else None)
        if request.method == "POST" and form.is_valid():
            try:
                export_queue.request_export(
                    study,
                    by=request.user,
                    if_undelivered=partial(messages.warning, request, BROKER_DOWN),
                    **form.cleaned_data,
                )
            except ExchangeError as refused:
                self.message_user(request, str(refused), messages.ERROR)
            return redirect("admin:handover_export", study_id=study.pk)
        dispatch.look_after(export_queue.KIND)
        rows = StudyExport.objects.filter(study=study).select_related("asked_by")[:SHOWN]
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"Export {study}",
            "study": study,
            "is_unsealed": study.is_unsealed,
            "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
            "exports": [(row, export_queue.path_of_bundle(row) is not None) for row in rows],
            "is_under_way": any(row.is_under_way for row in rows),
        }
        return TemplateResponse(request, "admin/handover/export.html", context)

    def bundle_view(self, request: HttpRequest, study_id: int, export_id: int) -> HttpResponse:
        """A bundle that is done, to be taken away."""
        study = self._exported(request, study_id)
        row = get_object_or_404(StudyExport, pk=export_id, study=study)
        file = export_queue.path_of_bundle(row)
        if request.method != "GET" or file is None or not study.is_unsealed:
            raise Http404
        record(f"{EXPORTED}_download", request=request, study=study.slug, target=str(row),
               detail={"sha256": row.sha256})  # fmt: skip
        return FileResponse(file.open("rb"), as_attachment=True, filename=f"{study.slug}.zip")

    def _exported(self, request: HttpRequest, study_id: int) -> Study:
        """The study, for whoever may export it.

        Raises Http404 for a study that isn't theirs to know, and PermissionDenied, after an audit
        event, for a member of the study who may not export it.
        """
        study = self.get_object(request, str(study_id))
        if study is None:
            raise Http404
        if not export_queue.may_export(request.user, study):
            record(f"{EXPORTED}_access", request=request, study=study.slug,
                   target=request.path, refused=True)  # fmt: skip
            raise PermissionDenied
        return study


_study_admin = admin.site.get_model_admin(Study).__class__
admin.site.unregister(Study)
admin.site.register(Study, type("ExportingStudyAdmin", (ExportsStudy, _study_admin), {}))
