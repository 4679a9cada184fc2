"""Truth, predictions, results, plans, consents, roles and states can't be changed unseen either.

And a verdict says what it looked at and what it did not.
"""

import io
import json
from datetime import UTC, date, datetime
from uuid import UUID

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, connection, transaction
from django.test.utils import override_settings

from analysis.registration import register
from inference.models import ModelVersion
from readerstudy.audit import row_digests
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.row_digests import BLOCK, EvidenceKind
from readerstudy.audit.verification import verify
from readerstudy.diagnosis import Etiology
from readerstudy.exchange.bundles.study_models import EXCLUDED_MODELS, TABLES
from readerstudy.reading import audit_digests, lifecycle, onboarding, two_person_unblinding
from readerstudy.reading.invite_people import invite_member
from readerstudy.reading.models import Assignment, Reading, ReadingOrder, Trace
from readerstudy.studies.models import Membership, Protocol, ReferenceStandard, Study
from tests import factories
from tests.rules import tampering
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
PROFILE = {"years_of_ultrasound": 9, "years_of_neck_ultrasound": 4, "neck_scans_a_week": 30,
           "ai_use": "never"}  # fmt: skip
BY_OTHERS = {"cohorts.Study", "cohorts.Protocol", "cohorts.Membership", "inference.ModelVersion",
             "reading.ReadingOrder", "reading.Assignment", "reading.Presentation",
             "reading.Reading", "reading.Trace"}  # fmt: skip


def make_unblinded() -> Study:
    """A study that two people unblinded, with at least a row of every kind."""
    study = make_draft()
    lifecycle.open_study(study, by="ivan")
    for reader in study.reader_set.select_related("study__protocol", "user"):
        onboarding.give_consent(reader)
        onboarding.store_profile(reader, PROFILE)
        onboarding.store_display_check(
            reader, "key", passed=True, seen={"b": 1}, display={"dpr": 1.5}
        )
        onboarding.submit_practice(reader, 1, malignancy="malignant", etiology="lymphoma")
    factories.read_all(study)
    lifecycle.pause_study(study, by="ivan", reason="A break")
    lifecycle.lock_study(study, by="ivan")
    two_person_unblinding.request_unblinding(study, by="ivan")
    two_person_unblinding.withdraw_request(study, by="irene")
    two_person_unblinding.request_unblinding(study, by="ivan", reason="All is read")
    two_person_unblinding.confirm_unblinding(study, by="irene")
    study.refresh_from_db()
    factories.analyse(study)
    return study


study = shared(make_unblinded)


def make_draft(slug: str = "study") -> Study:
    study = factories.make_draft(slug, cases=2, readers=("anna",), unblinding_needs_two=True)
    factories.make_practice(study, cases=1)
    factories.make_screening(study, enrolled=2)
    for name in ("ivan", "irene"):
        factories.make_investigator(study, name)
    register(study, factories.QUICK, by="ivan")
    return study


def found_after(tamper) -> bool:
    """Whether a verification finds what somebody did who dropped the triggers; it is undone."""
    with transaction.atomic():
        tampering.drop_guards()
        try:
            with transaction.atomic():
                tamper()
                if connection.vendor == "postgresql":
                    with connection.cursor() as cursor:
                        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except DatabaseError:  # a constraint that stands without any trigger
            return True
        finally:
            verdict = verify()
            transaction.set_rollback(True)
    return not verdict.is_sound


def columns_of(kind: EvidenceKind) -> list:
    """The model's own columns that the document has."""
    model = apps.get_model(kind.model)
    fields = [model._meta.get_field(name) for name in kind.fields if "__" not in name]
    return [field for field in fields if field.concrete]


def test_what_nobody_touched_is_sound_and_counted(study):
    verdict = verify()
    assert verdict.problems == []
    assert verdict.rows["reference standards"] == 3  # that of practice too
    assert verdict.rows["predictions"] == 2
    assert all(verdict.rows[kind.name] for kind in row_digests.kinds()), verdict.rows
    assert (verdict.rows["states of studies"], verdict.rows["studies' roles"]) == (1, 1)


