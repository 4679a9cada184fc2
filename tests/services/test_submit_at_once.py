"""One reading, however many submits of a case arrive at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from uuid import uuid4

import pytest

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.services.site import Client, Site, Sketch, submit_body

pytestmark = pytest.mark.services

AT_ONCE = 8
STUDIES = (Sketch("same-key", cases=1), Sketch("other-keys", cases=1))


@pytest.fixture(scope="module", params=["postgresql", "sqlite"])
def served(request, tmp_path_factory):
    """A site on each database, served by two gunicorn processes of four threads."""
    if request.param == "postgresql":
        site = request.getfixturevalue("make_site")(CELERY_BROKER_URL="")
    else:
        site = Site(tmp_path_factory.mktemp("sqlite"))
    site.build(*STUDIES)
    with servers.gunicorn(site.env) as address:
        yield site, Client(address, "anna")


def _post_at_once(client: Client, slug: str, bodies: list[dict]) -> list:
    start = Barrier(len(bodies))

    def post(body: dict):
        start.wait()
        return client.post(slug, body)

    with ThreadPoolExecutor(len(bodies)) as pool:
        return list(pool.map(post, bodies))


def test_the_same_submit_many_times(served):
    site, client = served
    code = client.case("same-key")["case"]["code"]
    body = submit_body(code=code, etiology=Etiology.LYMPHOMA)
    answers = _post_at_once(client, "same-key", [body] * AT_ONCE)
    assert sorted(a.status_code for a in answers) == [200] * (AT_ONCE - 1) + [201]
    assert len({answer.json()["submitted_at"] for answer in answers}) == 1
    assert {answer.json()["key"] for answer in answers} == {body["key"]}
    assert site.readings("same-key") == [("R1", 1, "hidden-0", "malignant", "lymphoma")]


def test_different_submits_of_one_case(served):
    site, client = served
    code = client.case("other-keys")["case"]["code"]
    bodies = [
        submit_body(code=code, etiology=list(Etiology)[number % 4], key=uuid4())
        for number in range(AT_ONCE)
    ]
    answers = _post_at_once(client, "other-keys", bodies)
    assert sorted(a.status_code for a in answers) == [201] + [409] * (AT_ONCE - 1)
    [winner] = [body for body, a in zip(bodies, answers, strict=True) if a.status_code == 201]
    stored = ("R1", 1, "hidden-0", winner["malignancy"], winner["etiology"])
    assert site.readings("other-keys") == [stored]
    refusals = {a.json()["detail"] for a in answers if a.status_code == 409}
    assert len(refusals) == 1
    assert "already read" in refusals.pop()
