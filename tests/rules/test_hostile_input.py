"""Whatever is sent, the answer is a refusal in plain words: no failure, no way out of the site."""

import io

import pytest
from django.test import Client

from readerstudy.accounts import request_body_limits
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from tests import factories
from tests.rules.walk import open_form, sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db

NUL = "%00"
ODD_PATHS = [
    f"/read/{'s' * 65}/", f"/read/{'s' * 5000}/", f"/api/v1/{'s' * 300}/case/",
    f"/results/{'s' * 65}/", f"/results/{'s' * 400}/runs/1/", f"/read/study/{'c' * 3000}/",
    f"/read/study/{'c' * 3000}/bus.png", f"/read/{NUL}/", f"/read/study{NUL}/", f"/{NUL}",
    f"/admin/{NUL}", f"/admin/cohorts/case/{NUL}/change/", f"/admin/{'a' * 3000}/",
    "/read/study%0A/", "/read/study%0D%0ASet-Cookie:x=1/", "/read/%ff%fe/", "/read/%ED%A0%80/",
    "//read//study//", "/read/study//", "/read/../admin/", "/read/./study/", "/read/study/%2e%2e/",
    "/read/study/CODE/bus.jpg", "/read/study/CODE/BUS.png", "/read/study/CODE/bus.png/",
    "/read/study/CODE/heatmap/-1/bus.png", "/read/study/CODE/heatmap/1e1/bus.png",
    "/read/study/CODE/heatmap/" + "9" * 5000 + "/bus.png",
    "/read/study/CODE/heatmap/99999999999999999999/bus.png",
    "/api/v1/study/case/?format=xml", "/api/v1/study/case/?format=api", "/api/v1/study/case.json",
    "/api/v1/study/case/?format=" + NUL, "/api", "/api/", "/api/v1/", "/api/v2/study/case/",
    "/results/study/runs/x/", "/accounts/", "/accounts/login/", "/static/%00", "/static/../",
    "/%E2%80%AE", "/" + "x" * 8000, "/?next=//evil.example", "/.env", "/.git/config", "/var/",
]  # fmt: skip


@shared
def study():
    study = factories.make_open(cases=2)
    factories.make_investigator(study)
    return study


def client_for(person: str) -> Client:
    if person == "anonymous":
        return Client(raise_request_exception=False)
    return sign_in(person, raise_request_exception=False)


@pytest.mark.parametrize("person", ["anonymous", "anna", "ivan"])
@pytest.mark.parametrize("path", ODD_PATHS, ids=lambda path: path[:40])
def test_an_odd_address_is_refused(path, person, study):
    client = client_for(person)
    code = open_form(client).code if person == "anna" else "0" * 16
    for method in ("get", "post"):
        response = getattr(client, method)(path.replace("CODE", code))
        assert response.status_code in (200, 301, 302, 400, 401, 403, 404, 405, 409), method
        assert not response.get("Location", "").startswith(("//", "/\\", "http"))
        assert "Set-Cookie" not in response.headers
        if response.status_code == 200:
            assert path.startswith(("/?", "/api/v1/study/case/", "//"))


HEADERS = [
    {"Cookie": "sessionid=" + "x" * 5000},
    {"Cookie": "sessionid=..%2f..%2fetc; csrftoken=<script>"},
    {"Accept": "text/html"}, {"Accept": "garbage"}, {"Accept": "*/*;q=\x00"},
    {"Accept-Language": "../../x" * 300}, {"Content-Type": "multipart/form-data"},
    {"Content-Type": "multipart/form-data; boundary=\xff"}, {"Content-Length": "-1"},
    {"Range": "bytes=0-1"}, {"If-None-Match": "*"}, {"If-Modified-Since": "never"},
    {"X-Forwarded-Host": "evil.example"}, {"X-Http-Method-Override": "DELETE"},
    {"Referer": "https://evil.example/"},
]  # fmt: skip


@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: str(headers)[:50])
@pytest.mark.parametrize("url", ["/accounts/sign-in/", "/read/study/", "/api/v1/study/case/"])
def test_an_odd_header_does_no_harm(url, headers, study):
    client = client_for("anna") if "Cookie" not in headers else client_for("anonymous")
    for method in ("get", "post"):
        response = getattr(client, method)(url, headers=headers)
        assert response.status_code < 500
        text = response.content.decode() + str(dict(response.items()))
        assert "evil.example" not in text


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost:x", "", "*"])
def test_another_host_is_not_answered(host, study, settings):
    settings.ALLOWED_HOSTS = settings.LOOPBACK_HOSTS
    for client in (client_for("anonymous"), client_for("anna")):
        response = client.get("/accounts/sign-in/", headers={"Host": host})
        assert response.status_code == 400
        assert "evil" not in response.content.decode()
        assert "ALLOWED_HOSTS" not in response.content.decode()


AWAY = ["https://evil.example/", "//evil.example", "///evil.example", "/\\evil.example",
        "\\\\evil.example", "http:evil.example", "javascript:alert(1)", "\x00//evil.example",
        "/%0d%0aLocation:%20https://evil.example", " //evil.example", "\t//evil.example",
        "https:evil.example", "////evil.example", "https://127.0.0.1@evil.example/"]  # fmt: skip


