"""While a study is paused no case is shown and no diagnosis is taken; none that waits is lost."""

from uuid import uuid4

import pytest
from django.db import IntegrityError

from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, onboarding, sequence, submission
from readerstudy.reading.errors import StudyNotOpen, StudyPaused
from readerstudy.reading.models import Presentation, Reader, Reading
from readerstudy.reading.submission import record_presentation, submit_reading
from readerstudy.reading.submitted_answer import Answer
from readerstudy.studies.models import Study
from tests import factories
from tests.rules.walk import Api, Page, read, sign_in
from tests.worlds import shared

pytestmark = [pytest.mark.django_db, pytest.mark.both_databases]


@shared
def study():
    return factories.make_open(cases=2, readers=("anna",))


@pytest.fixture
def anna(study):
    return sign_in("anna")


def pause(study):
    lifecycle.pause_study(study, by="test", reason="The server moves")


def lock(study):
    lifecycle.lock_study(study, by="test")


@pytest.mark.parametrize("door", [Page(), Api()], ids=["page", "api"])
def test_a_diagnosis_during_a_pause_is_taken_after_it(door, study, anna):
    code, key = door.open(anna), str(uuid4())
    pause(study)
    refused = door.submit(anna, code, key=key)
    assert refused.status_code == 503
    assert refused["Retry-After"] == "60"
    assert "kept in this browser stays there" in door.message(refused)
    assert not Reading.objects.exists()
    lifecycle.resume_study(study, by="test")
    assert door.submit(anna, code, key=key).status_code == door.stored
    assert str(Reading.objects.get().idempotency_key) == key


def test_the_api_names_the_refusal(study, anna):
    code = Api().open(anna)
    pause(study)
    assert Api().submit(anna, code).json()["refusal"] == "StudyPaused"


@pytest.mark.parametrize("door", [Page(), Api()], ids=["page", "api"])
def test_a_repetition_is_answered_even_during_a_pause(door, study, anna):
    code, key = door.open(anna), str(uuid4())
    assert door.submit(anna, code, key=key).status_code == door.stored
    pause(study)
    assert door.submit(anna, code, key=key).status_code == door.replayed
    assert Reading.objects.count() == 1


def test_a_diagnosis_that_waits_through_a_lock_is_refused_for_good(study, anna):
    code = Api().open(anna)
    pause(study)
    lifecycle.lock_study(study, by="test")
    assert Api().submit(anna, code).status_code == 409


def test_no_case_is_shown_during_a_pause(study, anna):
    code = Page().open(anna)
    pause(study)
    page = anna.get("/read/study/")
    assert page.status_code == 200
    assert "The study is paused" in page.content.decode()
    assert code not in page.content.decode()
    assert anna.get(f"/read/study/{code}/bus.png").status_code == 503
    assert anna.get("/api/v1/study/case/").json()["case"] is None
    home = anna.get("/").content.decode()
    assert "You can continue reading once it resumes" in home
    assert "Continue reading" not in home


def test_after_the_pause_the_reader_goes_on_at_the_same_case(study, anna):
    read(anna)
    code = Page().open(anna)
    shown = Presentation.objects.get(assignment__code=code).at
    pause(study)
    lifecycle.resume_study(study, by="test")
    assert Page().open(anna) == code
    assert Presentation.objects.get(assignment__code=code).at == shown
    assert Study.objects.get().opened_at == study.opened_at


def test_a_reader_is_told_of_the_pause_in_chinese(study, anna):
    code = Api().open(anna)
    pause(study)
    anna.cookies["django_language"] = "zh-hans"
    assert "研究已暂停" in anna.get("/read/study/").content.decode()
    assert "已暂停" in Api().submit(anna, code).json()["detail"]


def test_nothing_is_prepared_during_a_pause(study):
    pause(study)
    reader = Reader.objects.select_related("study__protocol").get()
    with pytest.raises(StudyPaused):
        onboarding.require_open(reader)


def test_a_case_is_not_shown_in_the_moment_of_the_pause(study):
    """Its page was asked for just before: the database does not note it as shown."""
    reader = Reader.objects.select_related("study__protocol").get()
    assignment = sequence.current_assignment(reader)
    pause(study)
    with pytest.raises(StudyPaused):
        record_presentation(assignment)
    assert not Presentation.objects.exists()


@pytest.mark.parametrize(
    ("shut", "refusal"), [(pause, StudyPaused), (lock, StudyNotOpen)], ids=["pause", "lock"]
)
def test_a_diagnosis_is_not_taken_in_the_moment_the_study_is_shut(study, shut, refusal):
    """It was sent just before: the database itself takes no reading."""
    reader = Reader.objects.select_related("study__protocol").get()
    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    shut(study)
    assert reader.study.state == Study.State.OPEN  # as the request knew it
    answer = Answer(malignancy="malignant", etiology="lymphoma")
    with pytest.raises(StudyNotOpen) as refused:
        submit_reading(reader=reader, code=assignment.code, key=uuid4(), answer=answer)
    assert type(refused.value) is refusal
    assert not Reading.objects.exists()


@pytest.fixture
def resumed_meanwhile(study, monkeypatch):
    """The study goes on before the site asks why the database refused."""
    ask = submission._state_now

    def resume_first(reader):
        lifecycle.resume_study(study, by="test")
        return ask(reader)

    monkeypatch.setattr(submission, "_state_now", resume_first)


@pytest.mark.usefixtures("resumed_meanwhile")
def test_a_diagnosis_sent_within_a_short_pause_is_to_be_sent_again(study):
    """Paused and resumed between two statements of one submit."""
    reader = Reader.objects.select_related("study__protocol").get()
    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    pause(study)
    answer = Answer(malignancy="malignant", etiology="lymphoma")
    sent = {"reader": reader, "code": assignment.code, "key": uuid4(), "answer": answer}
    with pytest.raises(StudyPaused):
        submit_reading(**sent)
    assert not Reading.objects.exists()
    assert not submit_reading(**sent).replayed


@pytest.mark.usefixtures("resumed_meanwhile")
def test_a_case_asked_for_within_a_short_pause_is_to_be_asked_for_again(study):
    reader = Reader.objects.select_related("study__protocol").get()
    assignment = sequence.current_assignment(reader)
    pause(study)
    with pytest.raises(StudyPaused):
        record_presentation(assignment)


def test_what_another_constraint_refuses_is_no_pause(study, monkeypatch):
    reader = Reader.objects.select_related("study__protocol").get()
    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    monkeypatch.setattr(submission, "require_complete", lambda *_args, **_more: None)
    answer = Answer(malignancy="benign", etiology="lymphoma")
    with pytest.raises(IntegrityError):
        submit_reading(reader=reader, code=assignment.code, key=uuid4(), answer=answer)


def test_a_repetition_in_that_moment_knows_of_it(study):
    """So that no next case is shown with its answer."""
    reader = Reader.objects.select_related("study__protocol").get()
    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    answer = Answer(malignancy="malignant", etiology="lymphoma")
    sent = {"reader": reader, "code": assignment.code, "key": uuid4(), "answer": answer}
    submit_reading(**sent)
    pause(study)
    assert submit_reading(**sent).replayed
    assert sequence.current_assignment(reader) is None


def test_a_pause_unseals_nothing(study):
    factories.read_next(Reader.objects.get(), Etiology.LYMPHOMA)
    factories.make_investigator(study)
    pause(study)
    ivan = sign_in("ivan")
    assert "Results are sealed" in ivan.get("/results/study/").content.decode()
    assert ivan.get("/results/study/runs/1/").status_code == 403
