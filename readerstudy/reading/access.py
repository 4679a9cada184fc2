"""The door to a reader's pages: it resolves the reader, and answers every refusal in one way."""

from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from readerstudy.accounts.access import Audience, audience
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.reading import frozen_cache
from readerstudy.reading.errors import ReadingRefused
from readerstudy.reading.hot_path_queries import study_by_slug
from readerstudy.reading.models import Reader


def reader_of(request: HttpRequest, slug: str) -> Reader:
    """The signed-in user as a reader of this study.

    Raises Http404, after an audit event, for anyone else. Staff can see the truth, so they are
    nobody's reader, whatever they were when the study opened.
    """
    reader = _reader(request.user, slug)
    if reader is None or request.user.is_staff:
        record("reading.access", request=request, study=slug, target=request.path, refused=True)
        raise Http404
    reader.user = request.user  # which was just read
    return reader


def _reader(user: User, slug: str) -> Reader | None:
    study = study_by_slug(slug)
    if study is None:
        return None
    if study.frozen_sha256:
        return frozen_cache.reader_of(study, user, sha256=study.frozen_sha256)
    return Reader.objects.filter(study=study, user=user).select_related("study").first()


def reader_view(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Decorator: a view ``(request, reader, ...)`` under a URL with the study's ``slug``."""

    @audience(Audience.READER)
    @wraps(view)
    def guarded(request: HttpRequest, *, slug: str, **kwargs) -> HttpResponse:
        reader = reader_of(request, slug)
        try:
            return view(request, reader, **kwargs)
        except ReadingRefused as refusal:
            return _answer(request, reader, refusal)

    return guarded


def _answer(request: HttpRequest, reader: Reader, refusal: ReadingRefused) -> HttpResponse:
    if refusal.audited:
        record(
            f"reading.{type(refusal).__name__}",
            request=request,
            study=reader.study.slug,
            target=request.path,
            refused=True,
        )
    if request.path.startswith("/api/"):
        body = {"detail": str(refusal), "refusal": type(refusal).__name__}
        response = JsonResponse(body, status=refusal.status)
    else:
        context = {"message": str(refusal), "study": reader.study}
        response = render(request, "reading/refused.html", context, status=refusal.status)
    if refusal.retry_after:
        response["Retry-After"] = str(refusal.retry_after)
    return response
