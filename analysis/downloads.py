"""A run's files: its document, tables, figures and report, and the data that it read."""

import json
from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_GET

from analysis import canonical, charts, conduct, dataset, figures, rendered
from analysis.access import done_run_of, member_view
from analysis.exports import conduct as exports_conduct
from analysis.exports import files, tables, tidy, workbook
from analysis.exports.provenance import Provenance
from analysis.models import AnalysisRun
from analysis.report import report_pdf
from readerstudy.accounts.views import error_page
from readerstudy.audit.log import record
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action

TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "imrmc": "text/plain; charset=utf-8",
    "tex": "application/x-tex; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
}


@require_GET
@member_view(Action.SEE_RESULTS)
def results_json(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """The results as they are stored, byte for byte."""
    found = done_run_of(study, number)
    return _download(request, found, "results.json", found.results)


@require_GET
@member_view(Action.SEE_RESULTS)
def metrics_csv(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """All metrics and intervals of a run."""
    return _all_of_kind(request, done_run_of(study, number), table="metrics")


@require_GET
@member_view(Action.SEE_RESULTS)
def tests_csv(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """All tests of a run."""
    return _all_of_kind(request, done_run_of(study, number), table="tests")


@require_GET
@member_view(Action.SEE_RESULTS)
def results_xlsx(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """All tables of a run in a workbook."""
    found = done_run_of(study, number)
    content = workbook.results_xlsx(json.loads(found.results), _provenance(found))
    return _download(request, found, "results.xlsx", content)


@require_GET
@member_view(Action.SEE_RESULTS)
def report(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """All of a run in print."""
    found = done_run_of(study, number)
    return _rendered(
        request, found, "report.pdf", lambda document: report_pdf(document, _provenance(found))
    )


@require_GET
@member_view(Action.SEE_RESULTS)
def table(
    request: HttpRequest, study: Study, *, number: int, name: str, format: str
) -> HttpResponse:
    """A table, or those of a section; 404 for one that the run does not have."""
    found = done_run_of(study, number)
    try:
        content = tables.table_file(name, format, json.loads(found.results), _provenance(found))
    except KeyError as unknown:
        raise Http404 from unknown
    return _download(request, found, f"{name}.{format}", content)


@require_GET
@member_view(Action.SEE_RESULTS)
def figure(
    request: HttpRequest, study: Study, *, number: int, name: str, format: str
) -> HttpResponse:
    """A figure; 404 for one that the run does not have, or that can't be drawn."""

    def draw(document: dict) -> bytes:
        return figures.render(figures.draw(name, document), format)

    found = done_run_of(study, number)
    try:
        return _rendered(request, found, f"{name}.{format}", draw)
    except (KeyError, figures.NotAvailable) as unknown:
        raise Http404 from unknown


@require_GET
@member_view(Action.SEE_RESULTS)
def chart(request: HttpRequest, study: Study, *, number: int, name: str) -> HttpResponse:
    """A figure's numbers, for the page to draw; 404 as for the figure, or if it has no chart."""
    found = done_run_of(study, number)
    try:
        drawn = charts.chart(name, json.loads(found.results))
    except (KeyError, figures.NotAvailable) as unknown:
        raise Http404 from unknown
    return _download(request, found, f"{name}.json", canonical.to_text(drawn))


@require_GET
@member_view(Action.SEE_RESULTS)
def data(request: HttpRequest, study: Study, *, number: int, name: str) -> HttpResponse:
    """The data case by case, as the run read them; 409 if they have changed since."""
    found = done_run_of(study, number)
    if name not in (*files.DATA_FILES, exports_conduct.NAME):
        raise Http404
    now = dataset.load(study)
    if now.digest() != found.data_sha256:
        record("results.download", request=request, study=study.slug,
               target=f"{found}, {name}", refused=True)  # fmt: skip
        text = (
            f"The study's data are no longer what run {found.number} read, so this file would "
            "not belong to its results. Start a new run and take its files."
        )
        return error_page(request, status=409, message=text)
    told = name == exports_conduct.NAME
    content = (
        exports_conduct.conduct_csv(conduct.rows(study)) if told else files.data_file(name, now)
    )
    return _download(request, found, name, content)


def _all_of_kind(request: HttpRequest, found: AnalysisRun, *, table: str) -> HttpResponse:
    text = tidy.tables_csv(json.loads(found.results), table=table)
    return _download(request, found, f"{table}.csv", text)


def _rendered(
    request: HttpRequest, found: AnalysisRun, name: str, draw: Callable[[dict], bytes]
) -> HttpResponse:
    """What takes seconds to draw is kept."""
    return _download(
        request, found, name, rendered.kept(found, name, lambda: draw(json.loads(found.results)))
    )


def _provenance(found: AnalysisRun) -> Provenance:
    return Provenance(
        study=found.study.title,
        slug=found.study.slug,
        run=found.number,
        planned=found.planned,
        plan_sha256=found.plan_sha256,
        data_sha256=found.data_sha256,
        results_sha256=found.results_sha256,
        code_version=found.code_version,
        libraries=found.libraries,
    )


def _download(
    request: HttpRequest, found: AnalysisRun, name: str, content: str | bytes
) -> HttpResponse:
    study = found.study
    record("results.download", request=request, study=study.slug, target=f"{found}, {name}")
    response = HttpResponse(content, content_type=TYPES[name.rpartition(".")[2]])
    synthetic = "-synthetic" if study.is_synthetic else ""
    file = f"{study.slug}{synthetic}-run-{found.number}-{name}"
    response["Content-Disposition"] = f'attachment; filename="{file}"'
    return response
