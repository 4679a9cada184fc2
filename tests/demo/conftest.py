import pytest

from readerstudy.demo.published import reconstruct


@pytest.fixture(scope="session")
def rebuilt():
    """The published study, rebuilt once for all that look at it."""
    return reconstruct()
