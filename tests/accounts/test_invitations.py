"""Invitations and forgotten passwords: who gets a link, how long it is good, what others learn."""

import re

import pytest
from django.core import mail, signing
from django.test import Client

from readerstudy.accounts import invitations
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from tests import factories

pytestmark = pytest.mark.django_db
NEW = "a password of her own"
FORGOTTEN = "/accounts/password/forgotten/"


@pytest.fixture
def root() -> Client:
    factories.make_user("root", is_staff=True, is_superuser=True, email="root@example.org")
    client = Client()
    client.force_login(User.objects.get(username="root"))
    return client


def invite(root: Client, email: str = "eva@example.org", name: str = "Eva Berg"):
    return root.post("/admin/accounts/user/invite/", {"email": email, "name": name})


def link(number: int = -1) -> str:
    """The link of a mail, without the site's address."""
    return re.findall(r"http://testserver(/\S*)", mail.outbox[number].body)[0]


def take_up(address: str, password: str = NEW, client: Client | None = None):
    client = client or Client()
    client.get(address)
    return client.post("/accounts/invitation/", {"password1": password, "password2": password})


def test_from_invitation_to_password(root):
    assert invite(root).status_code == 302
    eva = User.objects.get(username="eva@example.org")
    assert (eva.email, eva.first_name, eva.has_usable_password()) == (
        "eva@example.org", "Eva Berg", False,
    )  # fmt: skip
    client = Client()
    assert client.get(link())["Location"] == "/accounts/invitation/"
    page = client.get("/accounts/invitation/").content.decode()
    assert "this username: eva@example.org" in page
    assert take_up(link(), "123", client).status_code == 200  # too short
    answer = take_up(link(), client=client)
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert client.get("/").status_code == 200
    eva.refresh_from_db()
    assert eva.check_password(NEW)
    assert eva.accepted_at > eva.invited_at
    told = AuditEvent.objects.filter(action__contains="invitation").values_list("actor", "target")
    assert set(told) == {("root", "eva@example.org"), ("eva@example.org", "")}


def test_the_mail_speaks_both_languages_and_no_name_in_it_is_mark_up(root):
    User.objects.filter(username="root").update(last_name="O'Hara & <b>")
    invite(root)
    [sent] = mail.outbox
    assert sent.to == ["eva@example.org"]
    assert sent.subject == "Invitation to a reader study / 阅片研究邀请"
    assert "O'Hara & <b> invites you" in sent.body
    assert "O'Hara & <b> 邀请您" in sent.body
    assert len(set(re.findall(r"http://\S+", sent.body))) == 1


def dead(address: str) -> None:
    client = Client()
    client.get(address)
    answer = client.get("/accounts/invitation/")
    assert answer.status_code == 410
    assert "no longer valid" in answer.content.decode()
    assert take_up(address).status_code == 410


def test_a_link_is_dead_once_it_was_used(root):
    invite(root)
    take_up(link())
    dead(link())
    assert AuditEvent.objects.filter(action="account.invitation_accepted", outcome="refused")


def test_a_link_is_dead_once_a_newer_one_was_sent(root):
    invite(root)
    eva = User.objects.get(username="eva@example.org")
    root.post("/admin/accounts/user/", {"action": "invite_again", "_selected_action": [eva.pk]})
    assert len(mail.outbox) == 2
    dead(link(0))
    assert take_up(link(1)).status_code == 302


def test_a_link_is_dead_after_its_days(root, settings, monkeypatch):
    invite(root)
    now = signing.time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 14 * 24 * 3600 - 60)
    assert invitations.invited_user(link().split("/")[-2])
    monkeypatch.setattr(signing.time, "time", lambda: now + 14 * 24 * 3600 + 60)
    dead(link())


def test_a_link_is_dead_once_its_person_may_not_sign_in(root):
    invite(root)
    User.objects.filter(username="eva@example.org").update(is_active=False)
    dead(link())


def test_a_forged_link_is_dead(root):
    invite(root)
    token = link().split("/")[-2]
    forged = signing.dumps([1, "2026-01-01"], salt="another")
    for false in (token[:-1] + ("a" if token[-1] != "a" else "b"), forged, "x", ":::"):
        dead(f"/accounts/invitation/{false}/")


