"""How much a request may bring, decided before any of it is read.

A view takes a form or a reading, and no more, unless it says that it takes an upload; then only
from those of whom it says so. Without that, whoever can reach the site could fill its disk.
"""

import inspect
import shutil
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from readerstudy.accounts.access import Audience, declared_audience
from readerstudy.audit.log import record
from readerstudy.error_pages import error_page
from readerstudy.request_limits import CLIENT_GONE, DATA_BYTES

MIB = 2**20
FORM_BYTES = 64 * 1024
"""Of a view that is for people who have not signed in, or not wholly."""
UPLOADS_AT_ONCE = 2
"""Of one person, in one process: the web server has few places for uploads."""
_HEADS_BYTES = MIB  # what a form has besides its file
_SIGNING_IN = (Audience.PUBLIC, Audience.ACCOUNT)


@dataclass(frozen=True)
class Upload:
    """What a view takes: from whom, and how much."""

    may: Callable[..., bool]
    most: Callable[[], int]


def takes_upload(*, may: Callable[..., bool], most: Callable[[], int]) -> Callable:
    """Decorator: this view takes a file of at most ``most()`` bytes from whom it ``may``, which is
    called as the view is."""

    def declare(view: Callable) -> Callable:
        view.upload = Upload(may, most)
        return view

    return declare


class BodyLimits:
    """Refuse a body that is too large for its view, or not for this person to send.

    Stands behind DeclaredAccess and before everything that reads a body, as Django's check of
    cross-site requests does.
    """

    def __init__(self, get_response):
        self.get_response = get_response
        self._uploading: Counter[int] = Counter()  # by the number of the person
        self._lock = threading.Lock()

    def __call__(self, request):
        try:
            return self.get_response(request)
        finally:
            self._let_go(request)
            if request.content_type == "multipart/form-data":
                for handler in request.upload_handlers:  # what came in part, and stayed
                    handler.upload_interrupted()

    def process_view(self, request, view, args, kwargs) -> HttpResponse | None:
        length = _length(request)
        if length <= _most(request, view):
            return None
        own = inspect.unwrap(view)  # a method of the admin's, beneath what the admin wraps it in
        upload: Upload | None = getattr(own, "upload", None)
        if upload is None:
            return error_page(request, status=413)
        owner = [own.__self__] if inspect.ismethod(own) else []
        if not upload.may(*owner, request, *args, **kwargs):
            record("access", request=request, target=request.path, refused=True)
            raise PermissionDenied
        if length > upload.most() + _HEADS_BYTES:
            most = f"{upload.most() // MIB} MiB"
            text = f"The file is larger than {most}, the limit here."
            return error_page(request, status=413, message=text)
        if length + settings.UPLOADS_LEAVE_FREE > shutil.disk_usage(settings.UPLOADS_ROOT).free:
            text = "The server does not have enough disk space for the file. Tell an admin."
            return error_page(request, status=507, message=text)
        return self._receive(request)

    def _receive(self, request) -> HttpResponse | None:
        """Read an upload, before the check of forgery would take a broken one for that."""
        if not self._hold(request):
            text = (
                "Your other uploads are still running. Wait until they have finished, then try "
                "again."
            )
            return error_page(request, status=429, message=text)
        try:
            request.POST  # noqa: B018 (it is read when it is first asked for)
        except UnreadablePostError as error:
            return self.process_exception(request, error)
        return None

    def process_exception(self, request, error) -> HttpResponse | None:
        """A body that its client did not send to its end is no failure of the site."""
        if not isinstance(error, UnreadablePostError):
            return None
        if isinstance(error.__cause__, TimeoutError):
            return HttpResponse("The upload was too slow and was stopped. Try again.\n", status=408)
        return HttpResponse(status=CLIENT_GONE)

    def _hold(self, request) -> bool:
        """One upload more of this person, unless there are too many."""
        with self._lock:
            if self._uploading[request.user.pk] >= UPLOADS_AT_ONCE:
                return False
            self._uploading[request.user.pk] += 1
            request.holds_upload = request.user.pk
            return True

    def _let_go(self, request) -> None:
        number = getattr(request, "holds_upload", None)
        if number is None:
            return
        with self._lock:
            self._uploading[number] -= 1
            if not self._uploading[number]:
                del self._uploading[number]


def _length(request: HttpRequest) -> int:
    try:
        return int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:  # then nothing of it is read
        return 0


def _most(request: HttpRequest, view: Callable) -> int:
    who = declared_audience(view, request.resolver_match.namespaces)
    return FORM_BYTES if who in _SIGNING_IN else DATA_BYTES
