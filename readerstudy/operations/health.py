"""Whether the site lives, and whether it can do its work: for a monitor, without signing in.

What fails is named, and the version of the code; nothing else is told: no address, no error. The
log says why.
"""

import logging
import tempfile
from collections.abc import Callable

from django.conf import settings
from django.db import ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.urls import resolve
from django.views.decorators.http import require_safe

from readerstudy.accounts.access import Audience, audience
from readerstudy.code_version import code_version
from readerstudy.operations.failures_in_words import in_words, one_line

PROBES = ("/healthz", "/readyz")
BROKER_SECONDS = 2
logger = logging.getLogger("readerstudy.operation.health")
_migrated: set[str] = set()  # databases whose migrations were found applied by this process


class ProbesByAnyName:
    """Answers a monitor or load balancer, which asks by an address and not by the site's name.

    What they are told has nothing of the site in it; every other page wants an allowed Host.
    """

    def __init__(self, get_response):
        self.get_response = get_response

    def __call__(self, request):
        if request.path_info not in PROBES:
            return self.get_response(request)
        request.resolver_match = resolve(request.path_info)
        return request.resolver_match.func(request)


@audience(Audience.PUBLIC)
def healthz(_request: HttpRequest) -> HttpResponse:
    """Whether the web process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@audience(Audience.PUBLIC)
@require_safe
def readyz(_request: HttpRequest) -> JsonResponse:
    """Whether all that the site needs is there: 200, or 503 with the names of what fails."""
    failing = [name for name, check in CHECKS.items() if not _passes(name, check)]
    body = {"ready": not failing, "failing": failing, "version": code_version()}
    return JsonResponse(body, status=503 if failing else 200)


def _passes(name: str, check: Callable[[], None]) -> bool:
    try:
        check()
    except Exception as error:  # whatever a driver or a file system raises, the site is not ready
        cause = in_words(error)
        logger.error("Not ready: %s", cause or name, extra={"check": name}, exc_info=not cause)
        return False
    return True


def _database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _migrations() -> None:
    """Reading them is slow: a process, whose own code can't change, does it until they fit."""
    name = str(connection.settings_dict["NAME"])
    if name in _migrated:
        return
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise ProgrammingError("migrations are not applied")
    _migrated.add(name)


def _media() -> None:
    settings.MEDIA_ROOT.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=settings.MEDIA_ROOT) as file:
        file.write(b"ready")


def _broker() -> None:
    if not settings.CELERY_BROKER_URL:
        return
    from kombu import Connection

    waits = {"socket_connect_timeout": BROKER_SECONDS, "socket_timeout": BROKER_SECONDS}
    options = waits if settings.CELERY_BROKER_URL.startswith("redis") else {}
    with Connection(
        settings.CELERY_BROKER_URL, connect_timeout=BROKER_SECONDS, transport_options=options
    ) as broker:
        try:
            broker.connect()
            broker.default_channel.close()
        except broker.connection_errors as error:
            raise ConnectionError(f"the broker: {one_line(error)}") from error


CHECKS: dict[str, Callable[[], None]] = {
    "database": _database,
    "migrations": _migrations,
    "media": _media,
    "broker": _broker,
}
