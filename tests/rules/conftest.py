import logging

import pytest

from readerstudy.cohorts.models import Study
from tests.rules.role_world import make_studies


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Thousands of refusals need not be written to the log, each with its stack."""
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)


@pytest.fixture
def studies() -> tuple[Study, Study]:
    return make_studies()


@pytest.fixture
def alpha(studies) -> Study:
    return studies[0]


@pytest.fixture
def beta(studies) -> Study:
    return studies[1]
