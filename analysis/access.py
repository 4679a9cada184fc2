"""The door to the members' pages: it resolves study and role, and keeps what is sealed."""

from collections.abc import Callable
from functools import wraps

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse

from analysis import run_queue
from analysis.models import AnalysisRun
from analysis.unblinding_guard import ResultsSealed, require_unsealed
from readerstudy.accounts.access import Audience, audience
from readerstudy.audit.log import record
from readerstudy.error_pages import error_page
from readerstudy.jobs import dispatch
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import ACTIONS, Action, StudyRole, roles_of

View = Callable[..., HttpResponse]


def member_view(action: Action) -> Callable[[View], View]:
    """Decorator: a view ``(request, study, ...)`` under a URL with the study's ``slug``.

    404, after an audit event, for whoever has no role in the study; 403 for a role that does not
    allow the action, and for sealed results; 409 for what the study's state forbids.
    """

    def declare(view: View) -> View:
        @audience(Audience.MEMBER)
        @wraps(view)
        def guarded(request: HttpRequest, *, slug: str, **kwargs) -> HttpResponse:
            study, part = _study_of(request, slug)
            try:
                if part.role in ACTIONS[action].after:
                    require_unsealed(study)
                if not part.may(action):
                    _refused("results.access", request, slug)
                    raise PermissionDenied
                return view(request, study, **kwargs)
            except ResultsSealed as sealed:
                _refused("results.sealed", request, slug)
                return error_page(request, status=403, message=str(sealed))
            except StepNotPossible as refusal:
                return error_page(request, status=409, message=str(refusal))

        return guarded

    return declare


def _study_of(request: HttpRequest, slug: str) -> tuple[Study, StudyRole]:
    """The study and the role in it of whoever asks. Raises Http404 for who has none."""
    study = Study.objects.filter(slug=slug, membership__user=request.user).first()
    if study is None:
        _refused("results.access", request, slug)
        raise Http404
    [part] = roles_of(request.user, study=study)
    return study, part


def _refused(action: str, request: HttpRequest, slug: str) -> None:
    record(action, request=request, study=slug, target=request.path, refused=True)


def unsealed_run_of(study: Study, number: int) -> AnalysisRun:
    """The study's run of this number; one whose process died is ended first.

    Raises ResultsSealed before the unblinding, Http404 for a run that the study does not have.
    """
    require_unsealed(study)
    rows = AnalysisRun.objects.select_related("study").filter(study=study, number=number)
    found = rows.defer("results").first()
    if found is None:
        raise Http404
    if found.is_under_way:
        dispatch.look_after(run_queue.KIND)
        found.refresh_from_db()
    return found


def done_run_of(study: Study, number: int) -> AnalysisRun:
    """The same; Http404 also for a run that has no results."""
    found = unsealed_run_of(study, number)
    if found.state != AnalysisRun.State.DONE:
        raise Http404
    return found
