"""What an investigator is told to look at, by page, command and mail; and reminders to readers."""

from datetime import timedelta
from smtplib import SMTPException

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from analysis.study_alerts import AlertKind, alerts_of
from inference.models import InferenceJob
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle, trace
from readerstudy.reading.models import Reader, Reading
from readerstudy.reading.reader_activity import activity_of
from readerstudy.reading.reminders import NotReminded, remind
from readerstudy.studies.models import Case, Study
from tests import factories

pytestmark = pytest.mark.django_db
AT = "https://reading.example.org/read/study/"


@pytest.fixture
def patient(settings):
    """What the tests read takes no time: nothing is too fast."""
    settings.ALERT_FAST_SECONDS = 0.0


def opened(days_ago: int = 0, **protocol) -> Study:
    """A study that was opened some days ago."""
    study = factories.make_draft(cases=2, **protocol)
    study.is_synthetic = days_ago > 0
    study.save()
    at = timezone.now() - timedelta(days=days_ago) if days_ago else None
    lifecycle.open_study(study, by="test", at=at)
    for user in factories.User.objects.all():
        user.email = f"{user.username}@example.org"
        user.save()
    return Study.objects.select_related("protocol").get(pk=study.pk)


def read_next(reader: Reader, *events: str) -> Reading:
    """As in a browser in which all goes well, or in which these things happened."""
    happened = factories.browser_trace(*(events or ("painted", "submit")))
    return factories.read_next(reader, trace_data=happened)


def told(study: Study) -> list[tuple[str, str]]:
    return [(alert.kind, alert.text) for alert in alerts_of(study, activity_of(study))]


def read_all_of(code: str) -> None:
    reader = Reader.objects.get(code=code)
    for _ in range(4):
        read_next(reader)


def test_a_study_that_goes_well_has_none(patient):
    study = opened()
    read_next(study.reader_set.first())
    assert told(study) == []


def test_failed_jobs(patient):
    study = opened()
    case = Case.objects.first()
    InferenceJob.objects.create(
        case=case, model_version=study.studymodel.model_version, input_sha256="x",
        state="failed", reason="SECRET", finished_at=timezone.now(),
    )  # fmt: skip
    assert told(study) == [(AlertKind.FAILED_JOBS, "the model failed on 1 case")]


def test_clocks_that_disagree(patient):
    study = opened()
    for _ in range(2):
        factories.read_next(study.reader_set.get(code="R2"), trace_data=trace.UNREADABLE)
    assert told(study)[0] == (AlertKind.CLOCKS, "the time of 2 readings of R2 is in doubt")


@pytest.mark.parametrize(
    ("happened", "is_told"),
    [
        (("painted", "submit"), False), (("reload", "painted", "hidden", "submit"), False),
        (("painted",), False), (("submit",), True), (("submit", "painted"), True), ((), True),
        (None, True),
    ],
)  # fmt: skip
def test_readings_of_images_that_were_perhaps_not_seen(happened, is_told, patient):
    """None of them was refused."""
    study = opened()
    data = None if happened is None else factories.browser_trace(*happened)
    factories.read_next(study.reader_set.get(code="R2"), trace_data=data)
    words = "came without the browser's word that all images were on the screen before the submit"
    assert told(study) == is_told * [(AlertKind.UNPAINTED, f"1 reading of R2 {words}")]
    assert [found.reader for found in trace.disagreements(study)] == is_told * ["R2"]


def test_what_no_browser_can_have_told_is_summed_up_by_reader(patient):
    study = opened()
    for data in (None, trace.UNREADABLE, factories.browser_trace("submit")):
        factories.read_next(study.reader_set.get(code="R1"), trace_data=data)
    [found] = [text for kind, text in told(study) if kind == AlertKind.UNPAINTED]
    assert found.startswith("3 readings of R1 came without the browser's word")


