"""A diagnosis is stored once, in order, consistent, and is never lost once acknowledged: by the
page and by the API alike."""

import json
import re
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Assignment, Presentation, Reader, Reading, Stage
from tests import factories
from tests.rules.walk import Api, Form, Page, open_form, read, sign_in
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@pytest.fixture(params=[Page(), Api()], ids=["page", "api"])
def door(request):
    return request.param


@shared
def study():
    return factories.make_open(cases=3)


@pytest.fixture
def anna(study) -> Client:
    return sign_in("anna")


def code_at(username: str, position: int, stage: int = Stage.UNAIDED) -> str:
    return Assignment.objects.get(
        reader__user__username=username, stage=stage, position=position
    ).code


def last_refusal() -> AuditEvent:
    return AuditEvent.objects.filter(outcome="refused").first()


def test_a_submit_is_stored_with_its_times(door, anna):
    code, key = door.open(anna), uuid4()
    assert door.submit(anna, code, key=key).status_code == door.stored
    reading = Reading.objects.get()
    assert (reading.assignment.code, reading.idempotency_key) == (code, key)
    assert (reading.malignancy, reading.etiology) == ("malignant", "lymphoma")
    assert reading.started_at == Presentation.objects.get(assignment__code=code).at
    assert reading.submitted_at >= reading.started_at
    event = AuditEvent.objects.get(action="reading.submit")
    assert (event.actor, event.study, event.outcome) == ("anna", "study", "done")
    assert event.address == "127.0.0.1"


def test_the_same_submit_again_returns_the_first_reading(door, anna):
    code, key = door.open(anna), uuid4()
    first = door.submit(anna, code, key=key)
    again = [door.submit(anna, code, key=key) for _ in range(3)]
    assert {r.status_code for r in again} == {door.replayed}
    assert Reading.objects.count() == 1
    assert AuditEvent.objects.filter(action="reading.submit").count() == 1
    if door.name == "api":
        assert [r.json() for r in again] == [first.json()] * 3


def test_a_key_of_another_form_is_the_same_key(anna, study):
    """Upper case or without dashes: still the same submit."""
    door, key = Api(), uuid4()
    code = door.open(anna)
    door.submit(anna, code, key=key)
    for spelling in (str(key).upper(), key.hex, f"{{{key}}}", key.urn):
        assert door.submit(anna, code, key=spelling).status_code == door.replayed
    assert Reading.objects.count() == 1


def test_a_submit_replayed_after_the_lock_is_answered_with_the_first(door, anna, study):
    code, key = door.open(anna), uuid4()
    door.submit(anna, code, key=key)
    lifecycle.lock_study(study, by="test")
    assert door.submit(anna, code, key=key).status_code == door.replayed
    assert Reading.objects.count() == 1


def test_a_submit_replayed_after_the_unblinding_is_answered_with_the_first(door, anna, study):
    code, key = door.open(anna), uuid4()
    door.submit(anna, code, key=key)
    factories.finish(study)
    assert door.submit(anna, code, key=key).status_code == door.replayed


@pytest.mark.parametrize("what", ["diagnosis", "case", "reader"])
def test_a_used_key_with_anything_else_is_refused(what, door, anna):
    code, key = door.open(anna), uuid4()
    door.submit(anna, code, key=key)
    if what == "diagnosis":
        response = door.submit(anna, code, key=key, answer=Etiology.METASTATIC)
    elif what == "case":
        response = door.submit(anna, door.open(anna), key=key)
    else:
        boris = sign_in("boris")
        response = door.submit(boris, door.open(boris), key=key)
    assert response.status_code == 409
    assert "counts" in door.message(response)
    assert [r.etiology for r in Reading.objects.all()] == ["lymphoma"]
    assert last_refusal().action == "reading.KeyReused"


def test_a_second_tab_is_told_plainly_and_the_first_reading_stands(door, anna):
    code = door.open(anna)
    door.submit(anna, code)
    response = door.submit(anna, code, answer=Etiology.REACTIVE)
    assert response.status_code == 409
    assert "already read this case" in door.message(response)
    assert "was not stored" in door.message(response)
    assert [r.etiology for r in Reading.objects.all()] == ["lymphoma"]


