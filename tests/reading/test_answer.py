"""What a reader must say is what the protocol asks: no more, no less."""

import json
import re
from uuid import uuid4

import pytest
from django.test import Client

from readerstudy.reading.models import Reading, Trace
from tests import factories
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db

DIAGNOSIS = {"malignancy": "malignant", "etiology": "lymphoma"}
TRACE = {"active_ms": 900, "elapsed_ms": 1000, "submitted_at": "2026-01-01T00:00:00Z",
         "events": [[5, "painted", ""], [700, "choose", "malignancy benign"]],
         "exposure": []}  # fmt: skip


@shared
def plain():
    return factories.make_open(cases=1)


@shared
def on_five_points():
    return factories.make_open(cases=1, confidence="five_point")


@shared
def in_percent():
    return factories.make_open(cases=1, confidence="percent")


def open_study(**asked) -> Client:
    factories.make_open(cases=1, **asked)
    return sign_in("anna")


def submit(client: Client, **said):
    code = client.get("/api/v1/study/case/").json()["case"]["code"]
    body = {"code": code, "key": str(uuid4())} | DIAGNOSIS | said
    return client.post("/api/v1/study/readings/", json.dumps(body), content_type="application/json")


def is_taken(said: dict) -> bool:
    """Whether a diagnosis is stored with this beside it; else it is refused as incomplete."""
    status = submit(sign_in("anna"), **said).status_code
    assert status in (201, 400)
    assert Reading.objects.count() == (status == 201)
    return status == 201


@pytest.mark.parametrize(("said", "taken"), [({}, True), ({"confidence": 3}, False)])
def test_no_confidence_where_none_is_asked(said, taken, plain):
    assert is_taken(said) is taken


@pytest.mark.parametrize(
    ("said", "taken"),
    [({}, False), ({"confidence": 0}, False), ({"confidence": 1}, True), ({"confidence": 5}, True),
     ({"confidence": 6}, False)],
)  # fmt: skip
def test_confidence_on_five_points(said, taken, on_five_points):
    assert is_taken(said) is taken


@pytest.mark.parametrize(
    ("confidence", "taken"), [(0, True), (100, True), (101, False), (-1, False), (10**30, False)]
)
def test_confidence_in_percent(confidence, taken, in_percent):
    assert is_taken({"confidence": confidence}) is taken


def test_ratings_are_asked_in_stage_2_alone():
    client = open_study(rates_aid=True)
    assert submit(client, trust=3, usefulness=3).status_code == 400
    assert submit(client).status_code == 201
    assert submit(client).status_code == 400
    assert submit(client, trust=3).status_code == 400
    assert submit(client, trust=3, usefulness=6).status_code == 400
    assert submit(client, trust=3, usefulness=5).status_code == 201
    assert list(Reading.objects.order_by("pk").values_list("trust", "usefulness")) == [
        (None, None), (3, 5),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"quality_problem": "blurred", "quality_note": "moved"}, 201),
        ({"quality_problem": "blurred"}, 201),
        ({"quality_note": "moved"}, 400),
        ({"quality_problem": "ugly"}, 400),
        ({"quality_problem": "other", "quality_note": "x" * 201}, 400),
        ({"quality_problem": "other", "quality_note": "a\x00b"}, 400),
    ],
)
def test_poor_images_are_reported_with_a_reason(said, status, plain):
    assert submit(sign_in("anna"), **said).status_code == status


def test_a_refusal_is_told_in_each_readers_language(plain):
    client, wrong = sign_in("anna"), {"quality_problem": "other", "quality_note": "x" * 201}
    in_english = [submit(client, **wrong).json()["detail"]]
    client.cookies["django_language"] = "zh-hans"
    in_chinese = submit(client, **wrong).json()["detail"]
    client.cookies["django_language"] = "en"
    in_english.append(submit(client, **wrong).json()["detail"])
    assert in_english == ["Ensure this field has no more than 200 characters."] * 2
    assert "200" in in_chinese
    assert "Ensure" not in in_chinese


