"""From an invitation's link to a password of one's own, and in."""

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from allauth.decorators import rate_limit
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.accounts import invitations
from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.forms import NewPasswordForm
from readerstudy.accounts.models import User
from readerstudy.audit.log import record

_TOKEN = "invitation"  # noqa: S105 (the name of its place in the session)


@audience(Audience.PUBLIC)
@require_GET
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Take the link's secret out of the address, where a browser would go on telling it."""
    request.session[_TOKEN] = token
    return redirect("accounts:invitation")


@audience(Audience.PUBLIC)
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
@rate_limit(action="invitation")
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Choose a password and sign in. Every dead link is told of in the same words."""
    user = invitations.invited(request.session.get(_TOKEN, ""))
    if user is None or request.user.is_authenticated:
        return _dead(request)
    form = NewPasswordForm(request.POST or None, user=user)
    if not form.is_valid():
        return render(request, "accounts/invitation.html", {"form": form, "person": user})
    return _take_up(request, user, form)


def _take_up(request: HttpRequest, user: User, form: NewPasswordForm) -> HttpResponse:
    if not invitations.accept(user, password=form.cleaned_data["password1"]):
        return _dead(request)
    del request.session[_TOKEN]
    record("account.invitation_accepted", request=request, actor=user.get_username())
    return perform_password_login(request, {"username": user.username}, Login(user=user))


def _dead(request: HttpRequest) -> HttpResponse:
    if request.session.pop(_TOKEN, None):
        record("account.invitation_accepted", request=request, refused=True)
    return render(request, "accounts/invitation_dead.html", status=410)
