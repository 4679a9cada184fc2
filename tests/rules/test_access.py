"""Every URL declares who may see it, and gives each person what the table says, nothing more."""

import json
import re
from http.cookies import SimpleCookie
from uuid import uuid4

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from inference.models import InferenceJob
from inference.queue import enqueue
from readerstudy.accounts.access import Audience, audience, declared_audience
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle, sequence
from readerstudy.reading.models import (
    Assignment,
    Consent,
    DisplayCheck,
    PracticeReading,
    Profile,
    Reader,
    ReadingOrder,
)
from readerstudy.studies import models as cohorts
from readerstudy.urls import urlpatterns as site_urls
from tests import factories
from tests.rules.matrix import ANONYMOUS, ONE_MODEL, PEOPLE, SITE, STAFF, TABLE, routes
from tests.rules.members import MEMBERS, OTHER, OWN
from tests.worlds import shared

pytestmark = pytest.mark.django_db
DIAGNOSIS = {"malignancy": "malignant", "etiology": "lymphoma"}
FOR_ANYONE = {
    "accounts/sign-in/",
    "accounts/sign-out/",
    "accounts/second-factor/",
    "accounts/password/forgotten/",
    "accounts/password/forgotten/sent/",
    r"accounts/^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[-\w]+)/$",
    "accounts/password/new/done/",
    "accounts/invitation/",
    "accounts/invitation/<str:token>/",
    "admin/login/",
    "healthz",
    "readyz",
    "favicon.ico",
    "language/",
}
REFUSALS = {302, 401, 403, 404, 405}
ROLES = {"i": "investigator", "d": "data_manager", "a": "auditor"}
IN_THE_ADMIN = STAFF | set(MEMBERS)


def make_world() -> cohorts.Study:
    """Two open studies, and one of every kind of person."""
    readers = ("reader", "second_reader", "reader_and_other_investigator",
               "reader_and_other_data_manager", "former_reader", "deactivated", "demo")  # fmt: skip
    factories.make_user("admin", is_staff=True, is_superuser=True)
    factories.make_user("clerk", is_staff=True)
    factories.make_user("stranger")
    study = factories.make_draft("alpha", cases=2, readers=readers)
    factories.make_screening(study, enrolled=2)
    lifecycle.open_study(study, by="test")
    other = factories.make_open("beta", cases=2, readers=("other_reader",))
    for people, their_study in ((OWN, study), (OTHER, other)):
        for person, role in people.items():
            factories.make_member(their_study, person, ROLES[role])
    User.objects.filter(username="former_reader").update(is_staff=True)
    User.objects.filter(username="demo").update(is_demo=True)
    return study


def make_site() -> tuple[cohorts.Study, dict]:
    """The studies, what stands in the braces of the table's paths, and each person's cookies."""
    world = make_world()
    reader = Reader.objects.select_related("study__protocol").get(user__username="reader")
    case = cohorts.testing_cases(world).prefetch_related("image_set")[:1]
    enqueue(cases=case, model_version=world.studymodel.model_version)
    reading = factories.read_next(Reader.objects.get(study=world, user__username="second_reader"))
    return world, {
        **{person: cookies_of(person) for person in PEOPLE},
        "code": sequence.current_assignment(reader).code,
        "user": User.objects.get(username="stranger").pk,
        "auth/group": Group.objects.create(name="readers").pk,
        "accounts/user": User.objects.get(username="stranger").pk,
        "audit/auditevent": AuditEvent.objects.filter(study="alpha").first().pk,
        "cohorts/study": world.pk,
        "cohorts/cohort": world.cohort_set.first().pk,
        "cohorts/case": case[0].pk,
        "image": case[0].image_set.first().pk,
        "cohorts/screening": world.screening_set.get().pk,
        "cohorts/importjob": make_import(world).pk,
        "inference/modelversion": world.studymodel.model_version_id,
        "inference/inferencejob": InferenceJob.objects.first().pk,
        "reading/reader": reader.pk,
        "reading/readingorder": ReadingOrder.objects.first().pk,
        "reading/assignment": Assignment.objects.first().pk,
        "reading/reading": reading.pk,
        **before_the_first_case(reader),
    }


