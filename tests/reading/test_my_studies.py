"""My studies, and the page without a case: how far, what is next, until when."""

from datetime import date, timedelta
from types import SimpleNamespace

import pytest
from django.utils import timezone

from readerstudy.reading import lifecycle
from readerstudy.reading.models import Profile
from readerstudy.reading.my_studies import NextAction, in_words, overview
from readerstudy.reading.onboarding import OnboardingStep
from readerstudy.studies.models import Protocol
from tests import factories
from tests.reading.onboarding import ALL_SEEN, EVERYTHING, PROFILE, make_open, reader_of, send
from tests.rules.walk import sign_in

pytestmark = pytest.mark.django_db


def line_of(slug: str = "study"):
    [line] = overview([reader_of(slug=slug)], "key")
    return line


def test_what_is_next_through_a_study_of_two_sessions(monkeypatch):
    study = make_open(cases=1, washout_days=10, asks_profile=True, readers=("anna",))
    assert (line_of().next, line_of().step, line_of().left) == (
        NextAction.STEP,
        OnboardingStep.PROFILE,
        2,
    )
    Profile.objects.create(reader=reader_of(), **PROFILE)
    assert line_of().next is NextAction.STAGE_1
    last = factories.read_next(reader_of()).submitted_at
    assert (line_of().next, line_of().stage_2_begins) == (
        NextAction.WASHOUT,
        last + timedelta(days=10),
    )
    page = sign_in("anna").get("/").content.decode()
    assert ">10 days</strong>" in page
    assert "Continue reading" not in page
    later = SimpleNamespace(now=lambda: last + timedelta(days=10, seconds=1))
    monkeypatch.setattr("readerstudy.reading.sequence.timezone", later)
    assert line_of().next is NextAction.STAGE_2
    factories.read_next(reader_of())
    assert (line_of().next, line_of().left) == (NextAction.DONE, 0)
    lifecycle.lock_study(study, by="test")
    assert line_of().next is NextAction.ENDED
    lifecycle.unblind_study(study, by="test")
    assert line_of().next is NextAction.UNBLINDED


def test_what_is_next_goes_case_by_case_in_a_sequential_study():
    make_open(cases=2, design=Protocol.Design.SEQUENTIAL, readers=("anna",))
    expected = [
        NextAction.STAGE_1,
        NextAction.STAGE_2,
        NextAction.STAGE_1,
        NextAction.STAGE_2,
        NextAction.DONE,
    ]
    seen = [line_of().next]
    for _ in range(4):
        factories.read_next(reader_of())
        seen.append(line_of().next)
    assert seen == expected


def test_deadlines_are_told_in_words():
    today = timezone.localdate()
    make_open(
        cases=1,
        readers=("anna",),
        stage_1_due=today - timedelta(days=3),
        stage_2_due=today + timedelta(days=1),
    )
    page = " ".join(sign_in("anna").get("/").content.decode().split())
    assert "3 days ago." in page
    assert "1 day left." in page
    factories.read_next(reader_of())
    page = sign_in("anna").get("/").content.decode()
    assert "Overdue" not in page  # what is read is not overdue
    assert "1 diagnosis left." in page


def test_a_closed_study_has_no_deadline():
    study = make_open(cases=1, readers=("anna",), stage_1_due=date(2020, 1, 1))
    lifecycle.lock_study(study, by="test")
    assert "Overdue" not in sign_in("anna").get("/").content.decode()


@pytest.mark.parametrize(
    ("span", "words"),
    [
        (timedelta(days=27, hours=23, minutes=59), "27 days 23 hours"),
        (timedelta(days=1), "1 day"),
        (timedelta(hours=23, minutes=59, seconds=1), "1 day"),
        (timedelta(hours=5, minutes=1), "5 hours 1 minute"),
        (timedelta(seconds=61), "2 minutes"),
        (timedelta(seconds=0), "1 minute"),
    ],
)
def test_a_time_to_wait_in_words(span, words):
    assert in_words(span) == words


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("draft", "has not opened yet"),
        ("open, all read", "there is nothing more to do"),
        ("locked", "sealed until the study is unblinded"),
        ("locked, all read", "you have read every case"),
        ("unblinded", "Ask the investigators for the results"),
    ],
)
def test_the_page_without_a_case_says_what_happens_now(state, told):
    study = factories.make_draft(cases=1, readers=("anna",))
    if state != "draft":
        lifecycle.open_study(study, by="test")
    if "all read" in state:
        factories.read_all(study)
    if state.startswith(("locked", "unblinded")):
        lifecycle.lock_study(study, by="test")
    if state == "unblinded":
        lifecycle.unblind_study(study, by="test")
    assert told in sign_in("anna").get("/read/study/").content.decode()


def test_a_study_that_has_not_begun_is_shown_without_a_way_into_it():
    factories.make_draft(cases=1, readers=("anna",))
    page = sign_in("anna").get("/").content.decode()
    assert "This study has not opened yet." in page
    assert "Continue reading" not in page
    assert "You have no studies yet" not in page


def test_the_outbox_is_on_every_page_of_a_reader():
    make_open(practice=1, **EVERYTHING)
    anna = sign_in("anna")
    pages = ["/", "/read/study/before/consent/"]
    assert [url for url in pages if b'id="outbox"' not in anna.get(url).content] == []
    for step, data in (("consent", {"consent": "on"}), ("profile", PROFILE), ("display", ALL_SEEN)):
        assert b'id="outbox"' in anna.get(f"/read/study/before/{step}/").content
        send(anna, step, data)
    assert b'id="outbox"' in anna.get("/read/study/before/practice/1/").content
    assert b'id="outbox"' in anna.get("/read/study/before/practice/9/").content  # a refusal
