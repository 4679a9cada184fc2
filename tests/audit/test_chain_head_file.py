"""The end of the log, noted where the database can't change it."""

import stat

import pytest
from django.core.management import CommandError, call_command

from readerstudy.audit import chain, chain_head_file
from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.verification import verify
from tests.rules import tampering

pytestmark = pytest.mark.django_db


@pytest.fixture
def log(django_capture_on_commit_callbacks):
    """Five events, and nothing that keeps them from being cut off."""
    with django_capture_on_commit_callbacks(execute=True):
        for number in range(5):
            record("test", target=str(number))
    tampering.drop_guards()
    return list(AuditEvent.objects.order_by("number"))


def test_what_is_committed_is_noted(log, audit_head):
    assert chain_head_file.read_head() == chain.last_event() == (5, log[-1].sha256)
    assert stat.S_IMODE(audit_head.stat().st_mode) == 0o600


def test_a_later_note_is_never_overwritten_by_an_earlier(log):
    chain_head_file.write_head(3, log[2].sha256)
    assert chain_head_file.read_head() == (5, log[-1].sha256)


def test_the_end_cut_off_is_found(log, audit_head):
    AuditEvent.objects.filter(number__gt=3)._raw_delete("default")
    [problem] = verify().problems
    assert str(problem).startswith(
        "event 5: is missing: the note outside the database refers to it"
    )
    audit_head.unlink()  # whoever can do that too is found by paper alone
    assert verify().is_sound
    assert not verify(heads=[(5, log[-1].sha256)]).is_sound


def test_an_end_that_was_cut_off_and_grown_again_is_found(log):
    AuditEvent.objects.filter(number__gt=3)._raw_delete("default")
    for number in range(4):
        record("test", target=f"other {number}")
    assert "replaced" in verify(heads=[(5, log[-1].sha256)]).problems[0].what


@pytest.mark.parametrize("text", ["", "x", "7:abc", "-1:" + "0" * 64])
def test_a_damaged_note_is_told(text, log, audit_head):
    audit_head.write_text(text)
    [problem] = verify().problems
    assert str(problem).startswith("the note of the last event: is damaged")


def test_the_command_says_what_it_found(log, capsys):
    call_command("verify_audit")
    said = capsys.readouterr()
    assert "Checked: 5 events" in said.out
    assert f"5:{log[-1].sha256}" in said.out
    assert "No tampering was found in what was checked." in said.out
    assert AuditEvent.objects.first().action == "audit.verify"
    AuditEvent.objects.filter(number=2).update(actor="boris")
    with pytest.raises(SystemExit) as ended:
        call_command("verify_audit", "--no-record")
    assert ended.value.code == 1
    said = capsys.readouterr()
    assert said.err.startswith("event 2 (")
    assert "was changed" in said.err
    assert AuditEvent.objects.count() == 6


def test_the_command_takes_a_head_from_paper(log, capsys):
    first = log[0]
    call_command("verify_audit", "--head", f"1:{first.sha256}", "--without-key", "--no-record")
    assert "Not checked: the seals" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call_command("verify_audit", "--head", f"9:{first.sha256}", "--no-record")
    assert "event 9: is missing" in capsys.readouterr().err
    with pytest.raises(CommandError, match=r"not in the form NUMBER:SHA-256"):
        call_command("verify_audit", "--head", "paper")
