"""Access, decided before any view runs."""

from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from django.shortcuts import redirect
from django.utils import translation
from django.utils.translation import gettext as _

from readerstudy.accounts import second_factor
from readerstudy.accounts.access import Audience, declared_audience
from readerstudy.audit.log import record

LOOPBACK = {"127.0.0.1", "::1"}


class ClientAddress:
    """Behind a proxy, a request comes from the address that the proxy was asked from.

    Of ``X-Forwarded-For`` only the last entry is the proxy's own; those before it are whatever the
    client sent. Rate limits and the audit log both go by REMOTE_ADDR, and so see the same.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if settings.BEHIND_PROXY:
            told = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
            with suppress(ValueError):  # no address: then the proxy's own is all that is known
                request.META["REMOTE_ADDR"] = str(ip_address(told))
        return self.get_response(request)


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
        if second_factor.is_owed(request, who):
            return _second_factor_first(request)
        return None

    def process_exception(self, request, exception) -> None:
        """A page of the admin that refused whoever had come in; its transaction is over."""
        if not isinstance(exception, PermissionDenied):
            return
        match = request.resolver_match
        if declared_audience(match.func, match.namespaces) is Audience.ADMIN:
            record("access", request=request, target=request.path, refused=True)


def _second_factor_first(request) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("Set up your second factor first.")}, status=401)
    return redirect("mfa_activate_totp")


def _sign_in_first(request) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("Sign in first.")}, status=401)
    return redirect_to_login(request.get_full_path())
