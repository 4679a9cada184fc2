"""Readers choose their language; what investigators and staff see, and every number, does not
change with it."""

import re

import pytest
from django.conf import settings
from django.test import Client

from tests import factories
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9,en;q=0.5"}


@shared
def opened():
    return factories.make_open(cases=1)


BUTTON = re.compile(r'name="language" value="(.+?)" lang="(.+?)"( aria-current="true")?>(.+?)<')


def choose(client: Client, code: str, **headers):
    return client.post("/language/", {"language": code}, **headers)


def test_a_chinese_browser_is_answered_in_chinese_from_the_first_page():
    page = Client().get("/accounts/sign-in/", **CHINESE)
    assert '<html lang="zh-hans">' in page.content.decode()
    assert "用户名" in page.content.decode()
    assert page["Content-Language"] == "zh-hans"
    assert {"Accept-Language", "Cookie"} <= set(page["Vary"].split(", "))


@pytest.mark.parametrize("headers", [{}, CHINESE])
def test_each_language_is_offered_by_its_own_name_and_the_present_one_is_marked(headers):
    page = Client().get("/accounts/sign-in/", **headers).content.decode()
    offered = [(code, lang, name) for code, lang, _, name in BUTTON.findall(page)]
    assert offered == [("en", "en", "English"), ("zh-hans", "zh-hans", "简体中文")]
    [now] = [code for code, _, current, _ in BUTTON.findall(page) if current]
    assert now == ("zh-hans" if headers else "en")


@pytest.mark.parametrize("asked", ["", "de-DE,de;q=0.9", "en-GB", "x" * 600])
def test_any_other_browser_is_answered_in_english(asked):
    page = Client().get("/accounts/sign-in/", HTTP_ACCEPT_LANGUAGE=asked).content.decode()
    assert '<html lang="en">' in page
    assert "Username" in page


def test_a_choice_stays_on_the_page_and_outlasts_the_session():
    client = Client()
    answer = choose(client, "zh-hans", HTTP_REFERER="http://testserver/accounts/sign-in/?next=/a/")
    assert answer.status_code == 302
    assert answer["Location"].removeprefix("http://testserver") == "/accounts/sign-in/?next=/a/"
    cookie = answer.cookies[settings.LANGUAGE_COOKIE_NAME]
    assert cookie.value == "zh-hans"
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["max-age"] == 365 * 24 * 3600
    assert "用户名" in client.get("/accounts/sign-in/").content.decode()
    choose(client, "en")
    assert "Username" in client.get("/accounts/sign-in/", **CHINESE).content.decode()


@pytest.mark.parametrize("code", ["fr", "", "zh-hans\r\nSet-Cookie: a=b", "../en"])
def test_a_language_that_there_is_not_changes_nothing(code):
    client = Client()
    choose(client, code)
    assert "Username" in client.get("/accounts/sign-in/").content.decode()


@pytest.mark.parametrize("field", ["next", "referer"])
def test_a_choice_leads_to_no_other_site(field):
    client, elsewhere = Client(), "https://elsewhere.example/"
    if field == "next":
        answer = client.post("/language/", {"language": "en", "next": elsewhere})
    else:
        answer = choose(client, "en", HTTP_REFERER=elsewhere)
    assert answer["Location"] == "/"


def test_a_choice_needs_the_page_s_own_token():
    assert choose(Client(enforce_csrf_checks=True), "zh-hans").status_code == 403


def test_a_cookie_is_for_https_alone_where_the_site_is():
    assert settings.LANGUAGE_COOKIE_SECURE == settings.SESSION_COOKIE_SECURE


def test_a_case_page_offers_no_other_language_for_what_is_chosen_would_be_lost(opened):
    anna = sign_in("anna")
    assert 'action="/language/"' in anna.get("/").content.decode()
    assert 'action="/language/"' not in anna.get("/read/study/").content.decode()


def test_investigators_and_staff_read_english_whatever_was_chosen(opened):
    factories.make_investigator(opened)
    factories.make_user("root", is_staff=True, is_superuser=True)
    for username, address, words in (
        ("ivan", "/results/study/", "Results are sealed"),
        ("root", "/admin/", "Cohorts, readers and models"),
        ("root", "/admin/cohorts/study/add/", "Save and continue editing"),
    ):
        client = sign_in(username, **CHINESE)
        page = client.get(address)
        assert words in page.content.decode()
        assert '<html lang="en' in page.content.decode()
        assert page["Content-Language"].startswith("en")
        assert 'action="/language/"' not in page.content.decode()
        assert '<html lang="zh-hans">' in client.get("/").content.decode()  # and not after it


def test_an_error_page_is_in_the_person_s_language_wherever_it_comes_up(opened):
    anna = sign_in("anna", **CHINESE)
    for address in ("/results/study/", "/no/such/page", "/read/none/"):
        assert "未找到" in anna.get(address).content.decode()
    assert "没有权限" in anna.get("/admin/").content.decode()


@pytest.fixture
def done():
    """A study with a run's results."""
    study = factories.make_open(cases=4)
    factories.read_all(study)
    factories.finish(study)
    factories.make_investigator(study)
    run = factories.analyse(study)
    factories.draw(run, "results.xlsx", "metrics", "tests", "data/readings", "tables/table2",
                   "figures/flow.svg", "charts/")  # fmt: skip
    return run


def test_the_numbers_do_not_change_with_the_language(done):
    """Every page and file of a run, byte by byte, but for the page's token and whoever asks."""
    run = f"/results/study/runs/{done.number}/"
    for file in (
        "", "results.json", "results.xlsx", "metrics.csv", "tests.csv", "data/readings.csv",
        "tables/table2.tex", "figures/flow.svg", "charts/roc-1.json",
    ):  # fmt: skip
        english, chinese = (sign_in("ivan", **headers).get(run + file) for headers in ({}, CHINESE))
        assert (english.status_code, chinese.status_code) == (200, 200), file
        assert _neutral(english) == _neutral(chinese), file


def _neutral(response) -> bytes:
    body = response.getvalue()
    token = response.context["csrf_token"] if response.context else ""
    return body.replace(str(token).encode() or b"\0", b"TOKEN")