def test_a_second_tab_without_a_choice_is_told_the_same(anna):
    form = open_form(anna)
    anna.post(form.url, form.data())
    response = anna.post(form.url, {"key": str(uuid4())})
    assert "already read this case" in Page().message(response)
    assert response.status_code == 409
    # A mistake that anyone can make is no attempt at anything.
    assert last_refusal() is None


def test_the_second_tab_of_a_stage_2_case_as_well(door, study, anna):
    for reader in study.reader_set.filter(user__username="anna"):
        for _ in range(3):
            factories.read_next(reader)
    code = door.open(anna)
    assert door.submit(anna, code).status_code == door.stored
    response = door.submit(anna, code, answer=Etiology.METASTATIC)
    assert response.status_code == 409
    assert "already read this case" in door.message(response)


@pytest.mark.parametrize("position", [2, 3])
def test_an_own_case_out_of_order_is_refused_and_audited(position, door, anna):
    door.open(anna)
    code = code_at("anna", position)
    assert door.submit(anna, code).status_code == 403
    assert not Reading.objects.exists()
    event = last_refusal()
    assert (event.action, event.actor, event.study) == ("reading.OutOfOrder", "anna", "study")
    assert event.address == "127.0.0.1"


@pytest.mark.parametrize("design", ["two_session", "sequential"])
def test_a_stage_2_case_before_its_time_is_refused_and_audited(design, door):
    factories.make_open(cases=2, design=design)
    anna = sign_in("anna")
    door.open(anna)
    for position in (1, 2):
        response = door.submit(anna, code_at("anna", position, Stage.AIDED))
        assert response.status_code == 403
        assert last_refusal().action in ("reading.OutOfOrder", "reading.NotRevealed")
    assert not Reading.objects.exists()


def test_another_readers_case_is_not_there_and_audited(door, anna):
    sign_in("boris").get("/read/study/")
    door.open(anna)
    others = door.submit(anna, code_at("boris", 1))
    event = last_refusal()
    unknown = door.submit(anna, "0" * 16)
    assert (others.status_code, unknown.status_code) == (404, 404)
    assert (event.action, event.actor) == ("reading.NotYours", "anna")
    # The answers tell nothing about which of the two is a case at all.
    assert _without_tokens(others) == _without_tokens(unknown)
    assert not Reading.objects.exists()


def _without_tokens(response) -> str:
    return Page().message(response)


def test_another_studys_case_of_the_same_reader_is_not_there(door, anna):
    factories.make_open("second", cases=2)
    door.open(anna)
    code = door.open(anna, "second")
    assert door.submit(anna, code, slug="study").status_code == 404
    assert not Reading.objects.exists()


def test_a_case_that_was_not_opened_is_refused(door, anna):
    response = door.submit(anna, code_at("anna", 1))
    assert response.status_code == 403
    assert "Open the case" in door.message(response)
    assert not Reading.objects.exists()


INCONSISTENT = [
    {"malignancy": "benign", "etiology": "lymphoma"},
    {"malignancy": "malignant", "etiology": "reactive_hyperplasia"},
    {"malignancy": "", "etiology": "lymphoma"},
    {"malignancy": "benign", "etiology": ""},
    {"malignancy": "", "etiology": ""},
    {"malignancy": "MALIGNANT", "etiology": "lymphoma"},
    {"malignancy": "malignant", "etiology": "sarcoma"},
    {"malignancy": "malignant\x00", "etiology": "lymphoma"},
    {"malignancy": "malignant", "etiology": "lymphoma\n"},
    {"malignancy": "x" * 100_000, "etiology": "\x00"},
]


@pytest.mark.parametrize("pair", INCONSISTENT, ids=lambda pair: repr(pair)[:70])
def test_an_inconsistent_diagnosis_is_refused_and_nothing_is_stored(pair, door, anna):
    code = door.open(anna)
    response = door.submit(anna, code, raw=pair)
    assert response.status_code == 400
    assert not Reading.objects.exists()
    assert door.open(anna) == code


@pytest.mark.parametrize(
    "key", ["", "x", "None", "\x00", "1" * 5000, "0" * 31, "é" * 32], ids=lambda key: repr(key)[:9]
)
def test_a_broken_key_is_refused_and_nothing_is_stored(key, door, anna):
    code = door.open(anna)
    response = door.submit(anna, code, raw={"key": key})
    assert response.status_code == 400
    assert not Reading.objects.exists()


