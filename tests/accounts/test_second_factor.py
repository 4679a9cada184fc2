"""The second factor: who must have one, how it is set up and given, and what it shuts."""

import re
import subprocess
import sys
import time
from urllib.parse import unquote

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import CommandError, call_command
from django.test import Client

from readerstudy.accounts.models import SharedCache, User
from readerstudy.audit.models import AuditEvent
from readerstudy.studies.second_factor_rule import is_member
from tests import factories
from tests.accounts.authenticator import code, recovery_codes, set_up
from tests.rules.matrix import SITE, STAFF, TABLE
from tests.rules.test_access import addresses, cookies_of, send, site, world  # noqa: F401 (fixtures)
from tests.servers import ROOT, site_environment

pytestmark = pytest.mark.django_db
SET_UP = "/accounts/second-factor/set-up/"


@pytest.fixture(autouse=True)
def required(settings, monkeypatch):
    """What waits for a commit runs at once: a test is one transaction, which never comes to one."""
    settings.SECOND_FACTOR_REQUIRED = True
    monkeypatch.setattr("django.db.transaction.on_commit", lambda run, **_options: run())


def sign_in(username: str, **options) -> Client:
    """By the form, with the password alone."""
    client = Client(**options)
    form = {"username": username, "password": factories.PASSWORD}
    client.last = client.post("/accounts/sign-in/", form)
    assert client.last.status_code == 302
    return client


def give(client: Client, given: str):
    return client.post("/accounts/second-factor/", {"code": given})


@pytest.mark.parametrize("person", ["admin", "clerk", "investigator", "other_investigator"])
def test_without_it_they_see_nothing_but_where_to_set_it_up(person, world, addresses):  # noqa: F811
    addresses |= {person: cookies_of(person)}  # signed in since it is required
    whole = TABLE if person in STAFF else SITE
    opened = []
    for route, row in whole.items():
        answer = send(person, "GET", row, addresses)
        shut = answer.status_code in (401, 404, 405) or (
            answer.status_code == 302 and answer["Location"] == SET_UP
        )
        if not shut:
            opened.append(route)
    allowed = {route for route in SITE if route.startswith("accounts/")}
    elsewhere = {"healthz", "readyz", "favicon.ico", "language/", "admin/login/"}
    assert set(opened) <= allowed | elsewhere


def test_a_reader_is_not_asked_for_one():
    factories.make_open(cases=1)
    client = sign_in("anna")
    assert client.get("/").status_code == client.get("/read/study/").status_code == 200


def test_the_api_says_so_in_json():
    factories.make_investigator(factories.make_open(cases=1))
    answer = sign_in("ivan").get("/api/v1/study/case/")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Set up your second factor first."}


def test_who_becomes_a_member_while_signed_in_is_asked_at_the_first_page_for_members():
    study = factories.make_open(cases=1)
    user = factories.make_user("ivan")
    client = sign_in("ivan")
    assert client.get("/results/study/").status_code == 404
    factories.make_investigator(study)
    assert is_member(user)
    assert client.get("/results/study/")["Location"] == SET_UP
    assert client.get("/")["Location"] == SET_UP


def test_from_setting_up_to_signing_in_with_it():
    factories.make_investigator(factories.make_open(cases=1))
    client = sign_in("ivan")
    assert client.get("/")["Location"] == SET_UP
    secret = set_up(client)
    assert len(recovery_codes(client)) == 10
    assert client.get("/results/study/").status_code == 200

    again = sign_in("ivan")
    assert again.last["Location"] == "/accounts/second-factor/"
    assert again.get("/results/study/")["Location"].startswith("/accounts/sign-in/")
    assert "Incorrect code" in give(again, "000000").content.decode()
    assert give(again, code(secret, periods_ahead=1)).status_code == 302
    assert again.get("/results/study/").status_code == 200
    told = AuditEvent.objects.filter(action__startswith="account.").values_list("action", "outcome")
    assert list(told.order_by("pk")) == [
        ("account.sign_in", "done"),
        ("account.second_factor_set_up", "done"),
        ("account.second_factor", "refused"),
        ("account.second_factor", "done"),
        ("account.sign_in", "done"),
    ]


def test_a_code_signs_in_once_and_an_old_one_never():
    factories.make_user("root", is_staff=True)
    secret = set_up(sign_in("root"))
    used = code(secret, periods_ahead=-1)
    assert give(sign_in("root"), used).status_code == 302
    assert give(sign_in("root"), used).status_code == 200
    assert give(sign_in("root"), code(secret, periods_ahead=-3)).status_code == 200
    assert give(sign_in("root"), code(secret, periods_ahead=1)).status_code == 302


