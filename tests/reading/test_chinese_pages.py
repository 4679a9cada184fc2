"""Everything that a reader can meet, in Chinese: not a word of it is left in English.

Each visit asks the site as a browser that is set to Chinese does, and gives back whole answers;
what a person would see or hear of them may hold no Latin word but those of ``NAMES``.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.core import mail
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from inference.models import Prediction
from inference.queue import input_digest
from readerstudy.accounts.invitations import token_of
from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import QualityProblem
from readerstudy.studies.models import Case, Protocol, Study
from tests import factories
from tests.accounts.authenticator import set_up
from tests.reading.onboarding import ALL_SEEN, EVERYTHING, PROFILE, make_open, practise, send
from tests.reading.visible import texts
from tests.rules.walk import diagnosis, open_form, read, sign_in

pytestmark = pytest.mark.django_db

# What is written in Latin letters in Chinese too: names, abbreviations, units, keys.
NAMES = {
    "AI", "CLA", "HDM", "JavaScript", "JSON", "UUID", "mm", "UTC", "Esc", "Ctrl", "Alt", "Cmd",
    "English", "Inferno", "Viridis",
    "Ia", "Ib", "II", "IIa", "IIb", "III", "IV", "Va", "Vb", "VI", "VII",
}  # fmt: skip
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")
WORD = re.compile(r"[A-Za-z]{2,}")
CHINESE = {"HTTP_ACCEPT_LANGUAGE": "zh-CN,zh;q=0.9"}
INFORMATION = {"information": "每个病例阅读两次。"}


def english_in(answer: HttpResponse) -> set[str]:
    """The Latin words of an answer that a person sees or hears."""
    body = answer.content.decode()
    found = texts(body) if "html" in answer["Content-Type"] else _told(answer, json.loads(body))
    assert found
    said = PLACEHOLDER.sub("", " ".join(found))
    return set(WORD.findall(said)) - NAMES


def _told(answer: HttpResponse, held: dict) -> list[str]:
    """What the API tells a person; addresses and codes, in English, are for scripts."""
    if answer.status_code < 400:
        baseline = held["case"]["baseline"]
        return [*baseline, *baseline.values()]
    return _values({part: told for part, told in held.items() if part != "refusal"})


def _values(answer) -> list[str]:
    """The messages of a refusal: what it holds, not what its parts are called."""
    if isinstance(answer, dict):
        return [text for value in answer.values() for text in _values(value)]
    if isinstance(answer, list):
        return [text for value in answer for text in _values(value)]
    return [str(answer)]


def chinese(username: str) -> Client:
    """Sign in; whoever it is has a Chinese name, and so have all studies."""
    User.objects.filter(username=username).update(last_name="王", first_name="芳")
    Study.objects.update(title="颈部淋巴结超声研究")
    return sign_in(username, **CHINESE)


def post(client: Client, **data) -> HttpResponse:
    """Send the current case's form as it stands, changed by ``data``."""
    form = open_form(client)
    return client.post(form.url, {"key": form.key} | data)


def api(client: Client, **data) -> HttpResponse:
    """The same by the API."""
    body = {"code": open_form(client).code, "key": str(uuid4()), **data}
    return client.post("/api/v1/study/readings/", json.dumps(body), "application/json")


def signing_in() -> Iterator[HttpResponse]:
    client = Client(**CHINESE)
    factories.make_user("anna")
    yield client.get("/accounts/sign-in/")
    yield client.post("/accounts/sign-in/", {"username": "anna", "password": "none"})
    yield client.post("/accounts/sign-in/", {})
    yield client.get("/api/v1/study/case/")
    yield client.get("/no/such/page")
    yield Client(enforce_csrf_checks=True, **CHINESE).post("/accounts/sign-in/")
    yield chinese("anna").get("/")  # without a study
    User.objects.filter(username="anna").update(is_staff=True)
    yield chinese("anna").get("/")


def accounts() -> Iterator[HttpResponse]:
    user = factories.make_user("王芳", email="fang@example.org")
    client = Client(**CHINESE)
    client.force_login(user)
    wrong = {
        "oldpassword": "x",
        "password1": "1234",
        "password2": "x",
        "code": "x",
        "password": "x",
    }
    for page in ("mine/", "recovery-codes/new/", "password/", "confirm/", "second-factor/set-up/"):
        for answer in (client.get(f"/accounts/{page}"), client.post(f"/accounts/{page}", wrong)):
            answer.content = re.sub(rb'(id="secret">)\w+', rb"\1", answer.content)
            if answer.status_code != 405:  # a page without a form
                yield answer
    set_up(client)
    for page in ("mine/", "recovery-codes/", "second-factor/remove/", "confirm/code/"):
        yield client.get(f"/accounts/{page}")
    yield client.post("/accounts/confirm/code/", wrong)
    stopped = Client(**CHINESE)
    stopped.post("/accounts/sign-in/", {"username": "王芳", "password": factories.PASSWORD})
    yield stopped.get("/accounts/second-factor/")
    for _ in range(6):  # and then no more
        yield stopped.post("/accounts/second-factor/", wrong)


