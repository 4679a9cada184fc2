"""The upcoming case's images can be fetched ahead of their turn: images alone, in order."""

import pytest
from django.test import Client

from readerstudy.accounts.models import User
from readerstudy.reading.models import Assignment
from tests import factories

pytestmark = pytest.mark.django_db


def anna(**protocol) -> Client:
    factories.make_open(cases=3, **protocol)
    client = Client()
    client.force_login(User.objects.get(username="anna"))
    return client


def upcoming(client: Client) -> str | None:
    """The code of the case whose images are offered."""
    images = client.get("/api/v1/study/upcoming/").json()["images"]
    if images is None:
        return None
    codes = {url.split("/")[3] for url in images.values()}
    assert set(images) == {"bus", "cdfi"}
    assert all(client.get(url).status_code == 200 for url in images.values())
    return codes.pop()


def own(stage: int) -> list[str]:
    of = Assignment.objects.filter(reader__user__username="anna", stage=stage)
    return list(of.order_by("position").values_list("code", flat=True))


def read(client: Client) -> None:
    factories.read_next(User.objects.get(username="anna").reader_set.get())


def test_in_two_sessions_it_is_the_next_of_the_stage():
    client = anna()
    for stage in (1, 2):
        first, second, third = own(stage)
        assert upcoming(client) == second
        for code in (third, *own(3 - stage)):
            assert client.get(f"/read/study/{code}/bus.png").status_code in (403, 404)
        read(client)
        assert client.get(f"/read/study/{first}/bus.png").status_code == 403
        assert upcoming(client) == third
        read(client)
        assert upcoming(client) is None
        read(client)
    assert upcoming(client) is None


def test_in_sequence_it_is_stage_2_of_the_case_then_the_next_case():
    client = anna(design="sequential")
    order = [code for pair in zip(own(1), own(2), strict=True) for code in pair]
    for following in [*order[1:], None]:
        assert upcoming(client) == following
        read(client)


def test_no_diagnosis_and_no_heatmap_of_it_before_its_turn():
    client = anna(design="sequential")
    following = upcoming(client)
    assert client.get(f"/read/study/{following}/heatmap/1/bus.png").status_code == 403
    form = {"key": "8f6f0b8e-4d0f-4a29-9d53-3a7ab4a4b5a1", "malignancy": "benign",
            "etiology": "reactive_hyperplasia"}  # fmt: skip
    assert client.post(f"/read/study/{following}/", form).status_code == 403
