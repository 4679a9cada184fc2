"""The door to an investigator's pages: it resolves the study, and keeps what is sealed."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse

from analysis import runs
from analysis.models import AnalysisRun
from analysis.sealing import Sealed, require_unsealed
from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.views import error_page
from readerstudy.audit.log import record
from readerstudy.cohorts.models import Membership, Study


def investigator_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator: a view ``(request, study, ...)`` under a URL with the study's ``slug``.

    404, after an audit event, for whoever is no investigator of it; 403 for sealed results.
    """

    @audience(Audience.INVESTIGATOR)
    @wraps(view)
    def guarded(request: HttpRequest, *, slug: str, **kwargs) -> HttpResponse:
        role = Membership.objects.filter(
            study__slug=slug, user=request.user, role=Membership.Role.INVESTIGATOR
        )
        found = role.select_related("study").first()
        if found is None:
            record("results.access", request=request, study=slug, target=request.path, refused=True)
            raise Http404
        try:
            return view(request, found.study, **kwargs)
        except Sealed as sealed:
            record("results.sealed", request=request, study=slug, target=request.path, refused=True)
            return error_page(request, status=403, message=str(sealed))

    return guarded


def run_of(study: Study, number: int) -> AnalysisRun:
    """Raises Sealed before the unblinding, Http404 for a run that the study does not have."""
    require_unsealed(study)
    rows = AnalysisRun.objects.select_related("study").filter(study=study, number=number)
    found = rows.first()
    if found is None:
        raise Http404
    if found.is_lost:
        runs.reap(study=study)
        found.refresh_from_db()
    return found


def done_run_of(study: Study, number: int) -> AnalysisRun:
    """The same; Http404 also for a run that has no results."""
    found = run_of(study, number)
    if found.state != AnalysisRun.State.DONE:
        raise Http404
    return found
