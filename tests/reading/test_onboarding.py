"""What comes before the first case: asked in order, once, of readers of an open study; and nothing
of a case is shown before it is done."""

import hashlib
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, onboarding, sequence
from readerstudy.reading.models import (
    Consent,
    DisplayCheck,
    PracticeReading,
    Presentation,
    Profile,
    Reader,
    Reading,
)
from readerstudy.reading.onboarding import OnboardingStep
from readerstudy.reading.onboarding_forms import STEPS
from readerstudy.studies.models import Case
from tests import factories
from tests.reading.onboarding import (
    ALL_SEEN,
    DOORS,
    EVERYTHING,
    PROFILE,
    SCREEN,
    make_open,
    practise,
    prepare,
    reader_of,
    send,
    step_of,
)
from tests.rules.walk import Api, Page, diagnosis, open_form, read, sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@shared
def everything():
    return make_open(**EVERYTHING)


@shared
def practising():
    return make_open(practice=1, **EVERYTHING)


@shared
def checked():
    return make_open(checks_display=True)


@shared
def profiled():
    return make_open(asks_profile=True)


# What is asked.


@pytest.mark.parametrize(
    ("protocol", "practice", "asked"),
    [
        ({}, 0, None),
        ({"information": "Text"}, 0, OnboardingStep.CONSENT),
        ({"asks_profile": True}, 0, OnboardingStep.PROFILE),
        ({"checks_display": True}, 0, OnboardingStep.DISPLAY),
        ({}, 1, OnboardingStep.PRACTICE),
        (EVERYTHING, 1, OnboardingStep.CONSENT),
    ],
)
def test_only_what_the_protocol_has_is_asked(protocol, practice, asked):
    make_open(practice=practice, **protocol)
    assert step_of(sign_in("anna")) is asked


def test_steps_come_in_order_and_then_the_first_case():
    make_open(practice=2, **EVERYTHING)
    anna = sign_in("anna")
    for step, data in (("consent", {"consent": "on"}), ("profile", PROFILE), ("display", ALL_SEEN)):
        assert step_of(anna) == step
        assert anna.get("/read/study/", follow=True).redirect_chain[-1][0].endswith(f"/{step}/")
        assert send(anna, step, data).status_code == 302
    for number in (1, 2):
        page = anna.get("/read/study/", follow=True)
        assert page.redirect_chain[-1][0] == f"/read/study/before/practice/{number}/"
        assert practise(anna, number).status_code == 302
    assert step_of(anna) is None
    assert open_form(anna)


def test_a_step_out_of_turn_stores_nothing_and_leads_on(practising):
    anna = sign_in("anna")
    for step, data in (
        ("profile", PROFILE), ("display", ALL_SEEN), ("practice/1", diagnosis(Etiology.LYMPHOMA)),
    ):  # fmt: skip
        for response in (anna.get(f"/read/study/before/{step}/"), send(anna, step, data)):
            assert response["Location"] == "/read/study/"
    assert anna.get("/read/study/before/practice/1/bus.png").status_code == 302
    for model in (Profile, DisplayCheck, PracticeReading):
        assert not model.objects.exists()


@pytest.mark.parametrize("state", ["draft", "locked"])
def test_only_readers_of_an_open_study_are_asked(state):
    study = factories.make_draft(cases=1, **EVERYTHING)
    factories.make_practice(study, cases=1)
    if state == "locked":
        lifecycle.open_study(study, by="test")
        lifecycle.lock_study(study, by="test")
    anna = sign_in("anna")
    assert step_of(anna) is None
    assert "not accept readings" in anna.get("/read/study/").content.decode()
    for step in ("consent", "profile", "display", "practice"):
        assert send(anna, step, {"consent": "on"}).status_code in (302, 405)
    for page in ("practice/1/", "practice/1/bus.png"):
        assert anna.get(f"/read/study/before/{page}").status_code == 409
    assert not Consent.objects.exists()


def test_nobody_else_gets_to_these_pages(practising):
    make_open("other", readers=("dora",), cases=1)
    factories.make_investigator(Case.objects.first().cohort.study, "ivan")
    for person in (sign_in("dora"), sign_in("ivan")):
        for page in ("consent/", "profile/", "display/", "practice/", "practice/1/"):
            assert person.get(f"/read/study/before/{page}").status_code == 404
        assert person.get("/read/study/before/practice/1/bus.png").status_code == 404