def test_a_simulated_reader_has_no_browser(patient):
    study = opened(days_ago=1)
    factories.User.objects.update(is_active=False)
    factories.read_next(study.reader_set.get(code="R1"))
    assert told(study) == []
    assert trace.disagreements(study) == []


def test_readings_that_are_too_fast():
    study = opened()
    for _ in range(3):
        read_next(study.reader_set.get(code="R1"))
    assert told(study) == [
        (AlertKind.FAST, "R1 read 2 cases of stage 1 in less than 5 seconds each"),
        (AlertKind.FAST, "R1 read 1 case of stage 2 in less than 5 seconds each"),
    ]


def test_readers_who_are_idle(patient, settings):
    study = opened(days_ago=8)
    read_next(study.reader_set.get(code="R1"))
    since = "has been inactive since the study was opened (8 days)"
    assert told(study) == [(AlertKind.IDLE, f"R2 has 4 diagnoses left and {since}")]
    settings.ALERT_IDLE_DAYS = 9
    assert told(study) == []


def test_who_has_read_all_or_waits_is_not_idle(patient):
    study = opened(days_ago=8, washout_days=30)
    for code in ("R1", "R2"):
        for _ in range(2):
            read_next(study.reader_set.get(code=code))
    assert not any(each.is_behind for each in activity_of(study))
    assert told(study) == []


def test_a_stage_that_is_overdue(patient):
    today = timezone.localdate()
    study = opened(stage_1_due=today - timedelta(days=1), stage_2_due=today)
    read_all_of("R1")
    yesterday = f"{today - timedelta(days=1):%Y-%m-%d}"
    assert told(study) == [
        (AlertKind.OVERDUE, f"stage 1 was due on {yesterday}; R2 has not finished it")
    ]
    read_all_of("R2")
    assert told(study) == []


def test_an_ended_study_is_not_overdue(patient):
    study = opened(stage_1_due=timezone.localdate() - timedelta(days=1))
    lifecycle.lock_study(study, by="test")
    study.refresh_from_db()
    assert told(study) == []


def test_the_number_of_queries_does_not_grow(django_assert_max_num_queries):
    study = opened(days_ago=8)
    with django_assert_max_num_queries(10):
        assert len(told(study)) == 2


def test_the_page_shows_them_and_nothing_of_a_diagnosis():
    study = opened(days_ago=8)
    read_next(study.reader_set.get(code="R1"))
    client = Client()
    client.force_login(factories.make_investigator(study))
    page = client.get("/results/study/").content.decode()
    section = page.partition('id="alerts"')[2].partition("</section>")[0]
    assert "<strong>Implausibly fast</strong>: R1 read 1 case" in section
    assert "Remind R2" in section
    for secret in ("reactive", "benign", "SECRET"):
        assert secret not in section


def test_the_command_prints_and_mails_them(capsys):
    study = opened(days_ago=8)
    user = factories.make_investigator(study)
    call_command("alerts", "--mail")
    said = capsys.readouterr()
    assert "study: no activity: R1 has 4 diagnoses left" in said.out
    assert "no investigator has an e-mail address" in said.err
    user.email = "ivan@example.org"
    user.save()
    call_command("alerts", "--study", "study", "--mail")
    [letter] = mail.outbox
    assert letter.to == ["ivan@example.org"]
    assert "R2 has 4 diagnoses left" in letter.body
    with pytest.raises(CommandError, match="no study"):
        call_command("alerts", "--study", "none")


