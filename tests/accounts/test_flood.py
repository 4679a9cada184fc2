"""A flood of sign-ins by strangers stops nobody who reads."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests import factories
from tests.accounts.test_at_once import SIGN_IN, send, sessions
from tests.servers import gunicorn, http_client, manage, site_environment

pytestmark = pytest.mark.services
FLOOD = 40
MAKE_ANNA = f"""
from readerstudy.accounts.models import User
User.objects.create_user("anna", password={factories.PASSWORD!r})
"""


@pytest.fixture
def site(tmp_path):
    """One process with its eight threads."""
    env = site_environment(tmp_path, READERSTUDY_RATE_LIMIT_FACTOR="1")
    manage("migrate", "--verbosity", "0", env=env)
    manage("shell", "--verbosity", "0", "-c", MAKE_ANNA, env=env)
    with gunicorn(env, processes=()) as address:
        yield address


def seconds_of(work) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def test_readers_go_on_while_strangers_sign_in_all_at_once(site):
    anna = http_client()
    form = {"username": "anna", "password": factories.PASSWORD}
    one_sign_in = seconds_of(lambda: send(anna, f"{site}{SIGN_IN}", **form))
    opened = sessions(FLOOD, site)

    def sign_in(numbered) -> int:
        number, session = numbered
        answer = send(session, f"{site}{SIGN_IN}", username=f"name-{number}", password="wrong")
        return answer.status_code

    def read() -> None:
        assert anna.get(f"{site}/accounts/mine/", timeout=60).status_code == 200

    with ThreadPoolExecutor(FLOOD) as pool:
        flood = [pool.submit(sign_in, each) for each in enumerate(opened)]
        took = [seconds_of(read)]
        while not all(each.done() for each in flood):
            took.append(seconds_of(read))
    answers = [each.result() for each in flood]
    assert set(answers) == {200, 503}
    assert answers.count(503) > FLOOD / 2
    # A hash of each of them would take twenty times as long as one, on two processors.
    assert max(took) < max(1, 3 * one_sign_in)
