"""Signing in, and errors in plain words: no stack trace reaches a browser."""

from allauth.account.views import LoginView
from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from readerstudy.accounts.forms import SignInForm
from readerstudy.audit.log import record


class SignIn(LoginView):
    """allauth's own; whoever is signed in already goes on to where they were going."""

    template_name = "accounts/sign_in.html"
    form_class = SignInForm

    def get_next_url(self) -> str | None:
        url = super().get_next_url()
        here = url and url.partition("?")[0] == self.request.path
        return None if here else url  # else round and round

    def get_default_success_url(self) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)


MESSAGES = {
    400: (_("Bad request"), _("The page that was sent is not one that this site understands.")),
    403: (_("Not allowed"), _("You may not see or do this.")),
    404: (_("Not found"), _("There is no such page, or it is not yours to see.")),
    409: (_("Not any more"), _("What this page rests on has changed.")),
    429: (_("Too many attempts"), _("Wait some minutes, then try again.")),
    500: (
        _("Something failed here"),
        _("It was logged. Your submitted readings are safe; try again."),
    ),
}
CSRF_MESSAGE = _(
    "This page was open for too long, or in another sign-in. Nothing was stored. "
    "Go back, reload the page and send it again."
)


def error_page(request: HttpRequest, *, status: int, message: str = "") -> HttpResponse:
    """The page (or, under /api/, the JSON) for a refusal or a failure.

    A message is in the language of the view that gives it; a page without one, in the person's.
    """
    if not message:
        translation.activate(translation.get_language_from_request(request))
    title, text = MESSAGES[status]
    text = message or text
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": text}, status=status)
    return render(request, "error.html", {"title": title, "message": text}, status=status)


def bad_request(request, exception):
    return error_page(request, status=400)


def forbidden(request, exception):
    return error_page(request, status=403, message=str(exception))


def not_found(request, exception):
    return error_page(request, status=404)


def too_many(request):
    """What allauth answers with where a rate limit is reached."""
    record("account.rate_limited", request=request, target=request.path, refused=True)
    return error_page(request, status=429)


def server_error(request):
    """Rendered without the request: its user may be the very thing that fails."""
    title, text = MESSAGES[500]
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": text}, status=500)
    context = {"title": title, "message": text, "demo_mode": settings.DEMO}
    page = render_to_string("error.html", context)
    return HttpResponse(page, status=500)


def csrf_failure(request, reason=""):
    return error_page(request, status=403, message=CSRF_MESSAGE)
