"""Nobody who may have seen the truth of a patient reads that patient, whichever came first."""

import re

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import copying, lifecycle, step_checks
from readerstudy.reading.invite_people import InvitationsRefused, invite_member, invite_readers
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.reading.lifecycle_steps import LifecycleStep, needs_reason, perform
from readerstudy.reading.models import Reader
from readerstudy.reading.truth_seen import who_saw_truth
from readerstudy.studies.models import Case, Membership, Study
from tests import factories
from tests.rules import tampering
from tests.rules.walk import sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]
WHO = pytest.mark.parametrize("role", ["data_manager", "investigator", "auditor"])


@pytest.fixture
def source():
    """A study that dora manages the data of; irene and aldo have the other roles."""
    source = factories.make_draft("source", cases=1, readers=("boris",))
    for name, role in (("dora", "data_manager"), ("irene", "investigator"), ("aldo", "auditor")):
        factories.make_member(source, name, role)
    return source


PEOPLE = {"data_manager": "dora", "investigator": "irene", "auditor": "aldo"}


def copied(source: Study, slug: str = "copy") -> Study:
    """A copy with the same patients, their truth and the same model's results."""
    asked = {"cohorts", "cases", "truth"}
    copy = copying.copy_study(source, slug=slug, title=slug, part_names=asked, by="test")
    for case in Case.objects.filter(cohort__study=copy):
        factories.make_prediction(case, copy.studymodel.model_version)
    return copy


def make_reader(study: Study, username: str, code: str = "R1") -> Reader:
    return Reader.objects.create(
        study=study, user=User.objects.get(username=username), code=code,
        years_of_experience=5, group="junior",
    )  # fmt: skip


def unblinded(study: Study) -> None:
    lifecycle.open_study(study, by="test")
    factories.finish(study)


def refusals(study: Study) -> str:
    return " ".join(lifecycle.missing_to_open(study))


def test_a_data_manager_of_the_source_does_not_read_the_copy(source):
    copy = copied(source)
    make_reader(copy, "dora")
    assert "R1 (dora) is data manager of source, which shares patients with this study" in refusals(
        copy
    )
    with pytest.raises(
        StepNotPossible, match=r"may know the reference standard\. A reader must not"
    ):
        lifecycle.open_study(copy, by="test", reason="There is nobody else")


@WHO
def test_nor_who_has_a_role_in_a_study_of_the_patients_that_is_unblinded(role, source):
    copy = copied(source)
    unblinded(source)
    make_reader(copy, PEOPLE[role])
    assert f"is {role.replace('_', ' ')} of source" in refusals(copy)


@pytest.mark.parametrize("role", ["investigator", "auditor"])
def test_who_has_another_role_in_a_sealed_study_may_read(role, source):
    copy = copied(source)
    make_reader(copy, PEOPLE[role])
    assert refusals(copy) == ""


def test_a_data_manager_of_other_patients_may_read(source):
    other = factories.make_draft("other", cases=1, readers=("zoe",))
    other.cohort_set.update(hospital="Another")
    make_reader(other, "dora", "R2")
    assert refusals(other) == ""


@pytest.mark.parametrize("where", ["source", "copy"])
def test_a_role_that_was_taken_away_counts_and_wants_a_reason(where, source):
    copy = copied(source)
    if where == "copy":
        factories.make_member(copy, "nora", "data_manager")
    name = "nora" if where == "copy" else "dora"
    Membership.objects.get(user__username=name).delete()
    make_reader(copy, name)
    [warning] = step_checks.grave_warnings(copy, "open")
    assert warning.startswith(f"R1 ({name}) was data manager until") or "was until" in warning
    assert needs_reason(copy, LifecycleStep.OPEN)
    for reason in ("", "  "):
        with pytest.raises(StepNotPossible, match="Enter a reason for taking the step"):
            perform(copy, LifecycleStep.OPEN, by="test", reason=reason)
    perform(
        copy, LifecycleStep.OPEN, by="test", reason="The role was given by mistake, for a minute."
    )
    event = AuditEvent.objects.get(action="study.open", study="copy", outcome="done")
    assert event.detail["in_spite_of"] == [warning]
    assert event.detail["reason"].startswith("The role was given by mistake")


def test_a_role_that_ended_before_the_unblinding_told_nothing(source):
    copy = copied(source)
    Membership.objects.get(user__username="irene").delete()
    unblinded(source)
    Membership.objects.get(user__username="aldo").delete()
    people = User.objects.filter(username__in=["irene", "aldo"])
    assert [User.objects.get(pk=s.user).username for s in who_saw_truth(people, copy)] == ["aldo"]


def test_a_role_that_was_changed_counts_as_what_it_was(source):
    copy = copied(source)
    dora = Membership.objects.get(user__username="dora")
    dora.role = "auditor"
    dora.save()
    [seen] = who_saw_truth([dora.user], copy)
    assert not seen.is_now
    assert "data manager of source" in seen.why


def test_who_was_staff_could_look_up_every_truth(source):
    boris = User.objects.get(username="boris")
    boris.is_staff = True
    boris.save()
    assert "is staff" in refusals(source)
    boris.is_staff = False
    boris.save()
    assert step_checks.grave_warnings(source, "open") == [
        "R1 (boris) was staff, with access to all reference standards."
    ]
    with pytest.raises(StepNotPossible, match="Enter a reason"):
        lifecycle.open_study(source, by="test")


