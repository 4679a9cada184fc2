"""What a reader meets in one language, page by page, in words."""

import re
from collections.abc import Iterator

from django.test import Client

from readerstudy.studies.models import Protocol
from tests import factories
from tests.reading.onboarding import ALL_SEEN, EVERYTHING, PROFILE, make_open, practise, send
from tests.reading.visible import texts
from tests.rules.walk import open_form, sign_in

LANGUAGES = {"en": "en-GB", "zh-hans": "zh-CN"}
RANDOM = (
    (
        re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|\+00:00)?)?"),
        "(a time)",
    ),
    (re.compile(r"\b(?=[0-9a-f]*\d)[0-9a-f]{16,}\b"), "(a code)"),
)


def words(page: str) -> list[str]:
    """A page's texts; times and codes, which differ each time, are left out."""
    found = [" ".join(text.split()) for text in texts(page)]
    for pattern, instead in RANDOM:
        found = [pattern.sub(instead, text) for text in found]
    return found


def of_a_reader(language: str) -> Iterator[tuple[str, list[str]]]:
    """From the sign-in through all that comes before the first case to the last diagnosis."""
    accept = {"HTTP_ACCEPT_LANGUAGE": LANGUAGES[language]}
    stranger = Client(**accept)
    yield "sign-in", _words(stranger, "/accounts/sign-in/")
    yield "no such page", _words(stranger, "/no/such/page/", status=404)
    study = make_open(
        practice=1, cases=1, design=Protocol.Design.SEQUENTIAL, confidence="five_point",
        rates_aid=True, session_minutes=20, readers=("anna",), **EVERYTHING,
    )  # fmt: skip
    anna = sign_in("anna", **accept)
    yield "my studies", _words(anna, "/")
    before = (("consent", {"consent": "on"}), ("profile", PROFILE), ("display", ALL_SEEN))
    for step, answer in before:
        yield step, _words(anna, f"/read/study/before/{step}/")
        send(anna, step, answer)
    yield "practice", _words(anna, "/read/study/before/practice/1/")
    practise(anna, 1)
    yield "practice, answered", _words(anna, "/read/study/before/practice/1/")
    yield "stage 1", _words(anna, "/read/study/")
    form = open_form(anna)
    refused = anna.post(form.url, form.data(etiology=None))
    yield "stage 1, refused", words(refused.content.decode())
    anna.post(form.url, form.data(confidence=3))
    yield "stage 2", _words(anna, "/read/study/")
    form = open_form(anna)
    anna.post(form.url, form.data(confidence=4, aid_rating=3))
    yield "all is read", _words(anna, "/read/study/")
    yield "my studies, all is read", _words(anna, "/")
    factories.finish(study)
    yield "unblinded", _words(anna, "/read/study/")


def _words(client: Client, address: str, *, status: int = 200) -> list[str]:
    answer = client.get(address)
    assert answer.status_code == status, (address, answer.status_code)
    return words(answer.content.decode())
