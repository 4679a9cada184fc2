"""What is sent to several server processes at the same moment: no more gets in than one by one."""

import re
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from readerstudy.accounts import throttle
from tests import factories
from tests.accounts.authenticator import code
from tests.servers import gunicorn, http_client, manage, site_environment

pytestmark = pytest.mark.services
SIGN_IN, CODE = "/accounts/sign-in/", "/accounts/second-factor/"
SECRET = "JBSWY3DPEHPK3PXP" * 2
MAKE_ANNA = f"""
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import encrypt
from readerstudy.accounts.models import User
anna = User.objects.create_user("anna", password={factories.PASSWORD!r})
Authenticator.objects.create(user=anna, type="totp", data={{"secret": encrypt({SECRET!r})}})
"""


@pytest.fixture
def site(tmp_path):
    env = site_environment(tmp_path, READERSTUDY_RATE_LIMIT_FACTOR="1")
    manage("migrate", "--verbosity", "0", env=env)
    manage("shell", "--verbosity", "0", "-c", MAKE_ANNA, env=env)
    with gunicorn(env) as address:
        yield address


def send(session: httpx.Client, address: str, **form: str) -> httpx.Response:
    """A form as its page sends it."""
    page = session.get(address, timeout=60)
    token = re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[-1]
    form |= {"csrfmiddlewaretoken": token}
    return session.post(address, data=form, timeout=60, follow_redirects=False)


def sessions(number: int, site: str) -> list[httpx.Client]:
    """Browsers with the page of the sign-in open."""
    opened = [http_client() for _ in range(number)]
    for session in opened:
        session.get(f"{site}{SIGN_IN}", timeout=60)
    return opened


def test_many_passwords_at_once_are_no_more_than_their_number(site):
    def guess(session) -> bool:
        form = {"username": "anna", "password": "wrong"}
        while (answer := send(session, f"{site}{SIGN_IN}", **form)).status_code == 503:
            time.sleep(0.2)  # another's password is looked at
        assert answer.status_code == 200
        return "Too many failed attempts" in answer.text

    opened = sessions(24, site)
    began = time.monotonic()
    with ThreadPoolExecutor(8) as pool:
        waited = list(pool.map(guess, opened))
    waits_over = (time.monotonic() - began) // throttle.FIRST_WAIT  # on a slow machine
    assert waited.count(False) <= throttle.FREE + waits_over


def test_a_code_that_is_sent_several_times_at_once_signs_in_once(site):
    waiting = sessions(6, site)
    for session in waiting:
        form = {"username": "anna", "password": factories.PASSWORD}
        answer = send(session, f"{site}{SIGN_IN}", **form)
        assert answer.headers["Location"] == CODE
    used = code(SECRET, periods_ahead=1)
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda each: send(each, f"{site}{CODE}", code=used), waiting))
    assert sorted(answer.status_code for answer in answers) == [200] * 5 + [302]
