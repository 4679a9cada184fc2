"""Passwords are looked at a few at a time, and known people have turns of their own."""

import threading
from contextlib import contextmanager

import pytest
from django.test import Client

from readerstudy.accounts import hash_limits, invitations
from readerstudy.accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db
SIGN_IN, CHANGE = "/accounts/sign-in/", "/accounts/password/"
RIGHT = {"username": "anna", "password": factories.PASSWORD}


@pytest.fixture(autouse=True)
def anna():
    return factories.make_user("anna", email="anna@example.org")


@contextmanager
def others_at_work(*, strangers: int = 0, known: int = 0):
    """So many other threads of this process look at passwords."""
    over, begun = threading.Event(), threading.Barrier(strangers + known + 1)

    def work(is_known: bool) -> None:
        with hash_limits.hashing_turn(known=is_known):
            begun.wait(10)
            over.wait(60)

    kinds = [True] * known + [False] * strangers
    threads = [threading.Thread(target=work, args=[kind]) for kind in kinds]
    for thread in threads:
        thread.start()
    try:
        begun.wait(10)
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join()


ALL = {"strangers": hash_limits.STRANGERS, "known": hash_limits.KNOWN}


@pytest.mark.parametrize("name", ["anna", "nobody"])
def test_a_stranger_who_comes_while_others_sign_in_is_asked_to_try_again(name):
    stranger = Client()
    with others_at_work(strangers=hash_limits.STRANGERS):
        answer = stranger.post(SIGN_IN, RIGHT | {"username": name})
    assert answer.status_code == 503
    assert int(answer["Retry-After"]) < 10
    assert "Too many people are signing in" in answer.content.decode()
    assert stranger.post(SIGN_IN, RIGHT).status_code == 302


def test_the_page_says_so_in_chinese():
    with others_at_work(strangers=hash_limits.STRANGERS):
        answer = Client(headers={"accept-language": "zh-hans"}).post(SIGN_IN, RIGHT)
    assert "登录人数过多" in answer.content.decode()


def test_whoever_was_refused_so_has_made_no_attempt():
    stranger, wrong = Client(), RIGHT | {"password": "wrong"}
    with others_at_work(strangers=hash_limits.STRANGERS):
        assert {stranger.post(SIGN_IN, wrong).status_code for _ in range(20)} == {503}
    assert stranger.post(SIGN_IN, RIGHT).status_code == 302


def test_a_known_browser_and_a_known_address_sign_in_beside_a_flood_of_strangers():
    hers = Client()
    assert hers.post(SIGN_IN, RIGHT).status_code == 302
    hers.post("/accounts/sign-out/")
    with others_at_work(strangers=hash_limits.STRANGERS, known=hash_limits.KNOWN - 1):
        assert hers.post(SIGN_IN, RIGHT, REMOTE_ADDR="198.51.100.7").status_code == 302
        assert Client().post(SIGN_IN, RIGHT).status_code == 302
        elsewhere = Client().post(SIGN_IN, RIGHT, REMOTE_ADDR="203.0.113.9")
        assert elsewhere.status_code == 503


def test_a_password_is_changed_beside_a_flood_of_strangers_and_not_while_all_are_at_work(anna):
    client = Client()
    client.post(SIGN_IN, RIGHT)
    new = {"oldpassword": factories.PASSWORD, "password1": "quite another one",
           "password2": "quite another one"}  # fmt: skip
    with others_at_work(**ALL):
        assert {client.post(CHANGE, new).status_code for _ in range(10)} == {503}
    assert User.objects.get().check_password(factories.PASSWORD)
    with others_at_work(strangers=hash_limits.STRANGERS):
        assert client.post(CHANGE, new).status_code == 302
    assert User.objects.get().check_password("quite another one")


def test_an_invitation_stays_good_while_all_are_at_work(rf):
    user = invitations.find_or_make("new@example.org")
    request = rf.get("/")
    request.user = User.objects.get(username="anna")
    invitations.send_invitation(user, request=request)
    client, new = Client(), {"password1": "a first password", "password2": "a first password"}
    client.get(f"/accounts/invitation/{invitations.token_of(user)}/")
    with others_at_work(**ALL):
        assert client.post("/accounts/invitation/", new).status_code == 503
    with others_at_work(strangers=hash_limits.STRANGERS):
        assert client.post("/accounts/invitation/", new).status_code == 302


def test_every_check_and_every_new_password_takes_a_turn(anna):
    with others_at_work(**ALL):
        with pytest.raises(hash_limits.Busy):
            anna.check_password(factories.PASSWORD)
        with pytest.raises(hash_limits.Busy):
            anna.set_password("another")
    with hash_limits.hashing_turn(known=False):
        assert anna.check_password(factories.PASSWORD)  # within a turn: no second one
