"""How the API answers an exception that Django REST framework knows."""

from django.http import Http404
from rest_framework.response import Response
from rest_framework.views import exception_handler


def answer_exception(exc: Exception, context: dict) -> Response | None:
    """Django REST framework's answer. That there is nothing for this person is the site's own
    word, which a browser can tell from some proxy's "not found" by ``refusal``."""
    response = exception_handler(exc, context)
    if isinstance(exc, Http404):
        response.data["refusal"] = "NotFound"
    return response