@pytest.mark.parametrize("key", ["", "x"])
def test_the_page_that_refuses_a_broken_key_can_be_sent_again(key, anna):
    """Whatever broke it, the reader's next click must be able to store the diagnosis."""
    form = open_form(anna)
    response = anna.post(form.url, form.data(key=key))
    again = Form(response.content.decode(), "study")
    assert anna.post(again.url, again.data()).status_code == 302


def test_the_page_that_refuses_keeps_its_key_and_what_was_chosen(anna):
    form = open_form(anna)
    response = anna.post(form.url, form.data(etiology=None))
    page = response.content.decode()
    assert response.status_code == 400
    assert Form(page, "study").key == form.key
    assert re.search(r'value="malignant"[^>]* checked', page)
    assert "Choose benign or malignant" in page


BODIES = [
    b"", b"null", b"[]", b'"x"', b"1", b"{", b"\x00", b"\xff\xfe", b"[" * 2000, b'{"code": []}',
    b'{"code": {"a": 1}, "key": {}, "malignancy": [], "etiology": {}}',
    b'{"code": "\\u0000", "key": 1, "malignancy": true, "etiology": null}',
    b'{"code": "\\ud800", "key": -1, "malignancy": "\\ud800", "etiology": 1e400}',
]  # fmt: skip


@pytest.mark.parametrize("body", BODIES, ids=lambda body: repr(body)[:40])
def test_the_api_refuses_what_is_no_reading(body, anna):
    Api().open(anna)
    anna.raise_request_exception = False
    response = anna.post("/api/v1/study/readings/", body, content_type="application/json")
    assert response.status_code == 400
    assert isinstance(response.json(), dict | list)
    assert not Reading.objects.exists()


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "text/html"])
def test_the_api_takes_json_alone(kind, anna):
    response = anna.post("/api/v1/study/readings/", b"code=1", content_type=kind)
    assert response.status_code == 415


@pytest.mark.parametrize("step", ["draft", "locked", "unblinded"])
def test_a_study_that_is_not_open_takes_no_readings(step, door, study, anna):
    slug, code = "study", door.open(anna)
    if step == "draft":
        factories.make_draft("draft", cases=1)
        slug = "draft"
    else:
        lifecycle.lock_study(study, by="test")
        if step == "unblinded":
            lifecycle.unblind_study(study, by="test")
    response = door.submit(anna, code, slug=slug)
    assert response.status_code == 409
    assert "not accept readings" in door.message(response)
    assert not Reading.objects.exists()


def test_nothing_is_lost_when_a_case_without_the_models_result_comes_up(door, monkeypatch):
    """It must not happen; if it does, nothing is stored and nothing breaks."""
    study = factories.make_open(cases=1)
    anna = sign_in("anna")
    factories.read_next(study.reader_set.get(user__username="anna"))
    code = door.open(anna)
    monkeypatch.setattr("readerstudy.reading.blinding.predictions_of", lambda *_, **__: {})
    response = door.submit(anna, code)
    assert response.status_code == 409
    assert "safe" in door.message(response)
    assert anna.get("/read/study/").status_code == 409
    assert anna.get(f"/read/study/{code}/heatmap/1/bus.png").status_code == 409
    assert Reading.objects.count() == 1


class TestStage2:
    @pytest.fixture
    def anna(self):
        study = factories.make_open("second", cases=2, design="sequential")
        client = sign_in("anna")
        read(client, "second", Etiology.TUBERCULOUS)
        assert study.reader_set.count() == 2
        return client

    def answers(self) -> list[tuple[str, str]]:
        return [(r.malignancy, r.etiology) for r in Reading.objects.order_by("pk")]

    def test_keep_stores_the_stage_1_answer(self, anna):
        form = open_form(anna, "second")
        assert anna.post(form.url, {"key": form.key, "keep": "1"}).status_code == 302
        assert self.answers() == [("benign", "tuberculous_lymphadenitis")] * 2

    def test_keep_sent_twice_stores_one_reading(self, anna):
        form = open_form(anna, "second")
        for _ in range(2):
            assert anna.post(form.url, {"key": form.key, "keep": "1"}).status_code == 302
        assert Reading.objects.count() == 2

    def test_change_stores_the_other_answer(self, anna):
        form = open_form(anna, "second")
        anna.post(form.url, form.data(Etiology.METASTATIC, change="1"))
        assert self.answers()[1] == ("malignant", "metastatic_carcinoma")

    def test_keep_with_another_diagnosis_chosen_is_not_taken_for_either(self, anna):
        """Enter in a form presses its first button, which is "Keep", whatever is chosen."""
        form = open_form(anna, "second")
        response = anna.post(form.url, form.data(Etiology.METASTATIC, keep="1"))
        assert self.answers()[1:] in ([], [("malignant", "metastatic_carcinoma")])
        assert response.status_code in (302, 400)

    def test_a_submit_without_a_choice_stores_nothing(self, anna):
        form = open_form(anna, "second")
        assert anna.post(form.url, {"key": form.key, "change": "1"}).status_code == 400
        assert Reading.objects.count() == 1


