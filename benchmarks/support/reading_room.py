"""Our reading room: a study of phantoms on the benchmark's site, and those who read it."""

import json
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import cycle
from uuid import uuid4

from django.conf import settings
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from benchmarks.support.browser import Browser, Unexpected
from benchmarks.support.cohort import Drawn, add_jobs
from benchmarks.support.reads import Read
from benchmarks.support.site import made_up_model
from inference.models import StudyModel
from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Case, Protocol, ReferenceStandard, Study
from readerstudy.studies.review.approval import approve, images_with_reviews

PICTURE = re.compile(r"/read/[-\w]+/([0-9a-f]{16})/[/\w]+\.png")
EVENTS = [[40 * n, "window", "level 128 width 256"] for n in range(20)]  # of a short reading


def open_study(
    slug: str, *, drawn: list[list[Drawn]], cases: int, readers: int, design: str
) -> list["StudyReader"]:
    """An open study of so many cases; its readers, signed in. The model's results are made up."""
    version = made_up_model()
    add_jobs(cases, drawn=drawn, model_version=version, done=cases, slug=slug)
    study = Study.objects.get(slug=slug)
    Protocol.objects.create(study=study, design=design, seed=1, plan_before_opening=False)
    StudyModel.objects.create(study=study, model_version=version)
    ReferenceStandard.objects.bulk_create(
        ReferenceStandard(
            case=case, malignancy=etiology.malignancy, etiology=etiology,
            pathologic_method="needle_biopsy",
        )
        for case, etiology in zip(Case.objects.filter(cohort__study=study), cycle(Etiology))
    )  # fmt: skip
    users = [User.objects.create(username=f"{slug}-{number}") for number in range(readers)]
    Reader.objects.bulk_create(
        Reader(study=study, user=user, code=f"R{n}", years_of_experience=9, group="senior")
        for n, user in enumerate(users, start=1)
    )
    approve(
        dict(images_with_reviews(study).values_list("pk", "sha256")), study=study, by="benchmark"
    )
    lifecycle.open_study(study, by="benchmark")
    return [StudyReader(slug, user) for user in users]


@dataclass(frozen=True)
class Acknowledged:
    """A diagnosis that the site said it has stored."""

    key: str
    code: str
    etiology: Etiology


class StudyReader:
    """Somebody who opens the current case, looks at its images, and submits a diagnosis."""

    def __init__(self, slug: str, user: User):
        self.slug = slug
        self.client = Client()  # in this process, for what it asks of the database
        self.client.force_login(user)
        self.acknowledged: list[Acknowledged] = []
        self._browser: Browser | None = None
        self._page = b""

    def sit_down(self, address: str) -> None:
        """Go on at the site that is served there, in the session that is signed in."""
        cookie = self.cookie
        self._browser = Browser(address, {cookie["name"]: cookie["value"]})

    @property
    def cookie(self) -> dict[str, str]:
        """Name and value of the cookie by which this reader is signed in."""
        name = settings.SESSION_COOKIE_NAME
        return {"name": name, "value": self.client.cookies[name].value}

    def read(self, *, with_images: bool = True) -> Read:
        """The next case's page comes with the answer to a submit, but for the first one.

        Raises Unexpected where the site shows no case or does not take the diagnosis.
        """
        page = self._page or self._browser.get(f"/read/{self.slug}/")
        code, pictures = _found(page)
        begin = time.perf_counter()
        images = self._look(pictures) if with_images else []
        submit_begin = time.perf_counter()
        body = _submit_body(code, seconds=submit_begin - begin)
        answer = self._browser.post_json(f"/api/v1/{self.slug}/readings/?next=page", body)
        end = time.perf_counter()
        self.acknowledged.append(Acknowledged(body["key"], code, Etiology(body["etiology"])))
        self._page = (json.loads(answer)["next"] or "").encode()
        return Read(
            seconds=end - submit_begin,
            page_bytes=len(self._page),
            image_bytes=sum(map(len, images)),
        )

    def _look(self, pictures: list[str]) -> list[bytes]:
        """What comes with a case besides: the images, and where those of the next one are."""
        self._browser.get(f"/api/v1/{self.slug}/upcoming/")
        return [self._browser.get(picture) for picture in pictures]

    def arrive(self) -> None:
        """Ask for something, in this process: a session's first request asks the database more."""
        with answered_here():
            self.client.get(f"/api/v1/{self.slug}/upcoming/")

    def count_queries(self) -> tuple[int, int]:
        """Read a case in this process: queries of a page, and of a submit with the next one."""
        with answered_here():
            self.client.get(f"/read/{self.slug}/")  # the first sight of a case writes when it was
        with answered_here(), CaptureQueriesContext(connection) as of_page:
            page = self.client.get(f"/read/{self.slug}/")
        code, _ = _found(page.content)
        body = _submit_body(code, seconds=0)
        path = f"/api/v1/{self.slug}/readings/?next=page"
        with answered_here(), CaptureQueriesContext(connection) as of_submit:
            answer = self.client.post(path, body, content_type="application/json")
        if answer.status_code != 201:
            raise Unexpected(f"POST {path}: {answer.status_code}")
        return len(of_page), len(of_submit)


@contextmanager
def answered_here() -> Iterator[None]:
    """In the block, Django's test client is answered."""
    hosts = settings.ALLOWED_HOSTS
    settings.ALLOWED_HOSTS = ["testserver"]
    try:
        yield
    finally:
        settings.ALLOWED_HOSTS = hosts


def _found(page: bytes) -> tuple[str, list[str]]:
    """The code of the page's case, and where its images and heatmaps are, as the page has them."""
    found = {match[0]: match[1] for match in PICTURE.finditer(page.decode())}
    codes = set(found.values())
    if len(codes) != 1:
        raise Unexpected("the page shows no case")
    return codes.pop(), list(found)


def _submit_body(code: str, *, seconds: float) -> dict:
    """What the page's scripts send, with what they tell of how the reading went."""
    etiology = list(Etiology)[int(code, 16) % len(Etiology)]
    told = {
        "active_ms": round(1000 * seconds),
        "elapsed_ms": round(1000 * seconds),
        "submitted_at": datetime.now(UTC).isoformat(),
        "events": EVENTS,
        "exposure": [],
    }
    return {
        "code": code,
        "key": str(uuid4()),
        "malignancy": etiology.malignancy,
        "etiology": etiology,
        "trace": told,
    }