site = shared(make_site)


@pytest.fixture
def world(site) -> cohorts.Study:
    return site[0]


@pytest.fixture
def addresses(site) -> dict:
    return site[1] | {"client": Client()}  # each one reads all of the site's settings anew


def make_import(study: cohorts.Study) -> cohorts.ImportJob:
    """An import of which the dry run is done."""
    return cohorts.ImportJob.objects.create(
        study=study, cohort=study.cohort_set.first(), kind="cases_truth", label="x.zip",
        path="incoming/x.upload", state="checked", created_by=User.objects.get(username="admin"),
    )  # fmt: skip


def before_the_first_case(reader: Reader) -> dict[str, int]:
    """Rows of what a reader told before the first case, as in a study that asks all of it."""
    said = {"years_of_ultrasound": 9, "years_of_neck_ultrasound": 4, "neck_scans_a_week": 30}
    seen = {"session": "SECRET-SESSION", "passed": True, "seen": {}, "display": {}}
    practised = {"case": cohorts.Case.objects.first(), **DIAGNOSIS}
    rows = {
        "consent": Consent.objects.create(reader=reader, information_sha256="x"),
        "profile": Profile.objects.create(reader=reader, ai_use="never", **said),
        "displaycheck": DisplayCheck.objects.create(reader=reader, **seen),
        "practicereading": PracticeReading.objects.create(reader=reader, **practised),
    }
    return {f"reading/{name}": row.pk for name, row in rows.items()}


def client_of(person: str) -> Client:
    client = Client()
    client.cookies = SimpleCookie(cookies_of(person))
    return client


def cookies_of(person: str) -> SimpleCookie:
    """Those of a person who has signed in."""
    client = Client()
    if person != "anonymous":
        client.force_login(User.objects.get(username=person))
    if person == "deactivated":
        User.objects.filter(username=person).update(is_active=False)
    return client.cookies


def send(person: str, method: str, row, addresses: dict) -> HttpResponse:
    """One request as this person; whatever it does to the database is taken back."""
    url = re.sub(r"\{(.*?)\}", lambda found: str(addresses[found[1]]), row.path)
    client = addresses["client"]
    client.cookies = SimpleCookie(addresses[person])
    with transaction.atomic():
        if person == "reader":
            client.get("/read/alpha/")  # a case is opened before it is read
        data = {}
        if method == "POST":
            reading = {"key": str(uuid4()), **DIAGNOSIS}
            if row.body == "json":
                data = {
                    "data": json.dumps({"code": addresses["code"], **reading}),
                    "content_type": "application/json",
                }
            else:
                data = {"data": reading if row.body else {}}
        response = getattr(client, method.lower())(url, **data)
        if response.streaming:
            b"".join(response.streaming_content)
        transaction.set_rollback(True)
    return response


def test_every_url_has_a_row_in_the_table():
    found = [route for route, _, _ in routes()]
    # Django admin's own sign-in and change of password are hidden behind ours: same address, ours
    # comes first.
    assert found.count("admin/login/") == found.count("admin/password_change/") == 2
    assert set(found) == set(TABLE)


def test_every_view_declares_its_audience():
    undeclared = [route for route, view, spaces in routes() if not declared_audience(view, spaces)]
    assert undeclared == []


def test_only_these_views_are_for_anyone():
    public = [
        route for route, view, spaces in routes()
        if declared_audience(view, spaces) is Audience.PUBLIC
    ]  # fmt: skip
    assert set(public) == FOR_ANYONE


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("person", PEOPLE)
def test_matrix(person, method, world, addresses):
    wrong = {}
    for route, row in (TABLE if person in IN_THE_ADMIN else ONE_MODEL).items():
        response = send(person, method, row, addresses)
        expected = row.expected(person, method)
        if response.status_code != expected:
            wrong[route] = f"{response.status_code}, not {expected}"
        elif person in ANONYMOUS and expected == 302 and route not in FOR_ANYONE:
            assert response["Location"].startswith("/accounts/sign-in/"), route
    assert wrong == {}


