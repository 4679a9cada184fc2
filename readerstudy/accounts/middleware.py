"""Access, decided before any view runs."""

from contextlib import suppress
from ipaddress import ip_address

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse, HttpResponseForbidden, JsonResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from readerstudy.accounts import hash_limits, second_factor_policy, site_urls
from readerstudy.accounts.access import Audience, declared_audience
from readerstudy.audit.log import record
from readerstudy.error_pages import unavailable

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
            forwarded_for = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
            with suppress(ValueError):  # no address: then the proxy's own is all that is known
                request.META["REMOTE_ADDR"] = str(ip_address(forwarded_for))
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


class RedirectsWithinSite:
    """Whatever address a request asked to be led on to, no view leads to another site."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        response = self.get_response(request)
        if location := response.get("Location"):
            response["Location"] = site_urls.path_within(request, location) or reverse("home")
        return response


class LoopbackOnlyInDemo:
    """In demo mode the passwords are printed on a screen: only this machine is answered."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if settings.DEMO and request.META.get("REMOTE_ADDR") not in LOOPBACK:
            return HttpResponseForbidden("The demo is available only on this computer.\n")
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
        if second_factor_policy.must_set_up_now(request, who):
            return _second_factor_first(request)
        return None

    def process_exception(self, request, exception) -> None:
        """A page of the admin that refused whoever had come in; its transaction is over."""
        if not isinstance(exception, PermissionDenied):
            return
        match = request.resolver_match
        if declared_audience(match.func, match.namespaces) is Audience.ADMIN:
            record("access", request=request, target=request.path, refused=True)


class PasswordsInTurn:
    """Whoever sent a password while many were looked at is asked to try again in a moment."""

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        return self.get_response(request)

    def process_exception(self, request, exception) -> HttpResponse | None:
        if isinstance(exception, hash_limits.Busy):
            return unavailable(request, hash_limits.BUSY, may_be_stored=False)
        return None


def _second_factor_first(request) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("Set up your second factor first.")}, status=401)
    return redirect("mfa_activate_totp")


def _sign_in_first(request) -> HttpResponse:
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": _("Sign in first.")}, status=401)
    return redirect_to_login(request.get_full_path())