def test_what_is_next_takes_one_query_for_any_number_of_studies():
    for slug in ("one", "two", "three"):
        make_open(slug, practice=2, readers=("anna", f"b-{slug}"), **EVERYTHING)
    readers = list(Reader.objects.select_related("study__protocol"))
    with CaptureQueriesContext(connection) as queries:
        steps = onboarding.next_steps(readers, "key")
    assert len(queries) == 1
    assert steps == {reader.pk: OnboardingStep.CONSENT for reader in readers}


# No case before its time, and no diagnosis lost.


def refused(client: Client, code: str) -> list[int]:
    return [client.get(door.format(code=code)).status_code for door in DOORS]


def test_no_case_is_shown_while_a_step_is_left(everything):
    anna = sign_in("anna")
    code = sequence.current_assignment(reader_of()).code
    upcoming = sequence.upcoming_assignment(reader_of()).code
    assert refused(anna, code) == [409] * 4
    assert anna.get(f"/read/study/{upcoming}/bus.png").status_code == 409
    for way in (Page(), Api()):
        assert way.submit(anna, code).status_code == 403  # it was never shown
    assert not Presentation.objects.exists()
    assert not Reading.objects.exists()
    prepare(anna)
    assert open_form(anna).code == code
    assert refused(anna, code) == [200] * 4


def test_the_heatmaps_wait_for_the_display_check_too():
    make_open(checks_display=True, design="sequential")
    anna = sign_in("anna")
    send(anna, "display", ALL_SEEN)
    read(anna)
    code = open_form(anna).code
    heatmap = f"/read/study/{code}/heatmap/1/bus.png"
    assert anna.get(heatmap).status_code == 200
    again = sign_in("anna")
    assert again.get(heatmap).status_code == 409
    assert again.get("/api/v1/study/case/").status_code == 409
    send(again, "display", ALL_SEEN)
    assert again.get(heatmap).status_code == 200


@pytest.mark.parametrize("way", [Page(), Api()], ids=["page", "api"])
def test_a_diagnosis_that_waited_is_stored_after_a_new_sign_in(way, everything):
    before = sign_in("anna")
    prepare(before)
    code = way.open(before)
    before.logout()
    after = sign_in("anna")
    assert step_of(after) is OnboardingStep.DISPLAY
    key = uuid4()
    assert way.submit(after, code, key=key).status_code == way.stored
    assert way.submit(after, code, key=key).status_code == way.replayed
    assert Reading.objects.get().assignment.code == code
    # The next case waits for the check all the same.
    assert refused(after, sequence.current_assignment(reader_of()).code)[:3] == [409] * 3


def test_an_incomplete_diagnosis_shows_no_case_while_a_step_is_left(checked):
    anna = sign_in("anna")
    code = sequence.current_assignment(reader_of()).code
    response = Page().submit(anna, code, raw={"malignancy": "", "etiology": "", "key": "none"})
    assert response.status_code == 409
    assert "baseline" not in response.content.decode()
    assert not Presentation.objects.exists()


def test_a_refusal_is_no_alarm(checked):
    anna = sign_in("anna")
    anna.get("/api/v1/study/case/")
    assert not AuditEvent.objects.filter(outcome="refused").exists()


def test_where_nothing_is_to_be_read_nothing_is_asked():
    study = make_open(cases=1, washout_days=3, checks_display=True, readers=("anna",))
    factories.read_next(study.reader_set.get())
    anna = sign_in("anna")
    assert "Stage 1 is complete" in anna.get("/read/study/").content.decode()
    assert anna.get("/api/v1/study/case/").json()["case"] is None


# Consent and profile.


def test_consent_is_stored_with_the_digest_of_what_was_read(everything):
    anna = sign_in("anna")
    page = anna.get("/read/study/before/consent/").content.decode()
    assert "<p>What it is.</p>" in page
    assert "&lt;b&gt;Why&lt;/b&gt;" in page
    send(anna, "consent", {"consent": "on"})
    send(anna, "consent", {"consent": "on"})
    digest = hashlib.sha256(EVERYTHING["information"].encode()).hexdigest()
    assert Consent.objects.get().information_sha256 == digest
    event = AuditEvent.objects.get(action="reading.consent")
    assert (event.actor, event.study, event.target) == ("anna", "study", "R1")
    assert event.detail["information_sha256"] == digest
    assert "consent/1" in event.detail["stored"]