def test_no_other_method_opens_what_get_and_post_keep_shut(world, addresses):
    shut = [
        (person, row)
        for person in ("anonymous", "stranger")
        for row in [*SITE.values(), TABLE["admin/"], TABLE["admin/cohorts/case/"]]
        if {row.expected(person, "GET"), row.expected(person, "POST")} <= REFUSALS
    ]
    opened = [
        (person, method, row.path)
        for person, row in shut
        for method in ("HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE")
        if (response := send(person, method, row, addresses)).status_code not in REFUSALS
        and response.content  # an empty answer tells nothing
    ]
    assert opened == []


def test_every_admin_model_is_in_the_table():
    models = {m._meta.label_lower.replace(".", "/") for m in admin.site._registry}
    assert {f"admin/{model}/" for model in models} <= set(TABLE)


def test_the_api_asks_for_a_sign_in_in_json(client):
    for response in (
        client.get("/api/v1/study/case/"),
        client.post("/api/v1/study/readings/", {}, content_type="application/json"),
    ):
        assert response.status_code == 401
        assert response.json() == {"detail": "Sign in first."}


@pytest.mark.parametrize("path_", ["/api/v1/none/case/", "/api/v1/none/readings/"])
def test_the_api_refuses_in_json(path_, client):
    client.force_login(factories.make_user("anna"))
    response = client.post(path_, "{}", content_type="application/json")
    assert response.status_code in (404, 405)
    assert set(response.json()) <= {"detail", "refusal"}


def test_a_refused_look_is_audited(world, addresses):
    for person, url, action in (
        ("other_reader", "/read/alpha/", "reading.access"),
        ("other_reader", "/api/v1/alpha/case/", "reading.access"),
        ("other_investigator", "/results/alpha/", "results.access"),
        ("reader", "/admin/", "access"),
        ("reader", f"/admin/cohorts/case/{addresses['cohorts/case']}/change/", "access"),
    ):
        client_of(person).get(url)
        event = AuditEvent.objects.first()
        assert (event.actor, event.action, event.outcome) == (person, action, "refused")
        assert event.target == url
        assert event.address == "127.0.0.1"


def test_a_reader_made_staff_later_is_nobodys_reader(world):
    client = client_of("former_reader")
    assert client.get("/read/alpha/").status_code == 404
    assert client.get("/api/v1/alpha/case/").status_code == 404
    assert "alpha" not in client.get("/").content.decode()


def test_an_investigator_who_is_removed_sees_nothing_more(world, client):
    client.force_login(User.objects.get(username="investigator"))
    assert client.get("/results/alpha/").status_code == 200
    cohorts.Membership.objects.filter(user__username="investigator").delete()
    assert client.get("/results/alpha/").status_code == 404


# Views that the site does not have, and one that fails.


def undeclared(_request):
    return HttpResponse("everything")


@audience(Audience.PUBLIC)
def failing(_request):
    raise RuntimeError("SECRET-DETAIL")


urlpatterns = [
    path("undeclared/", undeclared),
    path("api/undeclared/", undeclared),
    path("failing/", failing),
    path("api/failing/", failing),
    *site_urls,
]
handler500 = "readerstudy.error_pages.server_error"
handler403 = "readerstudy.error_pages.forbidden"
handler404 = "readerstudy.error_pages.not_found"
handler400 = "readerstudy.error_pages.bad_request"


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("url", ["/undeclared/", "/api/undeclared/"])
def test_a_view_that_declares_nothing_is_seen_by_nobody(url, world):
    for person in PEOPLE:
        response = client_of(person).get(url)
        assert response.status_code in (302, 401, 403), person
        assert b"everything" not in response.content
    assert AuditEvent.objects.filter(target=url, outcome="refused").exists()


