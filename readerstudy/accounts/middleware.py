"""Access, decided before any view runs."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils import translation
from django.utils.translation import gettext as _

from readerstudy.accounts.access import Audience, declared_audience
from readerstudy.audit.log import record

LOOPBACK = {"127.0.0.1", "::1"}


class NoStore:
    """No cache keeps an answer of this site; static files do not come through here."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if "no-store" not in response.get("Cache-Control", ""):
            response["Cache-Control"] = "private, no-store"
        return response


class LoopbackOnlyInDemo:
    """In demo mode the passwords are printed on a screen: only this machine is answered."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if settings.DEMO and request.META.get("REMOTE_ADDR") not in LOOPBACK:
            return HttpResponseForbidden("The demo answers this machine only.\n")
        return self.get_response(request)


class DeclaredLanguage:
    """A view whose declared audience reads English answers in English, whatever was chosen."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, _args, _kwargs) -> None:
        who = declared_audience(view, request.resolver_match.namespaces)
        request.offers_languages = not (who and who.reads_english)
        if not request.offers_languages:
            translation.activate("en")
            request.LANGUAGE_CODE = "en"


class DeclaredAccess:
    """Refuse what a view's declared audience does not cover; an undeclared view, always."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_view(self, request, view, _args, _kwargs) -> HttpResponse | None:
        who = declared_audience(view, request.resolver_match.namespaces)
        if who is Audience.PUBLIC:
            return None
        if not request.user.is_authenticated:
            return _sign_in_first(request)
        if who is None or (who is Audience.ADMIN and not admin.site.has_permission(request)):
            record("access", request=request, target=request.path, refused=True)
            raise PermissionDenied
        return None

    def process_exception(self, request, exception) -> None:
        """A page of the admin that refused whoever had come in; its transaction is over."""
        if not isinstance(exception, PermissionDenied):
            return
        match = request.resolver_match
        if declared_audience(match.func, match.namespaces) is Audience.ADMIN:
            record("access", request=request, target=request.path, refused=True)


def _sign_in_first(request) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("Sign in first.")}, status=401)
    return redirect_to_login(request.get_full_path())