@pytest.mark.parametrize("away", AWAY, ids=ascii)
def test_signing_in_leads_nowhere_else(away, study):
    form = {"username": "anna", "password": factories.PASSWORD, "next": away}
    for client, send in (
        (client_for("anonymous"), lambda c: c.post("/accounts/sign-in/", form)),
        (client_for("anonymous"), lambda c: c.post("/accounts/sign-in/", form, QUERY_STRING="")),
        (client_for("anna"), lambda c: c.get("/accounts/sign-in/", {"next": away})),
        (client_for("anna"), lambda c: c.post("/accounts/sign-out/", {"next": away})),
    ):
        response = send(client)
        assert response.status_code == 302
        assert response["Location"].startswith("/")
        assert not response["Location"].startswith(("//", "/\\"))
        assert "evil" not in response["Location"].split("%0d")[0]
    # By way of the admin's own door: the address is kept, and judged at ours.
    there = client_for("anonymous").get("/admin/login/", {"next": away})
    assert there["Location"].startswith("/accounts/sign-in/?")


@pytest.mark.parametrize(
    "path", ["/accounts/sign-in/", "/accounts/sign-in/?next=/accounts/sign-in/"]
)
def test_signing_in_again_does_not_go_round_in_circles(path, study):
    response = client_for("anna").get(path)
    assert response.status_code == 302
    assert response["Location"] == "/"


@pytest.mark.parametrize(
    "form",
    [
        {}, {"username": "\x00", "password": "x"}, {"username": "anna", "password": "\x00"},
        {"username": "x" * 100_000, "password": "x"}, {"username": "anna", "password": "x" * 5000},
        {"username": "anna' OR 1=1 --", "password": "x"}, {"username": "é" * 150, "password": "x"},
        {"username": "x" * 150, "password": "x"}, {"username": ["a", "b"], "password": ["x"]},
        {"username": "<script>alert(1)</script>", "password": "x"},
    ],
    ids=lambda form: str(form)[:40],
)  # fmt: skip
def test_an_odd_sign_in_is_refused(form, study):
    response = client_for("anonymous").post("/accounts/sign-in/", form)
    too_long = len(str(form)) > request_body_limits.FORM_BYTES
    assert response.status_code == (413 if too_long else 200)
    assert "<script>alert" not in response.content.decode()


def test_a_failed_sign_in_tells_nothing_of_who_there_is_and_is_audited(study):
    pages = []
    User.objects.filter(username="boris").update(is_active=False)
    for username, password in (("anna", "wrong"), ("nobody", "wrong"),
                               ("boris", factories.PASSWORD)):  # fmt: skip
        response = client_for("anonymous").post(
            "/accounts/sign-in/", {"username": username, "password": password}
        )
        page = response.content.decode().replace(username, "NAME")
        pages.append([line for line in page.splitlines() if "csrf" not in line])
        event = AuditEvent.objects.first()
        assert (event.action, event.outcome) == ("account.sign_in", "refused")
        assert event.target == username
        assert password not in str(event.__dict__)
    assert pages[0] == pages[1] == pages[2]


@pytest.mark.parametrize("fields", [1001, 5000])
def test_too_many_fields_are_refused(fields, study):
    client = client_for("anna")
    form = open_form(client)
    data = {f"f{number}": "x" for number in range(fields)}
    assert client.post(form.url, data).status_code in (400, 413)


def test_too_large_a_body_is_refused(study):
    client = client_for("anna")
    form = open_form(client)
    big = "x" * 3_000_000
    assert client.post(form.url, {"key": big}).status_code in (400, 413)
    response = client.post(
        "/api/v1/study/readings/", f'{{"code": "{big}"}}', content_type="application/json"
    )
    assert response.status_code in (400, 413)
    assert response["Content-Type"].startswith("application/json")


def test_an_uploaded_file_in_the_form_is_no_diagnosis(study):
    client = client_for("anna")
    form = open_form(client)
    data = form.data() | {"malignancy": io.BytesIO(b"malignant")}
    assert client.post(form.url, data).status_code == 400


@pytest.mark.parametrize("address", ["", "fe80::1%eth0", "unix:"])
def test_an_odd_address_of_the_sender_breaks_no_record(address, study):
    """Behind a socket or a proxy the server may name the sender in its own way."""
    client = client_for("ivan")
    response = client.get("/read/study/", REMOTE_ADDR=address)
    assert response.status_code == 404
    assert AuditEvent.objects.first().action == "reading.access"


def test_what_a_person_may_name_is_shown_as_text(study):
    type(study).objects.update(title="<script>alert(1)</script>")
    User.objects.filter(username="anna").update(first_name="<b>x</b>")
    for person, url in (("anna", "/"), ("anna", "/read/study/"), ("ivan", "/results/study/")):
        page = client_for(person).get(url).content.decode()
        assert "<script>alert" not in page
        assert "<b>x</b>" not in page


def test_every_page_has_its_safety_headers(study):
    for person, url in (("anonymous", "/accounts/sign-in/"), ("anna", "/"), ("anna", "/none"),
                        ("anna", "/read/study/"), ("ivan", "/results/study/"),
                        ("anna", "/api/v1/study/case/"), ("anna", "/admin/")):  # fmt: skip
        response = client_for(person).get(url)
        policy = response["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert response["X-Frame-Options"] == "DENY"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Referrer-Policy"] == "same-origin"


def test_a_get_of_a_submitted_forms_address_leads_back_to_the_case(study):
    """After a refused form the browser stands on that address; a reload must not show nothing."""
    client = client_for("anna")
    form = open_form(client)
    response = client.get(form.url, follow=True)
    assert response.status_code == 200
    assert form.code in response.content.decode()