def test_without_a_tick_there_is_no_consent(everything):
    response = send(sign_in("anna"), "consent", {})
    assert response.status_code == 400
    assert "Tick the box" in response.content.decode()
    assert not Consent.objects.exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"years_of_ultrasound": ""}, "Enter a number"),
        ({"years_of_ultrasound": "71"}, "70 or less"),
        ({"years_of_ultrasound": "-1"}, "0 or more"),
        ({"years_of_neck_ultrasound": "nine"}, "whole number"),
        ({"years_of_neck_ultrasound": "10"}, "more than your years of ultrasound"),
        ({"neck_scans_a_week": "1001"}, "1000 or less"),
        ({"ai_use": ""}, "Choose one."),
        ({"ai_use": "daily"}, "Choose one of the options."),
    ],
)
def test_a_profile_that_can_not_be_is_refused_in_words(change, message, profiled):
    response = send(sign_in("anna"), "profile", PROFILE | change)
    assert response.status_code == 400
    # &#x27; is how a page writes an apostrophe.
    assert message in response.content.decode().replace("&#x27;", "'")
    assert not Profile.objects.exists()


def test_a_profile_is_stored_once(profiled):
    anna = sign_in("anna")
    send(anna, "profile", PROFILE)
    send(anna, "profile", PROFILE | {"neck_scans_a_week": 99})
    stored = Profile.objects.get()
    assert {name: getattr(stored, name) for name in PROFILE} == PROFILE


# Display.


def test_a_display_check_is_stored_with_its_display_and_never_the_session_key(checked):
    anna = sign_in("anna")
    send(anna, "display", ALL_SEEN | SCREEN)
    check = DisplayCheck.objects.get()
    assert check.passed
    assert check.seen == {"dark": True, "bright": True, "steps": STEPS}
    assert check.display == SCREEN
    assert anna.session.session_key not in str(vars(check))
    assert len(check.session) == 64


def test_without_a_script_only_what_is_seen_is_stored(checked):
    anna = sign_in("anna")
    wrong = {"screen_width": "wide", "pixel_ratio": "nan", "colour_depth": "", "browser": "x" * 999}
    send(anna, "display", ALL_SEEN | wrong)
    assert DisplayCheck.objects.get().display == {}
    assert step_of(anna) is None


@pytest.mark.parametrize("seen", [{"dark": "no"}, {"bright": "no"}, {"steps": STEPS - 1}])
def test_a_failed_check_is_stored_told_and_blocks_nothing(seen, checked):
    anna = sign_in("anna")
    response = send(anna, "display", ALL_SEEN | seen)
    assert response["Location"] == "/read/study/before/display/"
    assert "brightness" in anna.get(response["Location"]).content.decode()
    assert not DisplayCheck.objects.get().passed
    assert step_of(anna) is None
    assert open_form(anna)
    assert send(anna, "display", ALL_SEEN)["Location"] == "/read/study/"  # looked again
    assert [check.passed for check in DisplayCheck.objects.order_by("pk")] == [False, True]
    assert anna.get("/read/study/before/display/")["Location"] == "/read/study/"


@pytest.mark.parametrize("missing", ["dark", "bright", "steps"])
def test_an_incomplete_check_is_no_check(missing, checked):
    data = {name: value for name, value in ALL_SEEN.items() if name != missing}
    assert send(sign_in("anna"), "display", data).status_code == 400
    assert not DisplayCheck.objects.exists()


def test_the_check_is_asked_once_a_sign_in_and_of_each_reader(checked):
    anna = sign_in("anna")
    send(anna, "display", ALL_SEEN)
    assert step_of(anna) is None
    assert step_of(sign_in("anna")) is OnboardingStep.DISPLAY
    boris = reader_of("boris")
    assert onboarding.next_step(boris, anna.session.session_key) is OnboardingStep.DISPLAY