def without_a_password() -> Iterator[HttpResponse]:
    client = Client(**CHINESE)
    factories.make_user("王芳", email="fang@example.org")
    guest = User.objects.create(username="刘洋", password="!", invited_at=timezone.now())
    address = "/accounts/invitation/"
    client.get(f"{address}{token_of(guest)}/")
    yield client.get(address)
    yield client.post(address, {"password1": "1234", "password2": "x"})
    yield Client(**CHINESE).get(address)
    forgotten = "/accounts/password/forgotten/"
    yield client.get(forgotten)
    yield client.post(forgotten, {"email": "x"})
    client.post(forgotten, {"email": "fang@example.org"})
    yield client.get(f"{forgotten}sent/")
    sent = mail.outbox[0]
    [link] = re.findall(r"http://\S+", sent.body)
    assert english_in(HttpResponse(f"{sent.subject} {sent.body.replace(link, '')}")) == set()
    hidden = client.get(link)["Location"]
    yield client.get(hidden)
    yield client.post(hidden, {"password1": "1234", "password2": "x"})
    yield client.get("/accounts/password/new/done/")
    yield client.get("/accounts/password/new/1-none/")


def in_a_demo() -> Iterator[HttpResponse]:
    study = factories.make_draft(cases=1)
    Study.objects.update(is_synthetic=True)
    lifecycle.open_study(study, by="test")
    factories.make_investigator(study)
    client = chinese("anna")
    yield client.get("/")
    yield client.get("/read/study/")
    yield chinese("ivan").get("/")


def errors() -> Iterator[HttpResponse]:
    study = factories.make_open(cases=2)
    client = chinese("anna")
    code = read(client)
    key = uuid4()
    for address in ("/results/study/", "/admin/", "/read/none/", "/api/v1/none/case/", "/none"):
        yield client.get(address)
    for of, data in (
        (code, diagnosis(Etiology.LYMPHOMA)),  # read already
        ("0" * 16, diagnosis(Etiology.LYMPHOMA)),
        (open_form(client).code, {"malignancy": "benign", "etiology": "lymphoma"}),
        (open_form(client).code, {"keep": "1"}),
        (open_form(client).code, {"keep": "1", "malignancy": "benign"}),
    ):
        yield client.post(f"/read/study/{of}/", {"key": key} | data)
    yield client.post(f"/read/study/{open_form(client).code}/", {"key": "none"})
    yield client.get(f"/read/study/{code}/heatmap/1/bus.png")
    last = study.reader_set.get(user__username="anna").assignment_set.last().code
    yield client.get(f"/read/study/{last}/bus.png")
    strict = Client(enforce_csrf_checks=True, **CHINESE)
    strict.force_login(User.objects.get(username="anna"))
    yield strict.post(f"/read/study/{code}/", {})
    yield strict.post("/api/v1/study/readings/", {}, "application/json")


def messages_of_the_api() -> Iterator[HttpResponse]:
    factories.make_open(cases=2, confidence=Protocol.Confidence.FIVE_POINT)
    client = chinese("anna")
    good = {"malignancy": "malignant", "etiology": "lymphoma", "confidence": 2}
    for change in (
        {"malignancy": "x"}, {"etiology": None}, {"confidence": None}, {"confidence": 9},
        {"confidence": "x"}, {"key": "x"}, {"code": "x"}, {"quality_problem": "x"},
        {"quality_note": "x"}, {"quality_note": "x" * 999}, {"trust": 1},
        {"malignancy": "benign"},
    ):  # fmt: skip
        yield api(client, **good | change)
    # What is no JSON at all, no page of ours sends: that is told in the words of Python.
    yield client.post("/api/v1/study/readings/", "[" * 5000, "application/json")


def before_the_first_case() -> Iterator[HttpResponse]:
    make_open(practice=2, **EVERYTHING | INFORMATION)
    client = chinese("anna")
    for step, wrong, right in (
        ("consent", {}, {"consent": "on"}),
        ("profile", {"ai_use": "x", "years_of_neck_ultrasound": "-1"}, PROFILE),
        ("display", {"dark": "x", "steps": "99"}, ALL_SEEN | {"dark": "no"}),
    ):
        yield client.get("/")
        yield client.get(f"/read/study/before/{step}/")
        yield send(client, step, {})
        yield send(client, step, wrong)
        send(client, step, right)
    yield client.get("/read/study/before/display/")  # not all was told apart
    yield client.get("/")
    for number in (1, 2):
        yield client.get(f"/read/study/before/practice/{number}/")
        yield send(client, f"practice/{number}", {"malignancy": "benign", "etiology": "lymphoma"})
        practise(client, number)
        yield client.get(f"/read/study/before/practice/{number}/")
        yield client.get("/read/study/before/practice/9/")
    yield client.get("/")


