"""The size of a pixel, as a reader's page has it."""

import re

import pytest
from django.test import Client

from tests.reading.onboarding import make_open, practise
from tests.rules.walk import sign_in

pytestmark = pytest.mark.django_db


def told(client: Client, url: str) -> list[str]:
    return re.findall(r'data-mm-per-pixel="([^"]*)"', client.get(url).content.decode())


@pytest.mark.parametrize("practice", [0, 1], ids=["case", "practice"])
def test_a_page_tells_it_to_three_digits_or_not_at_all(practice):
    """All its digits would tell instruments and depth settings apart."""
    make_open(practice=practice)
    anna = sign_in("anna")
    url = "/read/study/before/practice/1/" if practice else "/read/study/"
    assert told(anna, url) == ["0.0847", ""]
    if practice:
        practise(anna, 1)
        assert told(anna, url) == ["0.0847", ""], "beside the answer, too"
