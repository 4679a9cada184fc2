"""Nothing of a body is read before it is clear that this view takes it, and from this person."""

import io
import stat
from collections import namedtuple
from pathlib import Path

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.http import UnreadablePostError
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from readerstudy.accounts import request_body_limits
from readerstudy.accounts.access import Audience, declared_audience
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent

pytestmark = pytest.mark.django_db

WEIGHTS = "/admin/inference/modelversion/add/"
PREDICTIONS = "/admin/inference/modelversion/import-predictions/"
SCREENING = "/admin/cohorts/screening/import/"
Usage = namedtuple("Usage", "total used free")


class Unread(io.RawIOBase):
    """A body that fails the test which reads it."""

    def read(self, *_args):
        pytest.fail("the body was read")

    readline = readinto = read


class Counted(io.BytesIO):
    """A body that knows whether it was read."""

    was_read = False

    def read(self, *args):
        self.was_read = True
        return super().read(*args)


def _send(client, path: str, length: int, body=None):
    return client.generic(
        "POST",
        path,
        CONTENT_TYPE="multipart/form-data; boundary=x",
        CONTENT_LENGTH=str(length),
        **{"wsgi.input": body or Unread()},
    )


@pytest.mark.parametrize("path", ["/", "/read/a/", "/admin/", WEIGHTS, PREDICTIONS, SCREENING])
def test_who_has_not_signed_in_is_sent_to_do_so_unread(client, path):
    answer = _send(client, path, 10**12)
    assert answer.status_code == 302
    assert "/accounts/sign-in/" in answer["Location"]


def test_not_even_a_small_body_is_read_of_who_has_not_signed_in(client):
    assert _send(client, WEIGHTS, 10).status_code == 302


@pytest.mark.parametrize("path", ["/accounts/sign-in/", "/language/", "/healthz"])
@pytest.mark.parametrize("length", [request_body_limits.FORM_BYTES + 1, 10**12])
def test_a_public_page_takes_a_form_and_no_more(client, path, length):
    answer = _send(client, path, length)
    assert answer.status_code == (413 if path != "/healthz" else 200)
    if path != "/healthz":
        assert "exceeds the size limit" in answer.content.decode()


def test_a_page_takes_data_and_no_upload_of_who_has_signed_in(admin_client):
    assert (
        _send(
            admin_client, "/admin/auth/group/add/", request_body_limits.DATA_BYTES + 1
        ).status_code
        == 413
    )


def test_the_api_says_it_as_json(client):
    client.force_login(User.objects.create(username="anna"))
    answer = _send(client, "/api/v1/any/readings/", request_body_limits.DATA_BYTES + 1)
    assert answer.status_code == 413
    assert "exceeds" in answer.json()["detail"]


@pytest.mark.parametrize("path", [WEIGHTS, PREDICTIONS, SCREENING])
def test_an_upload_is_read_only_of_who_may_send_it(client, path):
    staff = User.objects.create(username="staff", is_staff=True)
    staff.user_permissions.add(Permission.objects.get(codename="view_study"))
    client.force_login(staff)
    assert _send(client, path, 10**8).status_code == 403
    assert AuditEvent.objects.filter(action="access", outcome=AuditEvent.Outcome.REFUSED).exists()


@pytest.mark.parametrize("path", [WEIGHTS, PREDICTIONS, SCREENING])
def test_who_may_is_told_of_too_much(admin_client, path):
    answer = _send(admin_client, path, 10**12)
    assert answer.status_code == 413
    assert "MiB, the limit" in answer.content.decode()


@pytest.mark.parametrize("path", [WEIGHTS, PREDICTIONS, SCREENING])
def test_the_disk_is_not_filled(admin_client, path, monkeypatch):
    free = Usage(10**12, 10**12 - 2 * 10**9, 2 * 10**9)
    monkeypatch.setattr(request_body_limits.shutil, "disk_usage", lambda _path: free)
    answer = _send(admin_client, path, 10**9)
    assert answer.status_code == 507
    assert "not have enough disk space" in answer.content.decode()


@pytest.mark.parametrize("path", [WEIGHTS, PREDICTIONS, SCREENING])
def test_who_may_is_read(admin_client, path, monkeypatch):
    monkeypatch.setattr(
        request_body_limits.shutil, "disk_usage", lambda _path: Usage(10**13, 0, 10**13)
    )
    body = Counted(b"--x--\r\n")
    _send(admin_client, path, 10**8, body)
    assert body.was_read


