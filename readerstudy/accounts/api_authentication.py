"""Who asks the API: the session of the pages, and a refusal in the same plain words as theirs."""

from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import PermissionDenied

from readerstudy.error_pages import CSRF_MESSAGE


class PageSession(SessionAuthentication):
    """Django REST framework's own, which tells of a token that does not fit in English alone."""

    def enforce_csrf(self, request) -> None:
        try:
            super().enforce_csrf(request)
        except PermissionDenied:
            raise PermissionDenied(CSRF_MESSAGE) from None
