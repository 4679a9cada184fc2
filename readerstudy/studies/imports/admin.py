"""Imports in Django admin: upload or choose a folder, look at the dry run, then say yes or no."""

import csv
import io
from functools import partial

from django.conf import settings
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path
from django.views.decorators.http import require_GET, require_POST

from readerstudy.accounts.models import User
from readerstudy.audit.admin import ReadOnlyAdmin
from readerstudy.jobs import dispatch
from readerstudy.jobs.broker import BROKER_DOWN
from readerstudy.studies.imports import permissions, queue, source_storage
from readerstudy.studies.imports.column_descriptions import columns_of, table_of, template_of
from readerstudy.studies.imports.dry_run_report import PICTURE_LABELS
from readerstudy.studies.imports.forms import SourceForm
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Cohort, Study
from readerstudy.studies.role_limited_admin import ByRole

PROBLEMS_SHOWN = 200
_FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would calculate


def begin_import(
    request: HttpRequest, form: SourceForm, *, study: Study, cohort: Cohort | None, kind: str
):
    """Keep what the form was given and have its dry run made. Raises ImportNotPossible."""
    queue.require_no_reader(study, request.user)
    source = form.store_source()
    try:
        with transaction.atomic():
            job = queue.queue_dry_run(
                study=study, cohort=cohort, kind=kind, by=request.user, **source
            )
            dispatch.dispatch_on_commit(
                queue.KIND, [job.pk], if_undelivered=partial(messages.warning, request, BROKER_DOWN)
            )
    except BaseException:
        source_storage.discard(ImportJob(**source))
        raise
    return redirect("admin:cohorts_importjob_change", job.pk)


def form_page(modeladmin, request, form, *, title: str, kinds: list, back: str, of: str):
    """The page that a source is given on, with the columns of each kind beside the form."""
    context = {
        **modeladmin.admin_site.each_context(request),
        "opts": modeladmin.opts,
        "title": title,
        "back": back,
        "of": of,
        "adminform": AdminForm(form, [(None, {"fields": list(form.fields)})], {}),
        "tables": [(kind, table_of(kind), columns_of(kind)) for kind in kinds],
    }
    return TemplateResponse(request, "admin/cohorts/importjob/begin.html", context)


@admin.register(ImportJob)
class ImportJobAdmin(ByRole, ReadOnlyAdmin):
    """Every import there was, and the page of each."""

    change_form_template = "admin/cohorts/importjob/job.html"
    list_display = [
        "pk", "study", "cohort", "kind", "label", "state", "rows", "problem_count", "created_by",
        "created_at", "finished_at",
    ]  # fmt: skip
    list_select_related = ["study", "cohort__study", "created_by"]
    list_filter = ["state", "kind", "study"]
    search_fields = ["label", "sha256"]

    def get_urls(self):
        view = self.admin_site.admin_view
        return [
            path(
                f"<int:job_id>/{route}",
                view(handler),
                name=f"cohorts_importjob_{route.strip('/').split('.')[0]}",
            )
            for route, handler in (
                ("import/", require_POST(self.import_view)),
                ("cancel/", require_POST(self.cancel_view)),
                ("state.json", require_GET(self.state_view)),
                ("problems.csv", require_GET(self.problems_view)),
                ("sheet.png", require_GET(self.sheet_view)),
            )
        ] + [
            path(
                "template/<slug:kind>.csv",
                view(require_GET(self.template_view)),
                name="cohorts_importjob_template",
            ),
            *super().get_urls(),
        ]

    def get_queryset(self, request):
        """Without the truth, no imports that tell it."""
        found = super().get_queryset(request)
        if not self.has_view_permission(request):
            return found  # refused, whatever is in it
        return permissions.visible_jobs(request.user, found)

    def changeform_view(self, request, object_id=None, form_url="", extra_context=None):
        job = object_id and self.get_object(request, object_id)
        extra = self._context(request, job) if job else {}
        return super().changeform_view(request, object_id, form_url, extra | (extra_context or {}))

    def _look_after(self, job: ImportJob) -> None:
        if job.is_under_way:
            dispatch.look_after(queue.KIND)
            job.refresh_from_db()

    def _context(self, request: HttpRequest, job: ImportJob) -> dict:
        self._look_after(job)
        allowed = job.kind_of in permissions.importable_kinds(request.user, job.study)
        return {
            "job": job,
            "title": f"Import of {job.label}",
            "problems": queue.problems_of(job)[:PROBLEMS_SHOWN],
            "kept": len(job.problems),
            "may_import": allowed and job.can_be_imported,
            "may_cancel": allowed and job.can_be_cancelled,
            "table": table_of(job.kind),
            "summaries": [
                (PICTURE_LABELS.get(name, name), text)
                for name, text in (*job.summary.items(), *job.truth_summary.items())
            ],
        }

    def import_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Import what was checked."""

        def confirm(job: ImportJob, *, by: User) -> None:
            queue.confirm(job, by=by)
            warn = partial(messages.warning, request, BROKER_DOWN)
            dispatch.dispatch_on_commit(queue.KIND, [job.pk], if_undelivered=warn)

        return self._step(request, job_id, confirm)

    def cancel_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """Import it never."""
        return self._step(request, job_id, queue.cancel)

    def _step(self, request: HttpRequest, job_id: int, step) -> HttpResponse:
        job = self._job(request, job_id)
        if job.kind_of not in permissions.importable_kinds(request.user, job.study):
            raise PermissionDenied
        try:
            with transaction.atomic():
                step(job, by=request.user)
        except queue.ImportNotPossible as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
        return redirect("admin:cohorts_importjob_change", job.pk)

    def state_view(self, request: HttpRequest, job_id: int) -> JsonResponse:
        """How far it is, for the page that waits."""
        job = self._job(request, job_id)
        self._look_after(job)
        return JsonResponse(
            {
                "state": job.state,
                "told": job.get_state_display(),
                "underWay": job.is_under_way,
                "progress": job.progress,
                "rows": job.rows,
            }
        )

    def problems_view(self, request: HttpRequest, job_id: int) -> HttpResponse:
        """All problems that were kept, as a table."""
        job = self._job(request, job_id)
        file = io.StringIO()
        writer = csv.writer(file)
        writer.writerow(["file", "row", "column", "problem"])
        for problem in queue.problems_of(job):
            where = [problem.file, problem.row or "", problem.column]
            writer.writerow([_cell(value) for value in (*where, problem.message)])
        return _download(file.getvalue(), f"import-{job.pk}-problems.csv")

    def sheet_view(self, request: HttpRequest, job_id: int) -> FileResponse:
        """The thumbnails of the first cases."""
        job = self._job(request, job_id)
        sheet = settings.MEDIA_ROOT / job.sheet
        if not job.sheet or not sheet.is_file():
            raise Http404
        return FileResponse(sheet.open("rb"), content_type="image/png")

    def template_view(self, request: HttpRequest, kind: str) -> HttpResponse:
        """An empty table of a kind."""
        if kind not in ImportJob.Kind.values:
            raise Http404
        if not self.has_module_permission(request):
            raise PermissionDenied
        name = table_of(kind).removesuffix(".csv")
        plain = "-without-truth" if kind == ImportJob.Kind.CASES else ""
        return _download(template_of(kind), f"{name}{plain}.csv")

    def _job(self, request: HttpRequest, job_id: int) -> ImportJob:
        """Raises PermissionDenied or Http404."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = self.get_object(request, job_id)
        if job is None:
            raise Http404
        return job


def _cell(value: object) -> str:
    """Text that a spreadsheet shows and does not calculate."""
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _download(text: str, name: str) -> HttpResponse:
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
