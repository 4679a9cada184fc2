"""The option that renews what is presented; see README.md."""

import pytest


def pytest_addoption(parser):
    parser.addoption(
        "--renew-goldens", action="store_true", help="write the goldens of presentation anew"
    )


@pytest.fixture(scope="session")
def renews(request) -> bool:
    return request.config.getoption("--renew-goldens", default=False)
