"""Readers by invitation from a study's page in the admin: all of a paste, or nothing of it."""

import re

import pytest
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client

from readerstudy.accounts import invitations as accounts
from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from readerstudy.reading.invite_people import InvitationsRefused, invite_readers
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Study
from tests import factories
from tests.worlds import shared

pytestmark = pytest.mark.django_db
HEAD = "email,name,code,years,group\n"
GOOD = HEAD + (
    "eva@example.org,Eva Berg,R8,12,senior\nfan@example.org\t范 伟\tR9\t3\tjunior\n\n"
    '"gil@example.org","Gil, Dr",R10,7,Middle\n'
)


@pytest.fixture
def root() -> Client:
    client = Client()
    client.force_login(factories.make_user("root", is_staff=True, is_superuser=True))
    return client


@shared
def study():
    return factories.make_draft(cases=2, readers=("anna",))


def page_of(study) -> str:
    return f"/admin/cohorts/study/{study.pk}/invite/"


def paste(client: Client, study, lines: str):
    return client.post(page_of(study), {"invite": "readers", "lines": lines})


def problems(answer) -> list[str]:
    text = answer.content.decode()
    assert "Nobody was invited." in text
    return re.findall(r"<li>(.*?)</li>", text.split('id="problems"')[1].split("</ul>")[0])


def test_a_paste_makes_users_readers_and_mails(root, study):
    assert paste(root, study, GOOD).status_code == 302
    readers = study.reader_set.exclude(user__username="anna").order_by("pk")
    assert [
        (r.user.email, r.user.first_name, r.code, r.years_of_experience, r.group) for r in readers
    ] == [
        ("eva@example.org", "Eva Berg", "R8", 12, "senior"),
        ("fan@example.org", "范 伟", "R9", 3, "junior"),
        ("gil@example.org", "Gil, Dr", "R10", 7, "middle"),
    ]
    assert [sent.to for sent in mail.outbox] == [[r.user.email] for r in readers]
    assert 'the study "Study study"' in mail.outbox[0].body
    events = AuditEvent.objects.filter(study="study", actor="root")
    assert events.filter(action="reading.reader_invited").count() == 3
    assert events.filter(action="account.invitation_sent").count() == 3


def test_a_reader_of_the_paste_signs_in_and_reads(root, study):
    paste(root, study, GOOD)
    lifecycle.open_study(study, by="test")
    client = Client()
    client.get(re.findall(r"http://testserver(/\S+)", mail.outbox[0].body)[0])
    form = {"password1": "a password of her own", "password2": "a password of her own"}
    assert client.post("/accounts/invitation/", form).status_code == 302
    assert client.get("/read/study/").status_code == 200


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("eva,Eva,R8,12,senior", "Line 3, email: &quot;eva&quot; is not an e-mail address."),
        ("e@x.org,Eva,,12,senior", "Line 3, code: &quot;&quot; must have 1 to 16 characters"),
        ("e@x.org,Eva,R8,twelve,senior", "Line 3, years: &quot;twelve&quot; is not a whole number"),
        ("e@x.org,Eva,R8,71,senior", "Line 3, years: &quot;71&quot; is not a whole number"),
        ("e@x.org,Eva,R8,-1,senior", "Line 3, years: &quot;-1&quot; is not a whole number"),
        ("e@x.org,Eva,R8,12,boss", "Line 3, group: &quot;boss&quot; is not one of senior, middle"),
        ("e@x.org,Eva,R8,12", "Line 3: 4 values instead of 5"),
        ("e@x.org,Eva,R7,12,senior", "Line 3, code: R7 is already on line 2."),
        ("dan@example.org,D,R8,12,senior", "Line 3, email: dan@example.org is already on line 2."),
        ("e@x.org,Eva,R1,12,senior", "Line 3, code: R1 is already a reader of this study."),
        ("anna@example.org,A,R8,1,junior", "Line 3, email: anna is a reader of this study and can"),
        ("ivan@example.org,I,R8,1,junior", "ivan already has a role in this study and can"),
        (
            "root@example.org,I,R8,1,junior",
            "root is staff, can see the reference standard, and so can",
        ),
        ("gone@example.org,G,R8,1,junior", "User gone already exists but can"),
        ("x" * 2000, "Line 3: the line is longer than 1000 characters."),
    ],
)
def test_one_bad_line_and_nobody_is_invited(root, study, line, told):
    factories.make_investigator(study, "ivan")
    factories.make_user("gone", is_active=False)
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.org")
    before = User.objects.count(), Reader.objects.count(), AuditEvent.objects.count()
    answer = paste(root, study, f"{HEAD}dan@example.org,Dan,R7,3,junior\n{line}")
    [problem] = problems(answer)
    assert told in problem
    assert before == (User.objects.count(), Reader.objects.count(), AuditEvent.objects.count())
    assert mail.outbox == []


def test_every_problem_is_told_at_once(root, study):
    answer = paste(root, study, "eva,Eva,,x,boss\nfan,Fan,R9,3,junior")
    assert len(problems(answer)) == 5


@pytest.mark.parametrize("lines", ["", "\n \n", HEAD, '"', "\x00", "a\n" * 600, "\t" * 50])
def test_nonsense_is_refused_in_words(root, study, lines):
    answer = paste(root, study, lines)
    assert answer.status_code == 200
    assert "Nobody was invited." in answer.content.decode()
    assert mail.outbox == []


