"""From an invitation's link to a password of one's own, and in."""

from allauth.account.internal.flows.login import perform_password_login
from allauth.account.models import Login
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from readerstudy.accounts import invitations
from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.forms import NewPasswordForm
from readerstudy.accounts.models import User
from readerstudy.audit.log import record

COOKIE = "invitation"
_COOKIE_AGE = 3600


@audience(Audience.PUBLIC)
@require_GET
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Take the link's secret out of the address, where a browser would go on telling it.

    It goes to a cookie: an outsider could fill the table of sessions. One that was never ours goes
    nowhere.
    """
    answer = redirect("accounts:invitation")
    if invitations.is_token_of_this_site(token):
        answer.set_cookie(
            COOKIE,
            token,
            max_age=_COOKIE_AGE,
            path=reverse("accounts:invitation"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",  # the link was followed from a mail, maybe on another site
        )
    return answer


@audience(Audience.PUBLIC)
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """Choose a password and sign in. Every dead link is told of in the same words."""
    user = invitations.invited_user(request.COOKIES.get(COOKIE, ""))
    if user is None or request.user.is_authenticated:
        return _dead(request)
    form = NewPasswordForm(request.POST or None, user=user)
    if not form.is_valid():
        return render(request, "accounts/invitation.html", {"form": form, "person": user})
    return _take_up(request, user, form)


def _take_up(request: HttpRequest, user: User, form: NewPasswordForm) -> HttpResponse:
    if not invitations.accept_invitation(user, password=form.cleaned_data["password1"]):
        return _dead(request)
    record("account.invitation_accepted", request=request, actor=user.get_username())
    answer = perform_password_login(request, {"username": user.username}, Login(user=user))
    return _without_cookie(answer)


def _dead(request: HttpRequest) -> HttpResponse:
    if invitations.is_token_of_this_site(request.COOKIES.get(COOKIE, "")):
        record("account.invitation_accepted", request=request, refused=True)
    return _without_cookie(render(request, "accounts/invitation_dead.html", status=410))


def _without_cookie(answer: HttpResponse) -> HttpResponse:
    answer.delete_cookie(COOKIE, path=reverse("accounts:invitation"), samesite="Lax")
    return answer
