"""Who may look at the audit log: of a study or, without a slug, of the whole site."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse

from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action, may


def may_audit(user: User, study: Study | None) -> bool:
    """Whether this person may look at the log of this study or, without one, of the whole site."""
    if study is None:
        return user.has_perm("audit.view_auditevent")  # which counts for staff alone
    return may(user, Action.SEE_AUDIT, study)


def auditor_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator: a view ``(request, study, ...)``, the study None for the whole site's log.

    404, after an audit event, for whoever may not look at it.
    """

    @audience(Audience.AUDITOR)
    @wraps(view)
    def guarded(request: HttpRequest, *, slug: str = "", **kwargs) -> HttpResponse:
        study = Study.objects.filter(slug=slug).first() if slug else None
        if (slug and study is None) or not may_audit(request.user, study):
            record("audit.access", request=request, study=slug, target=request.path, refused=True)
            raise Http404
        return view(request, study, **kwargs)

    return guarded