def test_the_code_that_set_it_up_is_used(time_machine_session):
    factories.make_user("root", is_staff=True)
    first = sign_in("root")
    used = code(set_up(first))
    assert give(sign_in("root"), used).status_code == 200
    time_machine_session(first, seconds=600)
    confirmed = first.post("/accounts/confirm/code/?next=/accounts/mine/", {"code": used})
    assert "Incorrect code" in confirmed.content.decode()


def test_a_code_is_used_however_its_digits_are_written(monkeypatch):
    factories.make_user("root", is_staff=True)
    secret = set_up(sign_in("root"))
    used = code(secret, periods_ahead=1)
    assert give(sign_in("root"), f"{used[:3]} {used[3:]}").status_code == 302
    # allauth forgets a code after half a minute, and it is good for longer.
    SharedCache.objects.filter(cache_key__contains="allauth").delete()
    for written in (used, f"{used[:3]}-{used[3:]}", f" {used} ", f"{used[:1]} {used[1:]}"):
        assert give(sign_in("root"), written).status_code == 200


def test_a_code_that_confirmed_signs_nobody_in(time_machine_session):
    factories.make_user("root", is_staff=True)
    first = sign_in("root")
    secret = set_up(first)
    time_machine_session(first, seconds=600)
    used = code(secret, periods_ahead=1)
    confirmed = first.post("/accounts/confirm/code/?next=/accounts/mine/", {"code": used})
    assert confirmed.status_code == 302
    assert give(sign_in("root"), used).status_code == 200


@pytest.mark.parametrize("change", ["password", "is_active"])
def test_a_sign_in_that_waits_for_its_code_ends_with_a_changed_password(change):
    user = factories.make_user("root", is_staff=True)
    secret = set_up(sign_in("root"))
    waiting = sign_in("root")
    user.refresh_from_db()
    if change == "password":
        user.set_password("another long password")
    else:
        user.is_active = False
    user.save()
    answer = give(waiting, code(secret, periods_ahead=1))
    assert answer["Location"] == "/accounts/sign-in/"
    assert waiting.get("/").status_code == 302
    assert waiting.get("/accounts/sign-in/").status_code == 200


def test_a_recovery_code_signs_in_once():
    factories.make_user("root", is_staff=True)
    first = sign_in("root")
    set_up(first)
    [kept, *_] = recovery_codes(first)
    assert give(sign_in("root"), kept).status_code == 302
    assert give(sign_in("root"), kept).status_code == 200
    assert kept not in recovery_codes(first)


def test_guessing_codes_is_stopped():
    factories.make_user("root", is_staff=True)
    secret = set_up(sign_in("root"))
    for _ in range(5):
        give(sign_in("root"), "000000")
    answer = give(sign_in("root"), code(secret, periods_ahead=1))
    assert "Too many failed attempts" in answer.content.decode()
    assert AuditEvent.objects.first().action == "account.rate_limited"


def test_someone_who_stops_at_the_code_can_begin_anew_as_another():
    for name in ("root", "other"):
        factories.make_user(name, is_staff=True)
    set_up(sign_in("root"))
    client = sign_in("root")
    assert client.get("/accounts/sign-in/")["Location"] == "/accounts/second-factor/"
    client.post("/accounts/sign-out/")
    assert client.get("/accounts/sign-in/").status_code == 200


def test_the_picture_of_the_secret_is_its_owners_and_kept_by_no_cache():
    factories.make_user("root", is_staff=True)
    client = sign_in("root")
    picture = "/accounts/second-factor/set-up/code.svg"
    assert client.get(picture).status_code == 404  # nothing was offered yet
    page = client.get(SET_UP).content.decode()
    assert f'src="{picture}"' in page
    assert "data:" not in page
    answer = client.get(picture)
    assert answer["Content-Type"] == "image/svg+xml"
    assert "no-store" in answer["Cache-Control"]
    assert sign_in("root").get(picture).status_code == 404
    set_up(client)
    assert client.get(picture).status_code == 404


def test_other_sessions_end_when_it_is_set_up_or_removed_or_codes_are_renewed(monkeypatch):
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)  # a slow machine outlives the codes
    user = factories.make_user("anna")
    this, other = sign_in("anna"), sign_in("anna")
    secret = set_up(this)
    assert (this.get("/").status_code, other.get("/").status_code) == (200, 302)

    for period, path in ((1, "recovery-codes/new/"), (-1, "second-factor/remove/")):
        other = sign_in("anna")
        give(other, code(secret, periods_ahead=period))
        assert other.get("/").status_code == 200
        assert this.post(f"/accounts/{path}").status_code == 302
        assert (this.get("/").status_code, other.get("/").status_code) == (200, 302)
    assert not Authenticator.objects.filter(user=user).exists()
    assert AuditEvent.objects.filter(action="account.second_factor_removed").count() == 1


