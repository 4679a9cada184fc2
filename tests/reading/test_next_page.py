"""The next case's page comes with the answer to a submit, where there is a next case to show."""

import re
from uuid import uuid4

import pytest

from readerstudy.reading import lifecycle, onboarding
from readerstudy.reading.models import Presentation, Reading
from tests import factories
from tests.rules.walk import Api, Form, open_form, sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@shared
def three():
    return factories.make_open(cases=3)


def submit(client, form, *, wanted="?next=page", key=None):
    """Submit the case of an open form by the API; the answer."""
    return Api().submit(client, form.code, key=key, wanted=wanted)


def without_tokens(page: str) -> str:
    return re.sub(r'name="(key|csrfmiddlewaretoken)" value="[-\w]+"', "", page)


def own_parts(page: str) -> list[str]:
    """What of a page is put in the place of the case before (static/reading/case-page.js)."""
    where = re.findall('<div class="where">.*?</div>', page, re.DOTALL)
    return re.findall("<title>.*?</title>", page) + where + [page[page.index("<main>") :]]


def test_it_is_what_the_page_that_is_shown_then_has_of_its_own(three):
    client = sign_in("anna")
    answer = submit(client, open_form(client))
    assert answer.status_code == 201
    found = own_parts(without_tokens(answer.json()["next"]))
    whole = without_tokens(client.get("/read/study/").content.decode()).split("</main>")[0]
    assert len(found) == 3
    assert found == own_parts(f"{whole}</main>\n")


def test_its_case_counts_as_shown(three):
    client = sign_in("anna")
    following = Form(submit(client, open_form(client)).json()["next"], "study")
    assert Presentation.objects.filter(assignment__code=following.code).exists()
    assert submit(client, following).status_code == 201


def test_it_comes_with_a_repeated_submit_too(three):
    client = sign_in("anna")
    form, key = open_form(client), uuid4()
    first, again = (submit(client, form, key=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert without_tokens(first.json()["next"]) == without_tokens(again.json()["next"])


def test_who_does_not_ask_is_shown_nothing(three):
    client = sign_in("anna")
    answer = submit(client, open_form(client), wanted="")
    assert "next" not in answer.json()
    assert Presentation.objects.count() == 1


def test_none_where_stage_2_has_to_wait():
    factories.make_open(cases=1, washout_days=7)
    client = sign_in("anna")
    assert submit(client, open_form(client)).json()["next"] is None


def test_none_once_the_study_is_locked(three):
    client = sign_in("anna")
    form, key = open_form(client), uuid4()
    submit(client, form, key=key)
    lifecycle.lock_study(three, by="admin")
    again = submit(client, form, key=key)
    assert again.status_code == 200
    assert again.json()["next"] is None


@pytest.mark.parametrize("design", ["two_session", "sequential"])
def test_none_where_the_ai_output_is_missing(design, monkeypatch):
    factories.make_open(cases=1, design=design)
    client = sign_in("anna")
    form = open_form(client)
    monkeypatch.setattr("readerstudy.reading.blinding.predictions_of", lambda *_, **__: {})
    answer = submit(client, form)
    assert answer.status_code == 201
    assert answer.json()["next"] is None
    assert Presentation.objects.get().assignment.code == form.code


def test_none_and_none_counts_as_shown_while_a_display_check_is_due():
    factories.make_open(cases=3, checks_display=True)
    anna = factories.User.objects.get(username="anna")
    before = sign_in("anna")
    onboarding.DisplayCheck.objects.create(
        reader=onboarding.Reader.objects.get(user=anna), passed=True, seen={}, display={},
        session=onboarding.session_digest(before.session.session_key),
    )  # fmt: skip
    form = open_form(before)
    answer = submit(sign_in("anna"), form)
    assert answer.status_code == 201
    assert answer.json()["next"] is None
    assert Presentation.objects.get().assignment.code == form.code


def test_what_fails_while_preparation_is_looked_at_costs_no_diagnosis(monkeypatch, three):
    form = open_form(sign_in("anna"))
    monkeypatch.setattr("readerstudy.reading.onboarding.next_step_cached", lambda *_: 1 / 0)
    answer = submit(sign_in("anna"), form)
    assert answer.status_code == 201
    assert answer.json()["next"] is None
    assert Reading.objects.count() == 1


def test_a_page_that_fails_keeps_no_diagnosis_from_being_acknowledged(monkeypatch, caplog, three):
    client = sign_in("anna")
    form = open_form(client)
    monkeypatch.setattr(
        "readerstudy.reading.case_page.record_presentation", lambda assignment: 1 / 0
    )
    answer = submit(client, form)
    assert answer.status_code == 201
    assert answer.json()["next"] is None
    assert Reading.objects.count() == 1
    assert "ZeroDivisionError" in caplog.text