def test_one_reader_by_the_form(root, study):
    one = {"invite": "reader", "email": "Eva@example.org", "name": "Eva, Dr", "code": "R8",
           "years": "12", "group": "senior"}  # fmt: skip
    assert root.post(page_of(study), one | {"years": "x"}).status_code == 200
    assert root.post(page_of(study), one).status_code == 302
    reader = study.reader_set.get(code="R8")
    assert (reader.user.username, reader.user.first_name) == ("eva@example.org", "Eva, Dr")


def test_someone_with_an_account_becomes_a_reader_and_is_told(root, study):
    boris = factories.make_user("boris", email="boris@example.org")
    paste(root, study, "boris@example.org,Another Name,R8,2,junior")
    boris.refresh_from_db()
    assert boris.first_name == ""
    assert study.reader_set.get(code="R8").user == boris
    assert "Sign in with your username, boris" in mail.outbox[0].body


def test_an_invitation_is_sent_again_also_while_the_study_is_read(root, study):
    paste(root, study, "eva@example.org,Eva,R8,12,senior")
    lifecycle.open_study(study, by="test")
    assert "Many readers" not in root.get(page_of(study)).content.decode()
    paste(root, study, GOOD)
    assert study.reader_set.count() == 2
    eva = User.objects.get(username="eva@example.org")
    root.post(page_of(study), {"invite": "again", "person": eva.pk})
    assert [sent.to for sent in mail.outbox] == [["eva@example.org"]] * 2
    stranger = factories.make_user("stranger", email="stranger@example.org")
    for nobody in ("0", "x", "9" * 30, stranger.pk):
        answer = root.post(page_of(study), {"invite": "again", "person": nobody})
        assert answer.status_code == 404


def test_the_database_has_the_last_word_when_a_study_is_opened_meanwhile(root, study, rf):
    stale = Study.objects.get(pk=study.pk)
    lifecycle.open_study(study, by="test")
    request = rf.post("/")
    request.user = User.objects.get(username="root")
    with pytest.raises(InvitationsRefused, match="in the meantime"):
        invite_readers(stale, GOOD, request=request)
    with pytest.raises(InvitationsRefused, match="while the study is a draft"):
        invite_readers(Study.objects.get(pk=study.pk), GOOD, request=request)
    assert not User.objects.filter(username="eva@example.org").exists()


def member(client: Client, study, email: str, role: str = "auditor"):
    form = {"invite": "member", "email": email, "name": "Uta", "role": role}
    return client.post(page_of(study), form)


def test_a_member_is_invited_with_a_role_at_any_time(root, study):
    lifecycle.open_study(study, by="test")
    assert member(root, study, "uta@example.org").status_code == 302
    [uta] = study.membership_set.all()
    assert (uta.user.username, uta.role) == ("uta@example.org", "auditor")
    assert mail.outbox[0].to == ["uta@example.org"]
    event = AuditEvent.objects.get(action="cohorts.member_invited")
    assert (event.actor, event.study, event.detail) == (
        "root", "study", {"user": uta.user.pk, "role": "auditor"},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("email", "told"),
    [("anna@example.org", "anna is a reader of this study"),
     ("ivan@example.org", "ivan already has a role"),
     ("gone@example.org", "gone already exists but can")],
)  # fmt: skip
def test_nobody_has_two_parts_in_a_study(root, study, email, told):
    factories.make_investigator(study, "ivan")
    factories.make_user("gone", is_active=False)
    for user in User.objects.all():
        User.objects.filter(pk=user.pk).update(email=f"{user.username}@example.org")
    [problem] = problems(member(root, study, email))
    assert told in problem
    assert study.membership_set.count() == 1
    assert mail.outbox == []


def test_roles_are_given_by_those_who_may_add_members(study):
    user = factories.make_user("clerk", is_staff=True)
    for name in ("view_study", "add_reader"):
        user.user_permissions.add(Permission.objects.get(codename=name))
    client = Client()
    client.force_login(user)
    page = client.get(page_of(study)).content.decode()
    assert "Many readers" in page
    assert "A member" not in page
    member(client, study, "uta@example.org", role="data_manager")
    assert not study.membership_set.exists()


def test_mails_that_fail_undo_nothing_and_are_told(root, study, monkeypatch):
    def refuse(*args, **kwargs):
        raise ConnectionRefusedError("no mail server")

    monkeypatch.setattr(accounts, "send_mail", refuse)
    answer = root.post(page_of(study), {"invite": "readers", "lines": GOOD}, follow=True)
    assert answer.content.decode().count("could not be sent (no mail server)") == 3
    assert study.reader_set.count() == 4


def test_the_studys_page_leads_there(root, study):
    page = root.get(f"/admin/cohorts/study/{study.pk}/change/").content.decode()
    assert f'href="{page_of(study)}"' in page
    assert root.get("/admin/cohorts/study/999999/invite/").status_code == 404


def test_staff_without_the_permission_invite_nobody(study):
    client = Client()
    client.force_login(factories.make_user("clerk", is_staff=True))
    assert client.get(page_of(study)).status_code == 403
    assert paste(client, study, GOOD).status_code == 403
    assert mail.outbox == []
