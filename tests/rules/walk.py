"""Read as a browser does: open the page, find the form in it, send it."""

import json
import re
from uuid import uuid4

from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology

CODE = r"/read/[-\w]+/([0-9a-f]{16})/"


def sign_in(username: str, **options) -> Client:
    client = Client(**options)
    client.force_login(User.objects.get(username=username))
    return client


class Form:
    """The diagnosis form of a case page."""

    def __init__(self, page: str, slug: str):
        [self.code] = set(re.findall(CODE, page))
        # "Keep" and "change" are forms of one submit: a double click on both stores one reading.
        [self.key] = set(re.findall(r'name="key" value="([-0-9a-f]{36})"', page))
        self.csrf = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page)[-1]
        self.url = f"/read/{slug}/{self.code}/"

    def data(self, answer: Etiology = Etiology.LYMPHOMA, **changes) -> dict[str, str]:
        """What the browser sends; a field that is changed to None is left out."""
        values = {"key": self.key, **diagnosis(answer)} | changes
        return {name: value for name, value in values.items() if value is not None}


def diagnosis(answer: Etiology) -> dict[str, str]:
    return {"malignancy": answer.malignancy.value, "etiology": answer.value}


def open_form(client: Client, slug: str = "study") -> Form:
    """Open the current case and take its form."""
    response = client.get(f"/read/{slug}/")
    assert response.status_code == 200
    return Form(response.content.decode(), slug)


def read(client: Client, slug: str = "study", answer: Etiology = Etiology.LYMPHOMA) -> str:
    """Read the current case through the page; its code."""
    form = open_form(client, slug)
    assert client.post(form.url, form.data(answer)).status_code == 302
    return form.code


class Page:
    """Submit by the HTML form."""

    name = "page"

    def open(self, client: Client, slug: str = "study") -> str:
        """Open the current case; its code."""
        return open_form(client, slug).code

    def submit(self, client: Client, code: str, *, slug: str = "study", key=None,
               answer: Etiology = Etiology.LYMPHOMA, raw: dict | None = None):  # fmt: skip
        data = {"key": key or uuid4(), **diagnosis(answer)}
        return client.post(f"/read/{slug}/{code}/", data | (raw or {}))

    stored = 302
    replayed = 302

    def message(self, response) -> str:
        return re.sub(r"<[^>]+>|\s+", " ", response.content.decode())


class Api:
    """Submit by the JSON API."""

    name = "api"

    def open(self, client: Client, slug: str = "study") -> str:
        return client.get(f"/api/v1/{slug}/case/").json()["case"]["code"]

    def submit(self, client: Client, code: str, *, slug: str = "study", key=None,
               answer: Etiology = Etiology.LYMPHOMA, raw: dict | None = None,
               wanted: str = ""):  # fmt: skip
        data = {"code": code, "key": str(key or uuid4()), **diagnosis(answer)}
        return client.post(
            f"/api/v1/{slug}/readings/{wanted}",
            json.dumps(data | (raw or {})),
            content_type="application/json",
        )

    stored = 201
    replayed = 200

    def message(self, response) -> str:
        return json.dumps(response.json())