def test_a_reader_who_is_behind_is_reminded_once_a_day():
    due = timezone.localdate() + timedelta(days=3)
    study = opened(stage_1_due=due)
    read_next(study.reader_set.get(code="R1"))
    remind(study, "R1", address=AT, by="ivan")
    [letter] = mail.outbox
    assert letter.to == ["anna@example.org"]
    assert letter.subject == "Reader study: Study study"
    for text in ("You have 3 diagnoses left.", f"Due date: {due:%Y-%m-%d}", AT, "您还有 3 份诊断"):
        assert text in letter.body
    event = AuditEvent.objects.first()
    assert (event.actor, event.action, event.target) == ("ivan", "reading.remind", "R1")
    with pytest.raises(NotReminded, match="has already been reminded within the last day"):
        remind(study, "R1", address=AT)
    remind(study, "R2", address=AT)
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda: read_all_of("R1"), "R1 has nothing to read at the moment"),
        (
            lambda: lifecycle.lock_study(Study.objects.get(), by="test"),
            "nothing to read at the moment",
        ),
        (lambda: _change("anna", email=""), "R1 has no e-mail address"),
        (lambda: _change("anna", is_active=False), "R1 can't sign in"),
    ],
)
def test_who_is_not_reminded(spoil, reason):
    study = opened()
    spoil()
    study.refresh_from_db()
    with pytest.raises(NotReminded, match=reason):
        remind(study, "R1", address=AT)
    assert mail.outbox == []


def _change(username: str, **fields) -> None:
    user = factories.User.objects.get(username=username)
    for name, value in fields.items():
        setattr(user, name, value)
    user.save()


def test_a_letter_that_could_not_be_sent_may_be_tried_again(monkeypatch):
    study = opened()

    def refuse(*_args, **_kwargs):
        raise SMTPException("anna@example.org is full")

    with monkeypatch.context() as patched:
        patched.setattr("readerstudy.reading.reminders.send_mail", refuse)
        with pytest.raises(NotReminded, match="could not be sent"):
            remind(study, "R1", address=AT, by="ivan")
    event = AuditEvent.objects.first()
    assert (event.outcome, event.detail) == ("refused", {"failure": "SMTPException"})
    remind(study, "R1", address=AT, by="ivan")
    assert len(mail.outbox) == 1


def test_the_button(client):
    study = opened()
    client.force_login(factories.make_investigator(study))
    page = client.post("/results/study/remind/", {"reader": "R1"}, follow=True)
    assert "Reminder sent to R1." in page.content.decode()
    assert "http://testserver/read/study/" in mail.outbox[0].body
    page = client.post("/results/study/remind/", {"reader": "R1"}, follow=True)
    assert "R1 has already been reminded within the last day." in page.content.decode()
    for nobody in ("R9", "", "\x00"):
        page = client.post("/results/study/remind/", {"reader": nobody}, follow=True)
        assert "This study has no such reader" in page.content.decode()
    assert len(mail.outbox) == 1


def test_the_command_reminds_who_was_idle(capsys):
    opened(days_ago=8)
    reader = Reader.objects.get(code="R1")
    read_next(reader)
    _change("boris", email="")
    call_command("remind", "study", "--site", "https://reading.example.org/")
    assert capsys.readouterr().out == "R2 has no e-mail address.\n"
    _change("boris", email="boris@example.org")
    call_command("remind", "study", "--site", "https://reading.example.org/", "--by", "cron")
    assert capsys.readouterr().out == "Reminder sent to R2.\n"
    [letter] = mail.outbox
    assert (letter.to, AT in letter.body) == (["boris@example.org"], True)
    assert Reading.objects.count() == 1
    with pytest.raises(CommandError, match="no study"):
        call_command("remind", "none", "--site", "https://reading.example.org/")


def test_the_readings_of_a_locked_study_are_counted_once():
    """However many they are: at a million it takes seconds."""
    study = opened()
    factories.make_investigator(study)
    factories.read_all(study)
    client = Client()
    client.login(username="ivan", password=factories.PASSWORD)
    asked = {}
    for state in ("open", "locked"):
        if state == "locked":
            lifecycle.lock_study(study, by="test")
        pages = [client.get("/results/study/").content.decode()]
        with CaptureQueriesContext(connection) as queries:
            pages.append(client.get("/results/study/").content.decode())
        assert all("of stage 1 in less than" in page for page in pages)
        asked[state] = [q["sql"] for q in queries if '"reading_reading"' in q["sql"]]
    assert asked["open"]
    assert asked["locked"] == []