def test_every_changed_column_is_found(study):
    missed = []
    for kind in row_digests.kinds():
        rows = list(kind.of_studies(slug="study"))
        for field in columns_of(kind):
            row = rows[len(rows) // 2]
            if not found_after(lambda row=row, field=field: tampering.change(row, field)):
                missed.append(f"{kind.format}: {field.name}")
    assert missed == []


def test_dates_that_stages_are_due_and_changed_places_are_found():
    draft = make_draft("due")
    due = {"stage_1_due": date(2026, 2, 1), "stage_2_due": date(2026, 3, 1)}
    Protocol.objects.filter(study=draft).update(**due)
    lifecycle.open_study(Study.objects.get(pk=draft.pk), by="ivan")
    assert verify().problems == []
    other = dict(zip(due, reversed(due.values()), strict=True))
    with transaction.atomic():
        tampering.drop_guards()
        Protocol.objects.filter(study=draft).update(**other)
        told = " ".join(map(str, verify().problems))
        transaction.set_rollback(True)
    assert "reading.due in the database differs from the frozen protocol" in told
    assert "protocols of due" in told


@pytest.mark.parametrize("change", [{"card": {"other": 1}}, {"weights": "x"},
                                    {"architecture": "x"}, {"threshold": 0.9}])  # fmt: skip
def test_a_model_that_was_changed_is_found(change, study):
    assert found_after(lambda: ModelVersion.objects.update(**change))


def test_every_row_taken_out_is_found(study):
    missed = []
    for kind in row_digests.kinds():
        for row in kind.of_studies(slug="study"):
            if not found_after(lambda row=row: tampering.delete(row)):
                missed.append(f"{kind.format}: {row.pk}")
    assert missed == []


def test_two_rows_that_changed_places_are_found(study):
    for kind in row_digests.kinds():
        one, *others = list(kind.of_studies(slug="study"))
        for other in others[:1]:
            assert found_after(lambda one=one, other=other: tampering.swap(one, other)), kind.format


def put_in(row) -> None:
    """A second row like this one."""
    row.pk = None
    row.id = None
    row.save(force_insert=True)


def test_a_row_put_in_is_found(study):
    for kind in row_digests.kinds():
        row = kind.of_studies(slug="study").first()
        assert found_after(lambda row=row: put_in(row)), kind.format


@pytest.mark.parametrize("name", ["state", "is_synthetic", "notice", "opened_at", "locked_at",
                                  "unblinded_at", "archived_at"])  # fmt: skip
def test_a_changed_state_or_time_is_found(name, study):
    value = datetime(2026, 1, 1, tzinfo=UTC) if name.endswith("_at") else None
    value = {"state": "locked", "is_synthetic": not study.is_synthetic, "notice": "~"}.get(
        name, value
    )
    assert found_after(lambda: Study.objects.filter(pk=study.pk).update(**{name: value}))


def test_a_role_that_nobody_gave_is_found(study):
    person = factories.make_user("nora")
    ivan = Membership.objects.get(user__username="ivan")
    assert found_after(lambda: Membership.objects.create(study=study, user=person, role="auditor"))
    assert found_after(lambda: Membership.objects.filter(pk=ivan.pk).update(role="data_manager"))
    assert found_after(lambda: Membership.objects.filter(pk=ivan.pk).update(user=person))
    assert found_after(lambda: Membership.objects.filter(pk=ivan.pk).delete())


def test_a_role_given_taken_or_changed_on_the_pages_is_sound(study, rf):
    request = rf.post("/")
    request.user = factories.make_user("root", is_staff=True, is_superuser=True)
    sent = invite_member(study, email="n@example.org", name="N", role="auditor", request=request)
    assert verify().problems == []
    Membership.objects.get(user=sent.user).delete()
    assert not verify().is_sound


def test_a_digest_does_not_tell_the_truth_to_who_may_read_the_log(study):
    """Whoever guesses a row's content can't confirm the guess without the key."""
    event = AuditEvent.objects.get(action="study.open")
    [[first, last, count, sha256]] = event.detail["evidence"]["reference-standard/1"]
    kind = next(kind for kind in row_digests.kinds() if kind.format == "reference-standard/1")
    lines = list(kind.lines(kind.of_studies(slug="study")))
    assert (first, last, count) == (lines[0][0], lines[-1][0], 3)
    assert row_digests.is_digest(sha256, lines)
    with override_settings(AUDIT_KEYS=["a guess"]):
        assert row_digests.is_digest(sha256, lines) is None
    text = json.dumps(list(AuditEvent.objects.values_list("detail", flat=True)), default=str)
    truths = set(ReferenceStandard.objects.values_list("etiology", flat=True))
    assert truths
    assert not [etiology for etiology in truths if etiology in text]


def test_an_old_key_still_verifies_and_one_that_is_gone_is_named(study, settings):
    before = settings.AUDIT_KEYS
    settings.AUDIT_KEYS = ["a new one", *before]
    assert verify().problems == []
    settings.AUDIT_KEYS = ["a new one"]
    assert "the key for the digest of event" in " ".join(map(str, verify().problems))


def test_without_the_key_rows_are_counted_and_the_rest_is_not_claimed(study):
    tampering.drop_guards()
    ReferenceStandard.objects.filter(pk=ReferenceStandard.objects.first().pk).update(
        etiology="tuberculous_lymphadenitis", malignancy="benign",
        pathologic_method="excisional_biopsy",
    )  # fmt: skip
    verdict = verify(keyed=False)
    assert verdict.is_sound
    assert any("content of" in each and "reference standards" in each for each in verdict.unseen)
    ReferenceStandard.objects.first().delete()
    assert not verify(keyed=False).is_sound


def test_every_table_of_a_study_is_looked_at_or_named_as_not():
    witnessed = {kind.model for kind in row_digests.kinds()} | BY_OTHERS
    tables = {table.label for table in TABLES}
    tables |= {
        label
        for label in EXCLUDED_MODELS
        if "Historical" not in label and not label.startswith(("accounts", "monitoring"))
    }
    assert tables - witnessed - set(row_digests.excluded_from_evidence()) == set()
    said = io.StringIO()
    call_command("verify_audit", stdout=said)
    for name in row_digests.excluded_from_evidence().values():
        assert name in said.getvalue()
    assert "No tampering was found in what was checked." in said.getvalue()


# Studies from before the log held these digests.


@pytest.fixture
def old(monkeypatch):
    """A study that was opened when its event had digests of its orders alone."""
    with monkeypatch.context() as patch:
        patch.setattr(audit_digests, "opening_digests", audit_digests._order_rows)
        patch.setattr("readerstudy.audit.row_digests.row_evidence", lambda format, row: {})
        patch.setattr(lifecycle.audit_digests, "state_record", lambda study: {})
        old = factories.make_open("old", cases=2, readers=("dora",))
    event = AuditEvent.objects.get(action="study.open", study="old")
    assert set(event.detail) == {"before", "after", "protocol", "orders", "study"}
    return old


def change_truth(study: Study) -> None:
    tampering.drop_guards()
    ReferenceStandard.objects.filter(case__cohort__study=study).update(
        malignancy="malignant", etiology="metastatic_carcinoma"
    )


def test_of_an_older_study_the_verdict_says_what_was_not_recorded(old):
    said = io.StringIO()
    change_truth(old)
    call_command("verify_audit", stdout=said)
    [line] = [each for each in said.getvalue().splitlines() if each.startswith("Not checked")]
    assert "reference standards" in line
    assert "of study old, which was opened before" in line
    assert "manage.py witness_rows old" in line


def test_what_was_not_recorded_can_be_once_and_is_marked_as_later(old):
    call_command("witness_rows", "old", "--by", "admin", stdout=io.StringIO())
    event = AuditEvent.objects.first()
    assert event.detail["recorded_later"] is True
    verdict = verify()
    assert verdict.problems == []
    assert not any("study old" in each for each in verdict.unseen)
    [later] = verdict.later
    assert later.startswith("In study old, studies' roles, ")
    assert "reference standards" in later
    with pytest.raises(audit_digests.AlreadyRecorded):
        audit_digests.record_existing(old, by="admin")
    change_truth(old)
    assert not verify().is_sound


def test_a_kind_that_is_new_is_recorded_and_the_others_not_again(study):
    new = EvidenceKind(
        name="titles", format="study-title/1", model="cohorts.Protocol", study="study",
        fields=("seed",),
    )  # fmt: skip
    row_digests.register(new)
    try:
        assert any("titles of study study" in each for each in verify().unseen)
        audit_digests.record_existing(study, by="admin")
        assert set(AuditEvent.objects.first().detail["evidence"]) == {"study-title/1"}
        assert verify().problems == []
    finally:
        row_digests._KINDS.pop("study-title/1")


# Recorded digests are for ever.


def test_digests_that_were_recorded_before_columns_were_named_stay_what_they_are():
    at = datetime(2026, 1, 31, 10, 0, 0, 125, tzinfo=UTC)
    reading = Reading(
        id=7, assignment_id=3, malignancy="malignant", etiology="lymphoma", confidence=70,
        quality_problem="gain", quality_note="dark", trust=None, usefulness=4,
        idempotency_key=UUID(int=5), started_at=at, submitted_at=at,
    )  # fmt: skip
    trace = Trace(
        id=9, reading_id=7, active_ms=900, elapsed_ms=1500, client_submitted_at=at,
        events=[[5, "shown", "bus"]], exposure=[{"share": 0.25, "whole": 1e16}], flags="",
    )  # fmt: skip
    order = ReadingOrder(
        id=2, reader_id=4, stage=1, seed=-12, algorithm="a/1",
        stratification={"by_cohort": False, "cohorts": {"b": 1, "a": 2}}, order_sha256="ab" * 32,
    )  # fmt: skip
    assert [
        audit_digests.digest_of_reading(reading),
        audit_digests.digest_of_trace(trace),
        audit_digests.row_digest(order, audit_digests.ORDER),
    ] == [
        "ee72fde799b37c9d4fecd1631f93403bfb6a7a2e978eb872bdfe72c3766f6655",
        "f13387dd7c73c42c7fb18b2f99eb615e9d1d39d76a2cd573f58a304cc3bf8a0b",
        "aae88bec9a39918439ef98030004d7d7b4f979e4c0645bc4f85c38f8b12a0e7f",
    ]


@pytest.mark.parametrize(
    ("model", "columns"),
    [(Reading, audit_digests.READING), (Trace, audit_digests.TRACE),
     (ReadingOrder, audit_digests.ORDER), (Assignment, audit_digests.ASSIGNMENT)],
)  # fmt: skip
def test_no_column_of_a_record_is_left_out_of_its_digest(model, columns):
    assert tuple(field.attname for field in model._meta.concrete_fields) == columns


def test_no_column_of_witnessed_rows_is_left_out():
    """Those that are the same for all rows of a study, or its key in other words, excepted."""
    for kind in row_digests.kinds():
        model = apps.get_model(kind.model)
        begun = {kind.fields[0], *(name.partition("__")[0] for name in kind.fields)}
        named = {
            name.rpartition(".")[2]
            for name in row_digests.excluded_from_evidence()
            if name.startswith(f"{kind.model}.")
        }
        left = {f.name for f in model._meta.concrete_fields} - begun - named - {"id", "study"}
        assert left == set() or kind.format == "analysis-request/1", (kind.format, left)


# Many rows.


def test_many_rows_are_recorded_and_checked_in_blocks(django_assert_max_num_queries):
    study = factories.make_draft("big", cases=1, readers=("dora",))
    cohort = study.cohort_set.first()
    for number in range(BLOCK + 5):
        factories.make_case(cohort, f"more-{number}", Etiology.LYMPHOMA)
    with django_assert_max_num_queries(60):
        rows = row_digests.study_evidence("big")
    assert [block[2] for block in rows["reference-standard/1"]] == [BLOCK, 6]