def test_who_must_have_one_and_removes_it_sets_it_up_again_at_once():
    factories.make_user("root", is_staff=True)
    client = sign_in("root")
    set_up(client)
    assert client.get("/admin/").status_code == 200
    client.post("/accounts/second-factor/remove/")
    assert client.get("/admin/")["Location"] == SET_UP


def test_other_sessions_end_when_the_password_is_changed():
    factories.make_user("anna")
    this, other = sign_in("anna"), sign_in("anna")
    new = "another long password"
    form = {"oldpassword": factories.PASSWORD, "password1": new, "password2": new}
    assert this.post("/accounts/password/", form | {"oldpassword": "wrong"}).status_code == 200
    assert other.get("/").status_code == 200
    assert this.post("/accounts/password/", form).status_code == 302
    assert (this.get("/").status_code, other.get("/").status_code) == (200, 302)
    assert AuditEvent.objects.first().action == "account.password_changed"


def test_after_some_minutes_the_password_is_asked_again_for_what_matters(time_machine_session):
    factories.make_user("root", is_staff=True)
    client = sign_in("root")
    set_up(client)
    time_machine_session(client, seconds=600)
    answer = client.get("/accounts/recovery-codes/")
    assert unquote(answer["Location"]) == "/accounts/confirm/?next=/accounts/recovery-codes/"
    assert (
        "Incorrect password" in client.post(answer["Location"], {"password": "x"}).content.decode()
    )
    back = client.post(answer["Location"], {"password": factories.PASSWORD})
    assert back["Location"] == "/accounts/recovery-codes/"
    assert len(recovery_codes(client)) == 10


@pytest.fixture
def time_machine_session():
    def age(client: Client, *, seconds: int) -> None:
        session = client.session
        session["began_at"] -= seconds
        session.save()

    return age


def test_its_secret_does_not_lie_open_in_the_database(settings):
    factories.make_user("root", is_staff=True)
    secret = set_up(sign_in("root"))
    for row in Authenticator.objects.all():
        assert secret not in str(row.data)
    # Under a different secret key of the site it is worth nothing, and the person is told so.
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [], "another " * 8
    answer = give(sign_in("root"), code(secret, periods_ahead=1))
    assert "a different secret key" in answer.content.decode()


def test_an_admin_helps_someone_whose_telephone_is_lost():
    for name in ("root", "clerk"):
        factories.make_user(name, is_staff=True, is_superuser=name == "root")
    lost, root = sign_in("clerk"), sign_in("root")
    set_up(lost)
    set_up(root)
    clerk = User.objects.get(username="clerk")
    form = {"action": "remove_second_factor", "_selected_action": [clerk.pk]}
    page = root.post("/admin/accounts/user/", form, follow=True).content.decode()
    assert "Removed the second factor of clerk." in page
    assert lost.get("/")["Location"].startswith("/accounts/sign-in/")
    assert sign_in("clerk").get("/")["Location"] == SET_UP
    event = AuditEvent.objects.filter(action="account.second_factor_removed").get()
    assert (event.actor, event.target) == ("root", "clerk")


def test_the_admin_has_no_page_for_secrets():
    factories.make_user("root", is_staff=True, is_superuser=True)
    client = sign_in("root")
    set_up(client)
    page = client.get("/admin/").content.decode()
    assert not re.search("authenticator|emailaddress|sharedcache", page, re.IGNORECASE)


@pytest.mark.parametrize(("demo", "told"), [("0", "True file"), ("1", "False file")])
def test_it_is_required_unless_this_is_a_demo_and_a_demo_sends_no_mail(demo, told, tmp_path):
    env = site_environment(tmp_path, READERSTUDY_DEMO=demo, READERSTUDY_MAIL="smtp")
    env["READERSTUDY_MAIL"] = "smtp" if demo == "1" else "file"
    del env["READERSTUDY_SECOND_FACTOR"]
    print_it = (
        "from readerstudy import settings as s;"
        "print(s.SECOND_FACTOR_REQUIRED, 'file' if 'filebased' in s.EMAIL_BACKEND else 'sent')"
    )
    ran = subprocess.run(
        [sys.executable, "-c", print_it], cwd=ROOT, env=env, check=True, capture_output=True,
        text=True,
    )  # fmt: skip
    assert ran.stdout.strip() == told


def test_the_only_admin_is_helped_by_a_command(capsys):
    factories.make_user("root", is_staff=True)
    with pytest.raises(CommandError, match="no user nobody"):
        call_command("remove_second_factor", "nobody")
    with pytest.raises(CommandError, match="root has no second factor"):
        call_command("remove_second_factor", "root")
    client = sign_in("root")
    set_up(client)
    call_command("remove_second_factor", "root")
    assert client.get("/").status_code == 302
    assert sign_in("root").get("/")["Location"] == SET_UP
    assert AuditEvent.objects.filter(action="account.second_factor_removed", target="root").exists()