def test_the_second_factor_comes_before_the_body(client, settings):
    settings.SECOND_FACTOR_REQUIRED = True
    root = User.objects.create_superuser(username="root", password="a long password of root")
    client.force_login(root)
    session = client.session
    session["second_factor"] = "owed"
    session.save()
    answer = _send(client, WEIGHTS, 10**8)
    assert (answer.status_code, answer["Location"]) == (302, reverse("mfa_activate_totp"))


def test_an_upload_that_ends_early_leaves_nothing(admin_client, settings, tmp_path):
    settings.FILE_UPLOAD_TEMP_DIR = tmp_path
    part = b'--x\r\nContent-Disposition: form-data; name="archive"; filename="a.zip"\r\n\r\n'

    class Broken(io.BytesIO):
        kept: list[Path] = []

        def read(self, *args):
            self.kept += tmp_path.glob("*")
            if more := super().read(*args):
                return more
            raise ConnectionResetError

    body = Broken(part + b"x" * 500_000)
    body.kept = []
    admin_client.raise_request_exception = False
    _send(admin_client, PREDICTIONS, 600_000, body)
    assert body.kept
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("headers", [{}, {"HTTP_X_CSRFTOKEN": "x" * 32}])
@pytest.mark.parametrize(("error", "status"), [(ConnectionResetError, 499), (TimeoutError, 408)])
def test_who_hangs_up_amid_an_upload_is_no_failure_of_the_site(
    admin_user, caplog, error, status, headers
):
    class Broken(io.BytesIO):
        def read(self, *_args):
            raise error

    client = Client(enforce_csrf_checks=True, headers=headers)
    client.force_login(admin_user)
    client.cookies["csrftoken"] = "x" * 32
    with caplog.at_level("INFO"):
        answer = _send(client, PREDICTIONS, request_body_limits.DATA_BYTES + 1, Broken())
    assert answer.status_code == status
    assert not [line for line in caplog.records if line.levelname == "ERROR" or line.exc_info]
    assert "CSRF" not in caplog.text


def test_nor_is_it_where_a_view_reads_the_body_itself(rf):
    class Broken(io.BytesIO):
        def read(self, *_args):
            raise ConnectionResetError

    request = rf.generic("POST", "/", **{"CONTENT_LENGTH": "9", "wsgi.input": Broken()})
    with pytest.raises(UnreadablePostError) as raised:
        _ = request.body
    limits = request_body_limits.BodyLimits(lambda _request: None)
    assert limits.process_exception(request, raised.value).status_code == 499
    assert limits.process_exception(request, OSError()) is None


def test_nobody_sends_so_many_files_at_once_that_others_find_no_place(admin_client):
    seen = []

    class Meanwhile(io.BytesIO):
        """While it is read, the same person sends another."""

        def read(self, *args):
            if 429 not in seen:
                seen.append(_send(admin_client, PREDICTIONS, 10**7, Meanwhile()).status_code)
            return super().read(*args)

    seen.append(_send(admin_client, PREDICTIONS, 10**7, Meanwhile()).status_code)
    assert seen.index(429) == 0
    assert len([status for status in seen if status != 429]) == request_body_limits.UPLOADS_AT_ONCE
    assert _send(admin_client, PREDICTIONS, 10**7, io.BytesIO()).status_code != 429


def test_uploads_lie_in_a_folder_of_the_sites_own(settings):
    folder = Path(settings.FILE_UPLOAD_TEMP_DIR)
    assert folder == settings.UPLOADS_ROOT
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def _views(patterns, namespaces=()):
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            more = (pattern.namespace,) if pattern.namespace else ()
            yield from _views(pattern.url_patterns, (*namespaces, *more))
        elif isinstance(pattern, URLPattern):
            yield pattern, namespaces


def test_only_these_views_take_uploads_and_none_is_public():
    taking = {}
    for pattern, namespaces in _views(get_resolver().url_patterns):
        if hasattr(request_body_limits.inspect.unwrap(pattern.callback), "upload"):
            taking[pattern.name] = declared_audience(pattern.callback, list(namespaces))
    assert taking == dict.fromkeys(
        (
            "inference_modelversion_add", "inference_modelversion_import_predictions",
            "cohorts_cohort_import", "cohorts_screening_import",
        ),
        Audience.ADMIN,
    )  # fmt: skip


def test_every_form_with_a_file_is_of_a_view_that_takes_it():
    """The admin's own forms: a model with a file that can be added is one of those above."""
    with_files = {
        model.__name__
        for model, of in admin.site._registry.items()
        if any(field.get_internal_type() == "FileField" for field in model._meta.fields)
        and not of.get_readonly_fields(None)
    }
    assert with_files <= {"ModelVersion"}
