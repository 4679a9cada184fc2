import logging

import pytest

from readerstudy.studies.models import Study


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Thousands of refusals need not be written to the log, each with its stack."""
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)


@pytest.fixture
def alpha(studies) -> Study:
    return studies[0]


@pytest.fixture
def beta(studies) -> Study:
    return studies[1]