def test_a_trace_is_kept_with_its_reading(plain):
    assert submit(sign_in("anna"), trace=TRACE).status_code == 201
    kept = Trace.objects.get()
    assert (kept.active_ms, kept.elapsed_ms) == (900, 1000)
    assert kept.events == TRACE["events"]


@pytest.mark.parametrize(
    "changes",
    [
        {"active_ms": 1001}, {"active_ms": -1}, {"elapsed_ms": 10**12}, {"submitted_at": "now"},
        {"events": [[1, "a"]]}, {"events": [["1", "a", ""]]}, {"events": [[1, "A", ""]]},
        {"events": [[1, "a", "\x00"]]}, {"events": [[1, "a", "x" * 201]]},
        {"events": [[1, "a", ""]] * 2001}, {"events": {"a": 1}},
        {"exposure": [{"level": 3, "opacity": 1, "colour_map": "", "ms": 1}]},
        {"exposure": [{"level": 1, "opacity": 101, "colour_map": "", "ms": 1}]},
        {"exposure": [{"level": 1, "opacity": 1, "colour_map": "\u0000", "ms": 1}]},
        {"exposure": [1]},
    ],
    ids=str,
)  # fmt: skip
def test_a_trace_that_makes_no_sense_costs_no_diagnosis(changes, plain):
    answer = submit(sign_in("anna"), trace=json.loads(json.dumps(TRACE | changes, allow_nan=False)))
    assert answer.status_code == 201
    assert Reading.objects.count() == 1
    kept = Trace.objects.get()
    assert (kept.flags, kept.active_ms, kept.events) == ("untold unpainted", None, [])


def test_a_repetition_that_says_something_else_is_refused(on_five_points):
    client = sign_in("anna")
    code = client.get("/api/v1/study/case/").json()["case"]["code"]
    key = str(uuid4())
    said = [submit(client, code=code, key=key, confidence=number) for number in (2, 2, 3)]
    assert [answer.status_code for answer in said] == [201, 200, 409]


def test_the_page_asks_what_the_protocol_asks():
    client = open_study(confidence="percent", rates_aid=True)
    page = client.get("/read/study/").content.decode()
    assert 'name="confidence" min="0" max="100"' in page
    assert 'name="trust"' not in page
    assert submit(client, confidence=50).status_code == 201
    assert 'name="trust"' in client.get("/read/study/").content.decode()


FORM = {"confidence": "3", "trust": "4", "usefulness": "2"}


@shared
def aided():
    """Before the case with AI, in a study that asks for everything."""
    client = open_study(confidence="five_point", rates_aid=True)
    assert submit(client, confidence=1).status_code == 201


@pytest.fixture
def aided_client(aided) -> Client:
    return sign_in("anna")


def post_form(client: Client, **said: str) -> str:
    """The page that refuses this form, as a browser without scripts sends it."""
    code = client.get("/api/v1/study/case/").json()["case"]["code"]
    data = {"key": str(uuid4())} | FORM | said
    answer = client.post(f"/read/study/{code}/", data)
    assert answer.status_code == 400
    assert Reading.objects.count() == 1
    return answer.content.decode()


def test_a_refused_form_keeps_what_was_chosen(aided_client):
    page = post_form(aided_client, malignancy="malignant")  # and no etiology
    assert "Choose benign or malignant, then an etiology of that branch." in page
    chosen = re.findall(r'name="(\w+)" value="(\w+)"[^>]*\bchecked\b', page)
    assert {*FORM.items(), ("malignancy", "malignant")} <= set(chosen)
    assert len([name for name, _ in chosen if name in FORM]) == len(FORM)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"confidence": "abc"}, "How confident are you? · Enter a whole number."),
        (
            {"trust": "abc"},
            "How much do you trust the AI&#x27;s output for this case? · Enter a whole number.",
        ),
        ({"etiology": "flu"}, "Etiology · Select a valid choice. flu is not one"),
        ({"quality_problem": "ugly"}, "The image quality is insufficient · Select a valid choice."),
    ],
)
def test_a_refused_form_says_in_words_what_is_wrong_with_each_field(aided_client, said, words):
    assert words in post_form(aided_client, **DIAGNOSIS | said)