def test_keep_in_stage_1_is_no_answer(anna):
    form = open_form(anna)
    assert anna.post(form.url, {"key": form.key, "keep": "1"}).status_code == 400
    assert not Reading.objects.exists()


class TestCsrf:
    def test_the_page_needs_its_token(self, study):
        client = sign_in("anna", enforce_csrf_checks=True)
        form = open_form(client)
        refused = client.post(form.url, form.data())
        assert refused.status_code == 403
        assert "Nothing was stored" in refused.content.decode()
        assert not Reading.objects.exists()
        taken = client.post(form.url, form.data(csrfmiddlewaretoken=form.csrf))
        assert taken.status_code == 302

    def test_the_api_needs_its_token(self, study):
        client = sign_in("anna", enforce_csrf_checks=True)
        form = open_form(client)
        body = json.dumps({"code": form.code, **form.data()})
        send = {"data": body, "content_type": "application/json"}
        refused = client.post("/api/v1/study/readings/", **send)
        assert refused.status_code == 403
        assert "Nothing was stored" in refused.json()["detail"]
        assert not Reading.objects.exists()
        taken = client.post("/api/v1/study/readings/", **send, headers={"X-CSRFToken": form.csrf})
        assert taken.status_code == 201

    @pytest.mark.parametrize("url", ["/accounts/sign-in/", "/accounts/sign-out/"])
    def test_signing_in_and_out_needs_one_too(self, url, study):
        client = sign_in("anna", enforce_csrf_checks=True)
        assert client.post(url, {}).status_code == 403
        assert client.get("/").status_code == 200


def test_a_reader_whose_account_closes_stores_nothing_more(door, anna, study):
    code = door.open(anna)
    Reader.objects.get(user__username="anna").user.__class__.objects.filter(username="anna").update(
        is_active=False
    )
    assert door.submit(anna, code).status_code in (302, 401)
    assert not Reading.objects.exists()


def test_a_reader_made_staff_stores_nothing_more(door, anna, study):
    code = door.open(anna)
    user = Reader.objects.get(user__username="anna").user
    user.is_staff = True
    user.save()
    assert door.submit(anna, code).status_code == 404
    assert not Reading.objects.exists()


def test_the_next_case_is_shown_by_the_transaction_that_stores_the_reading(anna, monkeypatch):
    door = Api()
    monkeypatch.setattr("readerstudy.reading.api.next_page", lambda *_: None)
    door.submit(anna, door.open(anna), wanted="?next=page")
    code = code_at("anna", 2)
    assert [shown.assignment.code for shown in Presentation.objects.order_by("pk")][1:] == [code]
    monkeypatch.setattr("readerstudy.reading.submission.record", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        door.submit(anna, code, wanted="?next=page")
    assert Reading.objects.count() == 1
    assert Presentation.objects.count() == 2


def test_a_next_case_that_fails_in_the_database_costs_no_reading(anna, monkeypatch, caplog):
    def fails(_assignment):
        monkeypatch.undo()  # it fails once
        with connection.cursor() as cursor:
            cursor.execute("SELECT nothing_of_that_name")

    door = Api()
    code = door.open(anna)
    monkeypatch.setattr("readerstudy.reading.submission._note_shown", fails)
    answer = door.submit(anna, code, wanted="?next=page")
    assert answer.status_code == 201
    assert Reading.objects.get().assignment.code == code
    assert "nothing_of_that_name" in caplog.text
    assert code_at("anna", 2) in answer.json()["next"]  # the page noted it as shown in its turn