def test_two_who_use_a_link_at_once_get_one_password(root):
    invite(root)
    eva = User.objects.get(username="eva@example.org")
    late = User.objects.get(pk=eva.pk)
    assert invitations.accept_invitation(eva, password=NEW)
    assert not invitations.accept_invitation(late, password="the password of a thief")
    eva.refresh_from_db()
    assert eva.check_password(NEW)


def test_who_has_an_account_is_told_where_to_sign_in_and_given_no_link(root):
    factories.make_user("anna", email="Anna@Example.org")
    invite(root, "anna@example.ORG")
    assert User.objects.count() == 2
    assert link() == "/"
    assert "Sign in with your username, anna" in mail.outbox[0].body
    assert User.objects.get(username="anna").check_password(factories.PASSWORD)


@pytest.mark.parametrize(
    ("people", "told"),
    [
        ([{"username": "a"}, {"username": "b"}], "2 users have this e-mail address: a, b."),
        ([{"username": "a", "is_active": False}], "User a already exists but can"),
        ([{"username": "a", "is_demo": True}], "User a already exists but can"),
    ],
)
def test_whom_an_admin_cannot_invite(root, people, told):
    for person in people:
        factories.make_user(email="eva@example.org", **person)
    assert told in invite(root).content.decode()
    assert mail.outbox == []


def test_an_address_that_is_no_username_gets_another(root):
    invite(root, "o'hara!@example.org")
    [user] = User.objects.filter(email="o'hara!@example.org")
    assert re.fullmatch(r"user-\w{8}", user.username)
    assert f"Your username is {user.username}" in mail.outbox[0].body


def test_a_mail_that_fails_is_told_and_can_be_sent_again(root, monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr(invitations, "send_mail", refuse)
    invite(root)
    page = root.get("/admin/accounts/user/").content.decode()
    assert "could not be sent (no mail server)" in page
    assert not AuditEvent.objects.filter(action="account.invitation_sent").exists()
    monkeypatch.undo()
    invite(root)
    assert take_up(link()).status_code == 302


def test_a_password_set_by_an_admin_is_audited(root):
    anna = factories.make_user("anna")
    form = {"password1": NEW, "password2": NEW, "usable_password": "true"}
    root.post(f"/admin/accounts/user/{anna.pk}/password/", form)
    event = AuditEvent.objects.get(action="account.password_set")
    assert (event.actor, event.target) == ("root", "anna")


# Forgotten passwords.


def test_a_forgotten_password_is_changed_by_mail_and_all_sessions_end():
    anna = factories.make_user("anna", email="anna@example.org")
    old = Client()
    old.force_login(anna)
    client = Client()
    client.post(FORGOTTEN, {"email": "Anna@example.org"})
    hidden = client.get(link())["Location"]
    answer = client.post(hidden, {"password1": NEW, "password2": NEW})
    assert answer["Location"] == "/accounts/password/new/done/"
    anna.refresh_from_db()
    assert anna.check_password(NEW)
    assert old.get("/").status_code == 302
    assert AuditEvent.objects.filter(action="account.password_reset", actor="anna").count() == 1
    assert "already been used" in Client().get(link(), follow=True).content.decode()


def test_an_outsider_learns_of_no_address_whether_it_is_known(root):
    factories.make_user("anna", email="anna@example.org")
    invite(root)
    mail.outbox.clear()
    answers = []
    for email in ("anna@example.org", "nobody@example.org", "eva@example.org"):
        answer = Client().post(FORGOTTEN, {"email": email}, follow=True)
        [sent] = mail.outbox
        mail.outbox.clear()
        # Only the mail itself, to its owner, says more: also nothing but the mail takes time.
        assert ("password/new/" in sent.body) == (email == "anna@example.org")
        text = answer.content.decode()
        answers.append((answer.redirect_chain, re.sub(r'value="\w{64}"', "", text)))
    assert answers[0] == answers[1] == answers[2]
