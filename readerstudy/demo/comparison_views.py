"""The published study's page: what the paper prints beside what a run of it here found."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.safestring import mark_safe
from django.views.decorators.http import require_GET

from analysis.access import done_run_of, member_view
from analysis.downloads import looked_up, not_there
from analysis.run_file_names import BESIDE
from readerstudy.audit.log import record
from readerstudy.demo.apps import PUBLISHED
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action


@require_GET
@member_view(Action.SEE_RESULTS)
def paper_comparison(request: HttpRequest, study: Study, *, number: int) -> HttpResponse:
    """Every figure of the paper's tables beside the run's, as a worker set it.

    404 for any other study, and for a run whose plan left out one of the tables.
    """
    run = done_run_of(study, number)
    if study.slug != PUBLISHED:
        raise Http404
    row, stored = looked_up(run, BESIDE)
    if stored is None:
        return not_there(request, run, row)
    with stored:
        tables = mark_safe(stored.read().decode())  # noqa: S308 (our own template)
    record("results.view", request=request, study=study.slug, target=f"{run}, beside the paper")
    return render(request, "demo/paper.html", {"study": study, "run": run, "tables": tables})
