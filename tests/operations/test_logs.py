"""What gets into the log, and that nothing of a person or a case does."""

import importlib
import io
import json
import logging

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path
from django.utils.module_loading import import_string

from readerstudy.accounts.access import Audience, audience
from readerstudy.operations import logs
from readerstudy.urls import handler400, handler403, handler404, handler500  # noqa: F401
from readerstudy.urls import urlpatterns as site_urls
from tests import factories
from tests.rules.walk import Api, open_form, sign_in

pytestmark = pytest.mark.django_db
PERSONAL = {"first_name": "Annabella", "last_name": "Surname", "email": "anna@hospital.example"}


@audience(Audience.PUBLIC)
def failing(_request, **_place) -> HttpResponse:
    raise ValueError("SECRET-ID-0 of Annabella")


urlpatterns = [path("failing/<slug:code>/", failing), *site_urls]


@pytest.fixture
def written():
    """Everything that would be written at level DEBUG, as JSON lines."""
    stream, root = io.StringIO(), logging.getLogger()
    made = logs.logging_settings(format="json", level="DEBUG")["formatters"]["line"]
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(made.pop("()")(**made))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    database = logging.getLogger("django.db.backends")
    database.setLevel(logging.INFO)  # its SQL is written where DEBUG is on alone
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.removeHandler(handler)
    root.setLevel(level)


def of(lines: list[dict], event: str = "request") -> list[dict]:
    return [line for line in lines if line["event"] == event]


def test_a_request_is_told_by_route_status_and_number(written):
    factories.make_open(cases=1, readers=("anna",))
    client = sign_in("anna")
    client.get("/read/study/?name=Annabella")
    [line] = of(written())
    assert (line["method"], line["route"], line["status"]) == ("GET", "/read/<slug:slug>/", 200)
    assert line["user"] == factories.User.objects.get(username="anna").pk
    assert line["ms"] > 0
    assert len(line["request"]) == 16
    assert line["level"] == "info"
    assert line["timestamp"].endswith("Z")


def test_lines_of_one_request_bear_its_number(written):
    client = Client()
    for _ in range(2):
        client.get("/no/such/page/")
    lines = written()
    first, second = (line["request"] for line in of(lines))
    assert first != second
    warned = [line for line in lines if line["logger"] == "django.request"]
    assert [line["request"] for line in warned] == [first, second]
    assert {line["event"] for line in warned} == {"answered 404"}


@pytest.mark.urls(__name__)
def test_nothing_of_a_person_or_a_case_gets_in(written):
    factories.make_open(cases=2, readers=("annabella-user",))
    user = factories.User.objects.get(username="annabella-user")
    for name, value in PERSONAL.items():
        setattr(user, name, value)
    user.save()
    factories.make_user("rooty", is_staff=True, is_superuser=True)
    client = Client(REMOTE_ADDR="192.0.2.77", raise_request_exception=False)
    form = {"username": "mistyped-name", "password": "mistyped-password"}
    client.post("/accounts/sign-in/?next=/read/", form)
    client.force_login(user)
    codes = [open_form(client).code]
    client.post(f"/read/study/{codes[0]}/", open_form(client).data())
    codes.append(Api().open(client))
    Api().submit(client, codes[1])
    client.get("/read/none/0123456789abcdef/bus.png?q=anna@hospital.example")  # refused
    client.get("/failing/code-in-path/?query=string")
    client.get("/", headers={"host": "host-that-is-forged.example"})
    admin = Client(REMOTE_ADDR="192.0.2.77")
    admin.force_login(factories.User.objects.get(username="rooty"))
    admin.get("/admin/accounts/user/?q=Annabella")
    text = json.dumps(written())
    statuses = {line["status"] for line in of(written())}
    assert {200, 302, 404, 500, 400} <= statuses
    for secret in (
        *PERSONAL.values(), "annabella", "rooty", "mistyped", "192.0.2.77", "SECRET", *codes,
        "0123456789abcdef", "code-in-path", "string", "forged", "lymphoma", "malignant",
        factories.PASSWORD,
    ):  # fmt: skip
        assert secret.lower() not in text.lower(), secret


@pytest.mark.urls(__name__)
def test_a_failure_is_told_by_its_type_and_place(written):
    Client(raise_request_exception=False).get("/failing/x/")
    [line] = [line for line in written() if "exception" in line]
    assert line["exception"] == "builtins.ValueError"
    assert line["raised_at"][-1].endswith(" failing")
    assert "test_logs.py:" in line["raised_at"][-1]
    assert line["level"] == "error"


def test_who_hangs_up_is_no_warning():
    made = logs.logging_settings(format="json", level="INFO")
    [name] = made["loggers"]["django.request"]["filters"]
    options = dict(made["filters"][name])
    keeps = import_string(options.pop("()"))(**options).filter
    assert [keeps(logging.makeLogRecord({"status_code": code})) for code in (404, 499, 500)] == [
        True, False, True,
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["pydicom", "pydicom.pixels", "PIL.PngImagePlugin"])
def test_what_a_decoder_says_of_a_file_goes_nowhere(written, capfd, name):
    importlib.import_module("readerstudy.imaging.dicom")
    importlib.import_module(name)
    logging.getLogger(name).error("Invalid value for VR UI: '1.2.84'")
    assert (written(), *capfd.readouterr()) == ([], "", "")


@pytest.mark.parametrize("format", ["console", "json"])
def test_both_formats_leave_the_text_of_an_exception_out(format):
    made = logs.logging_settings(format=format, level="INFO")["formatters"]["line"]
    formatter = made.pop("()")(**made)
    try:
        raise ValueError("SECRET")
    except ValueError as error:
        told = (ValueError, error, error.__traceback__)
    record = logging.LogRecord("django.request", 40, "", 1, "Failed: %s", ("/SECRET",), told)
    line = formatter.format(record)
    assert "ValueError" in line
    assert "Failed: %s" in line
    assert "SECRET" not in line