@pytest.mark.urls(__name__)
@pytest.mark.parametrize("url", ["/failing/", "/api/failing/"])
@pytest.mark.parametrize("signed_in", [False, True])
def test_a_failure_is_told_in_plain_words(url, signed_in):
    client = Client(raise_request_exception=False)
    if signed_in:
        client.force_login(factories.make_user("anna"))
    response = client.get(url)
    text = response.content.decode()
    assert response.status_code == 500
    assert "Something went wrong" in text or "Your submitted readings are safe" in text
    for leak in ("SECRET-DETAIL", "RuntimeError", "Traceback", ".py", "settings", "site-packages"):
        assert leak not in text
    assert response["Content-Type"].startswith(
        "application/json" if url.startswith("/api/") else "text/html"
    )


# Demo mode.


@pytest.fixture
def demo_user():
    return factories.make_user("radiologist", is_demo=True, is_staff=True, is_superuser=True)


def test_a_demo_user_signs_in_only_in_demo_mode(demo_user, settings, client):
    form = {"username": "radiologist", "password": factories.PASSWORD}
    assert client.post("/accounts/sign-in/", form).status_code == 200  # the form again
    assert "_auth_user_id" not in client.session
    settings.DEMO = True
    assert client.post("/accounts/sign-in/", form).status_code == 302
    assert client.get("/").status_code == 200


def test_a_demo_session_is_worth_nothing_outside_demo_mode(demo_user, settings, client):
    settings.DEMO = True
    client.post("/accounts/sign-in/", {"username": "radiologist", "password": factories.PASSWORD})
    assert client.get("/admin/").status_code == 200
    settings.DEMO = False
    assert client.get("/admin/").status_code == 302
    assert client.get("/").status_code == 302
    assert client.get("/api/v1/study/case/").status_code == 401


@pytest.mark.parametrize(
    "address", ["10.0.0.7", "192.168.1.2", "::2", "0.0.0.0", "127.0.0.1.example", "", "8.8.8.8"]
)
def test_a_demo_answers_this_machine_only(address, settings, client):
    settings.DEMO = True
    for url in ("/accounts/sign-in/", "/healthz", "/admin/", "/api/v1/study/case/", "/none"):
        response = client.get(url, REMOTE_ADDR=address)
        assert response.status_code == 403, url
        assert b"only on this computer" in response.content
    # A header that anyone can send is not an address.
    forged = {"X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "Forwarded": "for=[::1]"}
    assert client.get("/accounts/sign-in/", headers=forged, REMOTE_ADDR=address).status_code == 403


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_a_demo_answers_this_machine(address, settings, client):
    settings.DEMO = True
    assert client.get("/accounts/sign-in/", REMOTE_ADDR=address).status_code == 200


def pages(world, addresses, person: str):
    """Every HTML page that this person gets, errors included."""
    for row in (TABLE if person in IN_THE_ADMIN else ONE_MODEL).values():
        response = send(person, "GET", row, addresses)
        is_page = response.get("Content-Type", "").startswith("text/html")
        if is_page and not response.has_header("Location") and response.content:
            yield row.path, response.content.decode()


@pytest.mark.parametrize("person", ["anonymous", "reader", "investigator", "admin"])
def test_every_page_of_a_demo_says_so(person, world, addresses, settings):
    settings.DEMO = True
    silent = [url for url, text in pages(world, addresses, person) if "Demo mode" not in text]
    assert silent == []


@pytest.mark.parametrize("person", ["reader", "investigator", "admin"])
def test_no_page_says_demo_outside_demo_mode(person, world, addresses):
    assert [url for url, text in pages(world, addresses, person) if "Demo mode" in text] == []


@pytest.mark.urls(__name__)
def test_even_the_page_of_a_failure_says_that_it_is_a_demo(settings):
    settings.DEMO = True
    response = Client(raise_request_exception=False).get("/failing/")
    assert "Demo mode" in response.content.decode()


def test_the_admin_shows_no_digest_of_a_session(world, addresses):
    check = f"/admin/reading/displaycheck/{addresses['reading/displaycheck']}/change/"
    assert "SECRET-SESSION" not in client_of("admin").get(check).content.decode()


def test_staff_without_permission_see_no_study_in_the_admin(world, addresses):
    assert {"clerk"} <= STAFF
    page = client_of("clerk").get("/admin/").content.decode()
    for word in ("Study alpha", "Reference", "/admin/reading/", "/admin/cohorts/", "SECRET"):
        assert word not in page
