"""The investigators' pages: progress always, results once the study is unblinded."""

from collections.abc import Callable
from functools import wraps
from itertools import groupby

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from analysis import dataset, exports, tables
from inference.inputs import ModelInputs, model_inputs
from inference.models import StudyModel
from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.views import error_page
from readerstudy.audit.log import record
from readerstudy.cohorts.models import Investigator, Study, testing_cases
from readerstudy.reading import sequence

INPUTS_LISTED = 200  # failed, and poor, cases that the page names


def investigator_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator: a view ``(request, study, ...)`` under a URL with the study's ``slug``.

    404, after an audit event, for whoever is no investigator of it; 403 for sealed results.
    """

    @audience(Audience.INVESTIGATOR)
    @require_GET
    @wraps(view)
    def guarded(request: HttpRequest, *, slug: str, **kwargs) -> HttpResponse:
        role = Investigator.objects.filter(study__slug=slug, user=request.user)
        found = role.select_related("study").first()
        if found is None:
            record("results.access", request=request, study=slug, target=request.path, refused=True)
            raise Http404
        try:
            return view(request, found.study, **kwargs)
        except dataset.Sealed as sealed:
            record("results.sealed", request=request, study=slug, target=request.path, refused=True)
            return error_page(request, status=403, message=str(sealed))

    return guarded


@investigator_view
def results(request: HttpRequest, study: Study) -> HttpResponse:
    """Progress and, once unblinded, the tables."""
    context = {
        "study": study,
        "progress": sequence.progress_of(study.reader_set.order_by("code")),
        "inputs": _inputs(study),
        "listed": INPUTS_LISTED,
    }
    if study.state == Study.State.UNBLINDED:
        data = dataset.load(study)
        record("results.view", request=request, study=study.slug)
        context |= {
            "data": data,
            "cohorts": _table_2(data),
            "permutations": tables.permutation_rows(data),
            "resamples": tables.RESAMPLES,
            "seed": tables.SEED,
        }
    return render(request, "analysis/results.html", context)


def _inputs(study: Study) -> ModelInputs | None:
    """What became of the cases at the model's hands; None while no model is chosen."""
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    return chosen and model_inputs(testing_cases(study), model_version=chosen.model_version)


@investigator_view
def metrics_csv(request: HttpRequest, study: Study) -> HttpResponse:
    """All metrics and intervals."""
    rows = tables.metric_rows(dataset.load(study))
    return _download(request, study, "metrics", exports.metrics_csv(rows))


@investigator_view
def tests_csv(request: HttpRequest, study: Study) -> HttpResponse:
    """All tests."""
    data = dataset.load(study)
    rows = tables.mcnemar_rows(data) + tables.permutation_rows(data)
    return _download(request, study, "tests", exports.tests_csv(rows))


def _download(request: HttpRequest, study: Study, name: str, text: str) -> HttpResponse:
    record("results.download", request=request, study=study.slug, target=name)
    response = HttpResponse(text, content_type="text/csv; charset=utf-8")
    synthetic = "-synthetic" if study.is_synthetic else ""
    response["Content-Disposition"] = f'attachment; filename="{study.slug}{synthetic}-{name}.csv"'
    return response


def _table_2(data: dataset.StudyData) -> list[dict]:
    """Per cohort, a line a subject: both stages' metrics and, for readers, McNemar's p-values."""
    p_values = {
        (row.cohort, row.subject, row.question, row.unit): row.p_value
        for row in tables.mcnemar_rows(data)
    }
    cohorts = []
    for cohort, rows in groupby(tables.metric_rows(data), key=lambda row: row.cohort):
        by_subject: dict[str, dict] = {}
        for row in rows:
            line = by_subject.setdefault(row.subject, {"subject": row.subject, "kind": row.kind})
            line["aided" if row.stage == tables.STAGE_NAMES[tables.AIDED] else "unaided"] = row
            line["p"] = [
                p_values.get((cohort, row.subject, question, unit))
                for question in ("reader vs model", "with vs without AI")
                for unit in ("patients", "one-vs-rest cells: accuracy")
            ]
        cohorts.append({"name": cohort, "lines": list(by_subject.values())})
    return cohorts
