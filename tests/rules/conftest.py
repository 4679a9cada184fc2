import logging

import pytest


@pytest.fixture(autouse=True)
def quiet(monkeypatch):
    """Thousands of refusals need not be written to the log, each with its stack."""
    monkeypatch.setattr(logging.getLogger("django.request"), "disabled", True)
