"""The site's pages of errors, in plain words: no stack trace reaches a browser."""

import sys

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from readerstudy.database_outages import Outage, outage

MESSAGES = {
    400: (
        _("Bad request"),
        _("The site could not process this request. Go back, reload the page and try again."),
    ),
    403: (_("Not allowed"), _("You do not have permission to see or do this.")),
    404: (_("Not found"), _("This page does not exist, or you do not have access to it.")),
    409: (
        _("No longer available"),
        _("The data behind this page has changed. Go back and reload it."),
    ),
    413: (_("Too large"), _("The request exceeds the size limit. Nothing was stored.")),
    429: ("Too many uploads", "Too many of your uploads are running."),  # staff's uploads: English
    500: (
        _("Something went wrong"),
        _("The error has been logged. Your submitted readings are safe. Try again."),
    ),
    507: (
        _("Not enough disk space"),
        _("The server does not have enough disk space. Tell an admin."),
    ),
}
CSRF_MESSAGE = _(
    "This page was open for too long, or you have signed in again since you opened it. Nothing "
    "was stored. Go back, reload the page and try again."
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


def server_error(request):
    """Rendered without the request: its user may be the very thing that fails.

    Whatever failed, be it in a view or before one: an outage of the database is told as one.
    """
    if found := outage(sys.exception()):
        return unavailable(request, found, may_be_stored=request.method != "GET")
    title, text = MESSAGES[500]
    if request.path.startswith("/api/"):
        return JsonResponse({"detail": text}, status=500)
    context = {"title": title, "message": text, "demo_mode": settings.DEMO}
    page = render_to_string("error.html", context)
    return HttpResponse(page, status=500)


def unavailable(request: HttpRequest, found: Outage, *, may_be_stored: bool) -> HttpResponse:
    """A refusal that a reader's browser waits out; a page that was asked for tries again itself."""
    if request.path.startswith("/api/"):
        body = {"detail": found.text, "refusal": found.name}
        response = JsonResponse(body, status=503)
    else:
        context = {
            "title": found.title,
            "message": found.text,
            "demo_mode": settings.DEMO,
            # What was posted is not sent again by itself: it may be stored.
            "tries_again_after": found.retry_after if request.method == "GET" else None,
            "may_be_stored": may_be_stored,
        }
        response = HttpResponse(render_to_string("error.html", context), status=503)
    response["Retry-After"] = str(found.retry_after)
    return response


def csrf_failure(request, reason=""):
    return error_page(request, status=403, message=CSRF_MESSAGE)
