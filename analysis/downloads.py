"""A run's files: its document, tables, figures and report, and the data that it read.

Workers make them (``make_run_files``); here they are handed out, or what is not there yet is asked
for.
"""

from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analysis import file_set_queue
from analysis.access import done_run_of, member_view
from analysis.models import AnalysisRun, RunFile
from analysis.run_file_names import CONTENT_TYPES
from readerstudy.audit.log import record
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action

RETRY_SECONDS = 5


@require_GET
@member_view(Action.SEE_RESULTS)
def results_json(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """The results as they are stored, byte for byte."""
    run = done_run_of(study, number)
    _record(request, run, "results.json")
    answer = HttpResponse(run.results, content_type=CONTENT_TYPES["json"])
    answer["Content-Disposition"] = f'attachment; filename="{_file_name(run, "results.json")}"'
    return answer


@require_GET
@member_view(Action.SEE_RESULTS)
def file(
    request: HttpRequest,
    study: Study,
    *,
    number: int,
    name: str,
    format: str = "",
    folder: str = "",
) -> HttpResponse:
    """A file of a run; 404 for one that it does not have, 409 for one that could not be made.

    503, as long as it is not made yet, with a page that asks again by itself.
    """
    run = done_run_of(study, number)
    return send(request, run, f"{folder}{name}.{format}" if format else f"{folder}{name}")


def send(request: HttpRequest, run: AnalysisRun, name: str) -> HttpResponse:
    """The file of this name, to be saved; or the page that says why there is none."""
    row, stored = looked_up(run, name)
    if stored is None:
        return not_there(request, run, row)
    own_name = name.rpartition("/")[2]
    _record(request, run, own_name)
    return FileResponse(
        stored, as_attachment=True, filename=_file_name(run, own_name), content_type=row.media_type
    )


def looked_up(run: AnalysisRun, name: str):
    """As ``file_set_queue.look_up``; Http404 for a name that the run has no file of."""
    try:
        return file_set_queue.look_up(run, name)
    except KeyError as unknown:
        raise Http404 from unknown


def not_there(request: HttpRequest, run: AnalysisRun, row: RunFile | None) -> HttpResponse:
    """The page in the place of a file that is being made, or that could not be."""
    failed = row is not None and row.state == RunFile.State.FAILED
    if failed:
        _record(request, run, row.name.rpartition("/")[2], refused=True)
    context = {"study": run.study, "run": run, "row": row if failed else None,
               "seconds": RETRY_SECONDS, "progress": file_set_queue.progress(run)}  # fmt: skip
    answer = render(request, "analysis/not_there.html", context, status=409 if failed else 503)
    if not failed:
        answer["Retry-After"] = str(RETRY_SECONDS)
    return answer


def _record(request: HttpRequest, run: AnalysisRun, name: str, **more) -> None:
    target = f"{run}, {name}"
    record("results.download", request=request, study=run.study.slug, target=target, **more)


def _file_name(run: AnalysisRun, name: str) -> str:
    synthetic = "-synthetic" if run.study.is_synthetic else ""
    return f"{run.study.slug}{synthetic}-run-{run.number}-{name}"
