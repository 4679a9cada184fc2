"""The number of queries of a page depends neither on the number of cases nor of readers."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from analysis.models import AnalysisRun
from readerstudy.audit.log import record
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Assignment
from tests import factories
from tests.rules.walk import Api, Form, read, sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
SMALL = {"cases": 3, "readers": ("a1", "a2")}
LARGE = {"cases": 12, "readers": ("b1", "b2", "b3", "b4", "b5")}
SIZES = {"small": SMALL, "large": LARGE}


def counted(call: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        response = call()
    assert response.status_code in (200, 201, 302), response.status_code
    return [query["sql"] for query in queries]


@shared(params=("two_session", "sequential"))
def sizes(design):
    """A small and a large study of this design."""
    return [factories.make_open(slug, design=design, **size) for slug, size in SIZES.items()]


@shared
def two_session():
    return [factories.make_open(slug, **size) for slug, size in SIZES.items()]


@shared
def finished():
    for slug, size in SIZES.items():
        study = factories.make_open(slug, **size)
        factories.read_all(study)
        factories.finish(study)
        factories.analyse(study)
        factories.make_investigator(study)


def compare(visit: Callable[[str, Client], object], *, aided: bool = False) -> None:
    """The same visit in a small and a large study takes the same number of queries."""
    counts = []
    for slug, size in SIZES.items():
        client = sign_in(size["readers"][0])
        while aided and "Stage 2" not in client.get(f"/read/{slug}/").content.decode():
            read(client, slug)
        client.get(f"/read/{slug}/")  # the first sight of a case writes when it was
        counts.append(counted(lambda slug=slug, client=client: visit(slug, client)))
    assert len(counts[0]) == len(counts[1]), "\n".join([*counts[0], "---", *counts[1]])
    assert len(counts[0]) < 40


BOTH_STAGES = pytest.mark.parametrize("aided", [False, True], ids=["stage 1", "stage 2"])


@BOTH_STAGES
def test_case_page(sizes, aided):
    compare(lambda slug, client: client.get(f"/read/{slug}/"), aided=aided)


@BOTH_STAGES
def test_case_by_the_api(sizes, aided):
    compare(lambda slug, client: client.get(f"/api/v1/{slug}/case/"), aided=aided)


@BOTH_STAGES
def test_home(sizes, aided):
    compare(lambda _, client: client.get("/"), aided=aided)


@BOTH_STAGES
def test_submit(aided, two_session):
    forms = {}

    def visit(slug, client):
        form = forms[slug]
        return client.post(form.url, form.data())

    def opened(slug, client):
        forms[slug] = Form(client.get(f"/read/{slug}/").content.decode(), slug)
        return visit(slug, client)

    # Opening the page is in both counts alike; test_case_page counts it alone.
    compare(opened, aided=aided)


@BOTH_STAGES
@pytest.mark.parametrize("wanted", ["", "?next=page"], ids=["alone", "with the next page"])
def test_submit_by_the_api(sizes, aided, wanted):
    def visit(slug, client):
        return Api().submit(client, Api().open(client, slug), slug=slug, wanted=wanted)

    compare(visit, aided=aided)


def test_a_page_takes_four_queries_and_a_submit_no_more_than_it_did():
    factories.make_open(cases=3)
    client = sign_in("anna")
    client.get("/read/study/")  # the first sight of a case asks what is kept from then on
    pages, submits = [], []
    for wanted in ("", "?next=page"):
        sent = {"code": Api().open(client), "wanted": wanted}
        pages.append(len(counted(lambda: client.get("/read/study/"))))
        submits.append(len(counted(lambda sent=sent: Api().submit(client, **sent))))
    assert pages == [4, 4]
    # With two locks on PostgreSQL: of the reader's row and of the log.
    assert submits == {"sqlite": [9, 12], "postgresql": [11, 14]}[connection.vendor]


@pytest.mark.parametrize(("at_once", "asks"), [(32, [1, 0, 0, 0, 0]), (2, [1, 0, 1, 0, 1])])
def test_the_cases_that_come_next_are_asked_for_with_the_first(at_once, asks, monkeypatch):
    monkeypatch.setattr("readerstudy.reading.blinding.ASKED_AT_ONCE", at_once)
    factories.make_open(cases=5)
    client = sign_in("anna")
    asked = []
    for _ in range(5):
        page = counted(lambda: client.get("/read/study/"))
        asked.append(sum('FROM "cohorts_image"' in sql for sql in page))
        read(client)
    assert asked == asks


def test_a_case_that_was_shown_is_shown_again_without_a_transaction():
    """On SQLite one would wait for whoever writes."""
    factories.make_open(cases=2)
    client = sign_in("anna")
    first, again = (counted(lambda: client.get("/read/study/")) for _ in range(2))
    assert any("SAVEPOINT" in sql for sql in first)  # a transaction within the test's own
    assert not any("SAVEPOINT" in sql for sql in again)


def current_code(slug: str, client: Client) -> str:
    return client.get(f"/api/v1/{slug}/case/").json()["case"]["code"]


@pytest.mark.parametrize("what", ["bus.png", "heatmap/2/cdfi.png"])
def test_image(what, two_session):
    def visit(slug, client):
        return client.get(f"/read/{slug}/{current_code(slug, client)}/{what}")

    compare(visit, aided=True)


def home_queries(username: str) -> list:
    """What the home page asks, without the sign-in before it."""
    client = sign_in(username)
    return counted(lambda: client.get("/"))


def test_home_does_not_ask_study_by_study():
    factories.make_open("first", cases=1, readers=("anna",))
    few = home_queries("anna")
    for slug in ("second", "third", "fourth"):
        factories.make_investigator(factories.make_open(slug, cases=1, readers=("anna", slug)), "x")
    many = home_queries("anna")
    assert len(many) == len(few)


def test_home_does_not_ask_study_by_study_what_comes_first():
    asks = {"cases": 1, "asks_profile": True, "checks_display": True, "washout_days": 3}
    factories.make_open("first", readers=("anna",), **asks)
    few = home_queries("anna")
    for slug in ("second", "third", "fourth"):
        factories.make_open(slug, readers=("anna", slug), **asks)
    many = home_queries("anna")
    assert len(many) == len(few)


@pytest.mark.parametrize("page", ["", "bus.png"])
def test_practice(page):
    counts = []
    for slug, size in (("small", 2), ("large", 9)):
        study = factories.make_draft(slug, cases=size, readers=(slug,))
        factories.make_practice(study, cases=size)
        lifecycle.open_study(study, by="test")
        client = sign_in(slug)
        url = f"/read/{slug}/before/practice/1/"
        counts.append(len(counted(lambda url=url, client=client: client.get(url + page))))
    assert counts[0] == counts[1] < 15


@pytest.mark.parametrize(
    "page",
    ["", "runs/1/", "runs/1/metrics.csv", "runs/1/tests.csv", "runs/1/results.json",
     "runs/1/results.xlsx", "runs/1/figures/flow.svg", "runs/1/charts/roc-1.json",
     "runs/1/tables/table2.tex", "runs/1/data/readings.csv"],
)  # fmt: skip
def test_results(page, finished):
    counts = []
    for slug in SIZES:
        run = AnalysisRun.objects.select_related("study").get(study__slug=slug)
        factories.draw(run, page.removeprefix("runs/1/") or "pages/")
        ivan = sign_in("ivan")
        counts.append(
            len(counted(lambda slug=slug, ivan=ivan: ivan.get(f"/results/{slug}/{page}")))
        )
    assert counts[0] == counts[1] < 25


LISTS = ("cohorts/study", "cohorts/cohort", "cohorts/case", "reading/reader", "reading/assignment",
         "reading/readingorder", "reading/reading", "inference/inferencejob",
         "audit/auditevent")  # fmt: skip


def test_lists_in_the_admin(subtests):
    factories.make_user("admin", is_staff=True, is_superuser=True)
    admin = sign_in("admin")
    counts = {model: [] for model in LISTS}
    for slug, size in SIZES.items():
        study = factories.make_open(slug, **size)
        for reader in study.reader_set.all():
            factories.read_next(reader)
        for model in LISTS:
            counts[model].append(len(counted(lambda m=model: admin.get(f"/admin/{m}/"))))
    assert Assignment.objects.count() > 100
    for model, (few, many) in counts.items():
        with subtests.test(model):
            assert few == many < 25


def test_an_event_of_the_log_costs_one_statement_more_than_its_insert():
    record("test")
    with CaptureQueriesContext(connection) as queries:
        record("test")
    more = {"sqlite": 1, "postgresql": 2}[connection.vendor]  # a lock, which SQLite has anyway
    assert len(queries) == 1 + more, [query["sql"] for query in queries]