def _cases(**protocol) -> Iterator[HttpResponse]:
    """A case in both stages, asked too little first."""
    factories.make_open(cases=1, design=Protocol.Design.SEQUENTIAL, **protocol)
    client = chinese("anna")
    answer = diagnosis(Etiology.LYMPHOMA)
    if protocol["confidence"] != Protocol.Confidence.NONE:
        answer["confidence"] = 3
    for ratings in ({}, {"trust": 4, "usefulness": 5}):
        yield client.get("/read/study/")
        yield client.get("/api/v1/study/case/")
        yield post(client)
        yield post(client, **answer, quality_note="模糊")
        yield post(client, **answer, quality_problem="x")
        yield post(client, **diagnosis(Etiology.LYMPHOMA))  # stored, where nothing more is asked
        if protocol["rates_aid"] or protocol["confidence"] != Protocol.Confidence.NONE:
            rated = ratings if protocol["rates_aid"] else {}
            problem = {"quality_problem": QualityProblem.GAIN, "quality_note": "过暗"}
            assert post(client, **answer, **rated, **problem).status_code == 302
    yield client.get("/read/study/")  # all is read
    yield client.get("/")


def cases_with_nothing_asked() -> Iterator[HttpResponse]:
    return _cases(confidence=Protocol.Confidence.NONE, rates_aid=False)


def cases_with_five_points_and_ratings() -> Iterator[HttpResponse]:
    return _cases(confidence=Protocol.Confidence.FIVE_POINT, rates_aid=True, session_minutes=30)


def cases_with_percent() -> Iterator[HttpResponse]:
    return _cases(confidence=Protocol.Confidence.PERCENT, rates_aid=False)


def models_that_tell_what_they_lack() -> Iterator[HttpResponse]:
    study = factories.make_draft(cases=1, design=Protocol.Design.SEQUENTIAL)
    untrained = {"name": "CLA-HDM", "version": "2", "is_trained": False}
    elsewhere = factories.make_model(**untrained, is_external=True, weights="")
    factories.choose_model(study, elsewhere)
    case = Case.objects.get()
    Prediction.objects.create(
        case=case, model_version=elsewhere, input_sha256=input_digest(case.image_set.all()),
        p_malignant=0.8, p_tuberculous=0.3, p_metastatic=0.6,
    )  # fmt: skip
    lifecycle.open_study(study, by="test")
    client = chinese("anna")
    read(client)
    yield client.get("/read/study/")
    yield client.get(f"/read/study/{open_form(client).code}/heatmap/1/bus.png")
    with patch("readerstudy.reading.blinding.predictions_of", return_value={}):
        yield client.get("/read/study/")


def the_ends_of_a_study() -> Iterator[HttpResponse]:
    today = timezone.localdate()
    due = {"stage_1_due": today - timedelta(days=3), "stage_2_due": today + timedelta(days=9)}
    study = factories.make_draft(cases=1, washout_days=14, **due)
    client = chinese("anna")
    yield client.get("/read/study/")  # a draft
    lifecycle.open_study(study, by="test")
    yield client.get("/")
    read(client)
    yield client.get("/")
    yield client.get("/read/study/")  # the weeks between
    lifecycle.lock_study(study, by="test")
    yield client.get("/")
    yield client.get("/read/study/")
    yield client.post("/read/study/" + "0" * 16 + "/", {"key": uuid4()})
    factories.unblind(study)
    yield client.get("/")
    yield client.get("/read/study/")


VISITS = (
    signing_in, accounts, without_a_password, in_a_demo, errors, messages_of_the_api,
    before_the_first_case,
    cases_with_nothing_asked, cases_with_five_points_and_ratings, cases_with_percent,
    models_that_tell_what_they_lack, the_ends_of_a_study,
)  # fmt: skip


@pytest.mark.parametrize("visit", VISITS, ids=lambda visit: visit.__name__)
def test_no_word_is_left_in_english(visit, settings):
    settings.DEMO = visit is in_a_demo
    left = {}
    seen = 0
    for answer in visit():
        if answer.status_code == 302:
            continue
        seen += 1
        if words := english_in(answer):
            left[answer.request["PATH_INFO"], seen] = words
    assert left == {}
    assert seen >= 3


def test_a_failure_of_ours_is_told_in_chinese(monkeypatch):
    factories.make_open(cases=1)
    client = chinese("anna")
    client.raise_request_exception = False
    monkeypatch.setattr(
        "readerstudy.reading.case_page.record_presentation", lambda assignment: 1 / 0
    )
    answer = client.get("/read/study/")
    assert answer.status_code == 500
    assert "系统出错" in answer.content.decode()
    assert english_in(answer) == set()


def test_the_check_above_sees_english_wherever_it_is():
    page = HttpResponse(
        '<p>Alpha</p><img alt="Beta"><a title="Gamma" aria-label="Delta">是</a><kbd>Not</kbd>'
        '<input placeholder="Epsilon" type="submit" value="Zeta"><option>Eta</option>'
        '<p data-told="Theta iota">AI</p><script id="words" type="application/json">{"a":"Kappa"}'
        "</script><script>Never</script>"
    )
    assert english_in(page) == {
        "Alpha", "Beta", "Gamma", "Delta", "Epsilon", "Zeta", "Eta", "Theta", "iota", "Kappa",
    }  # fmt: skip