def test_the_pages_refuse_such_a_reader_in_words(source, rf):
    copy = copied(source)
    factories.make_user("root", is_staff=True, is_superuser=True)
    dora = User.objects.get(username="dora")
    line = {"study": copy.pk, "user": dora.pk, "code": "R9", "years_of_experience": 3,
            "group": "junior"}  # fmt: skip
    page = sign_in("root").post("/admin/reading/reader/add/", line).content.decode()
    assert "dora is data manager of source" in page
    line |= {"study": source.pk}
    page = sign_in("root").post("/admin/reading/reader/add/", line).content.decode()
    assert "dora has a role in this study" in page
    User.objects.filter(pk=dora.pk).update(email="dora@example.org")
    request = rf.post("/")
    request.user = User.objects.get(username="root")
    with pytest.raises(InvitationsRefused, match="dora is data manager of source"):
        invite_readers(copy, "dora@example.org,Dora,R9,3,junior", request=request)
    assert not Reader.objects.filter(user=dora).exists()


def test_nobody_is_invited_to_a_role_over_patients_that_they_read_elsewhere(source, rf):
    copy = copied(source)
    User.objects.filter(username="boris").update(email="boris@example.org")
    request = rf.post("/")
    request.user = factories.make_user("root", is_staff=True, is_superuser=True)
    with pytest.raises(InvitationsRefused, match="reads some of this study's patients"):
        invite_member(
            copy, email="boris@example.org", name="B", role="data_manager", request=request
        )


def test_an_unblinding_names_the_members_who_read_its_patients_elsewhere(source):
    copy = copied(source)
    lifecycle.open_study(source, by="test")
    lifecycle.lock_study(source, by="test")
    make_reader(copy, "irene")
    [warning] = step_checks.grave_warnings(source, "unblind")
    assert warning.startswith("irene has a role in this study and reads some of its patients")
    with pytest.raises(StepNotPossible, match="Enter a reason"):
        perform(source, LifecycleStep.UNBLIND, by="test")
    perform(source, LifecycleStep.UNBLIND, by="test", reason="The copy will be given up.")
    event = AuditEvent.objects.get(action="study.unblind", outcome="done")
    assert event.detail["in_spite_of"] == [warning]


# The database itself.


def test_the_database_lets_nobody_read_a_study_and_have_a_role_in_it(source):
    boris = User.objects.get(username="boris")
    with pytest.raises(IntegrityError, match="refuses INSERT"), transaction.atomic():
        Membership.objects.create(study=source, user=boris, role="auditor")
    with pytest.raises(IntegrityError, match="refuses INSERT"), transaction.atomic():
        make_reader(source, "dora", "R5")
    with pytest.raises(IntegrityError, match="refuses UPDATE"), transaction.atomic():
        Membership.objects.filter(user__username="dora").update(user=boris)
    with pytest.raises(IntegrityError, match="refuses UPDATE"), transaction.atomic():
        Reader.objects.update(user=User.objects.get(username="dora"))
    other = factories.make_draft("other", cases=1, readers=("dora",))
    with pytest.raises(IntegrityError, match="refuses UPDATE"), transaction.atomic():
        Reader.objects.filter(study=other).update(study=source, code="R7")


def test_one_page_that_makes_a_person_both_is_refused_in_words(source):
    """Of the study's page, each part alone is sound."""
    factories.make_user("root", is_staff=True, is_superuser=True)
    nora = factories.make_user("nora")
    url = f"/admin/cohorts/study/{source.pk}/change/"
    client = sign_in("root")
    form = page_form(client.get(url).content.decode(), source)
    form |= {"membership_set-TOTAL_FORMS": 1, "membership_set-0-user": nora.pk,
             "membership_set-0-role": "auditor", "membership_set-0-study": source.pk,
             "reader_set-TOTAL_FORMS": 1, "reader_set-0-user": nora.pk, "reader_set-0-code": "R8",
             "reader_set-0-years_of_experience": 3, "reader_set-0-group": "junior",
             "reader_set-0-study": source.pk}  # fmt: skip
    answer = client.post(url, form, follow=True)
    assert "Nobody can be a reader of a study and also have a role in it" in answer.content.decode()
    assert not Reader.objects.filter(user=nora).exists()
    assert not Membership.objects.filter(user=nora).exists()


def page_form(page: str, study: Study) -> dict:
    """The study's page as it is, without its cohorts, readers, roles and model."""
    protocol = study.protocol
    form = dict(re.findall(r'name="(\w+-(?:TOTAL|INITIAL)_FORMS)" value="(\d+)"', page))
    for part in ("cohort_set", "reader_set", "studymodel", "membership_set"):
        form[f"{part}-TOTAL_FORMS"] = form[f"{part}-INITIAL_FORMS"] = 0
    return form | {
        "title": study.title, "slug": study.slug, "protocol-0-id": protocol.pk,
        "protocol-0-study": study.pk, "protocol-0-design": protocol.design,
        "protocol-0-washout_days": 0, "protocol-0-seed": protocol.seed,
        "protocol-0-confidence": "none",
    }  # fmt: skip


def test_who_was_both_before_can_be_taken_out(source):
    tampering.drop_guards()
    make_reader(source, "dora", "R5")
    call_command("migrate", verbosity=0)
    Membership.objects.get(user__username="dora").delete()
    Reader.objects.filter(code="R5").update(years_of_experience=6)
