"""One log line a request, and a number by which all of its lines are known."""

import time
import uuid

import structlog

logger = structlog.get_logger("readerstudy.requests")


class RequestLog:
    """Tells of each request its route, status, duration and the number of whoever asked.

    Neither the address nor the query: they hold codes, names and what was searched for.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request=uuid.uuid4().hex[:16])
        started = time.perf_counter()
        response = self.get_response(request)
        logger.info(
            "request",
            method=request.method,
            route=route_of(request),
            status=response.status_code,
            ms=round(1000 * (time.perf_counter() - started), 1),
            user=_number_of(request),
        )
        return response


def route_of(request) -> str:
    """The pattern of the address, without what stands in its places."""
    found = request.resolver_match
    return f"/{found.route}" if found else "(none)"


def _number_of(request) -> int | None:
    """The signed-in user's number, if the request came so far as to ask who it is."""
    user = getattr(request, "_cached_user", None)
    return user.pk if user is not None else None
