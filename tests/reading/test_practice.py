"""Practice: own cases in an own order, with the answer told, and no part of the study."""

import hashlib

import pytest
from django.test import Client

from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle, onboarding, sequence
from readerstudy.reading.errors import Invalid, NotPrepared, OutOfOrder
from readerstudy.reading.models import PracticeReading, Reader, Reading
from readerstudy.studies import models as cohorts
from readerstudy.studies.models import Case, Cohort, Image, ImageReview
from tests import factories
from tests.reading.onboarding import make_open, practise, reader_of, send
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@shared
def practising():
    return make_open(practice=1)


def test_the_order_is_drawn_for_each_reader_and_stays():
    study = make_open(practice=6, readers=tuple("abcdefgh"))
    orders = {}
    for reader in study.reader_set.select_related("user"):
        orders[reader.code] = _practice_order(sign_in(reader.user.username), reader)
    assert {frozenset(order) for order in orders.values()} == {frozenset(range(6))}
    assert len({tuple(order) for order in orders.values()}) > 4
    # As anyone can redo it: SHA-256 of "seed|reader|0|cohort|case id", sorted.
    keys = [hashlib.sha256(f"7|R1|0|SECRET-PRACTICE|SECRET-PRACTICE-{n}".encode()).digest()
            for n in range(6)]  # fmt: skip
    assert orders["R1"] == sorted(range(6), key=keys.__getitem__)


def _practice_order(client: Client, reader: Reader) -> list[int]:
    order = []
    for number in range(1, 7):
        practise(client, number)
        given = PracticeReading.objects.filter(reader=reader).order_by("pk").last()
        order.append(int(given.case.case_id.rpartition("-")[2]))
    return order


def test_a_practice_answer_is_told_right_or_wrong_on_each_level():
    make_open(practice=4)
    anna = sign_in("anna")
    for number in range(1, 5):
        url = f"/read/study/before/practice/{number}/"
        page = anna.get(url).content.decode()
        assert "Reference standard (pathology)" not in page
        practise(anna, number, Etiology.LYMPHOMA)
        truth = PracticeReading.objects.order_by("pk").last().case.referencestandard
        page = " ".join(anna.get(url).content.decode().split())
        etiology = Etiology(truth.etiology)
        assert f"<dt>Benign or malignant: {etiology.malignancy.label}</dt>" in page
        assert f"<dt>Etiology: {etiology.label}</dt>" in page
        right = (etiology.malignancy == "malignant") + (etiology == Etiology.LYMPHOMA)
        assert page.count("✓ Correct.") == right
        assert page.count("✗ Incorrect: your diagnosis was ") == 2 - right


def test_only_the_practice_case_at_hand_is_shown():
    make_open(practice=3)
    anna = sign_in("anna")
    assert practice_statuses(anna) == [200, 403, 403]
    practise(anna, 1)
    assert practice_statuses(anna) == [200, 200, 403]
    practise(anna, 2)
    assert practice_statuses(anna) == [403, 200, 200]
    practise(anna, 3)
    assert practice_statuses(anna) == [403, 403, 200]
    for number in (0, 4, 10**30):
        assert anna.get(f"/read/study/before/practice/{number}/").status_code in (403, 404)
    assert practise(anna, 4).status_code == 403


def practice_statuses(client: Client) -> list[int]:
    """Of the pages of three practice cases; their images are as open as they are."""
    found = []
    for number in (1, 2, 3):
        url = f"/read/study/before/practice/{number}/"
        [status] = {client.get(url + part).status_code for part in ("", "bus.png", "cdfi.png")}
        found.append(status)
    return found


def test_of_two_practice_diagnoses_of_a_case_the_first_stands(practising):
    anna = sign_in("anna")
    practise(anna, 1, Etiology.REACTIVE)
    assert practise(anna, 1, Etiology.LYMPHOMA).status_code == 302
    assert PracticeReading.objects.get().etiology == Etiology.REACTIVE


@pytest.mark.parametrize(
    "said",
    [{}, {"malignancy": "benign"}, {"malignancy": "benign", "etiology": "lymphoma"},
     {"malignancy": "bad", "etiology": "worse"}],
)  # fmt: skip
def test_an_inconsistent_practice_diagnosis_is_refused(said, practising):
    response = send(sign_in("anna"), "practice/1", said)
    assert response.status_code == 400
    assert "Choose benign or malignant" in response.content.decode()
    assert not PracticeReading.objects.exists()


def test_practice_is_in_no_order_no_reading_and_no_analysis():
    study = make_open(practice=2, cases=2, readers=("anna",))
    anna = sign_in("anna")
    for number in (1, 2):
        practise(anna, number)
    practice = set(Case.objects.filter(cohort__role=Cohort.Role.PRACTICE))
    assert not practice & set(cohorts.testing_cases(study))
    assert not practice & {a.case for a in sequence.unread_assignments(reader_of())}
    factories.read_all(study)
    assert Reading.objects.count() == 4
    factories.finish(study)
    document = str(factories.analyse(study).results)
    assert "PRACTICE" not in document


def test_the_rules_refuse_by_name():
    make_open(practice=1, checks_display=True)
    anna = sign_in("anna")
    with pytest.raises(NotPrepared):
        onboarding.require_prepared(reader_of(), anna.session)
    with pytest.raises(OutOfOrder):
        onboarding.submit_practice(reader_of(), 2, malignancy="benign", etiology="lymphoma")
    with pytest.raises(Invalid):
        onboarding.submit_practice(reader_of(), 1, malignancy="benign", etiology="lymphoma")


def test_the_truth_is_told_of_practice_alone(practising):
    """Were a testing case to get a practice reading by some mistake, its truth would not come."""
    tested = cohorts.testing_cases(practising).first()
    given = PracticeReading.objects.create(
        reader=reader_of(), case=tested, malignancy="benign", etiology="reactive_hyperplasia"
    )
    with pytest.raises(type(tested.referencestandard).DoesNotExist):
        onboarding.revealed_reference_standard(given)


# What may open.


def test_a_study_opens_only_with_complete_practice_cases():
    study = factories.make_draft(cases=1)
    cohort = Cohort.objects.create(study=study, name="p", role=Cohort.Role.PRACTICE)
    Case.objects.create(
        cohort=cohort, case_id="bare", sex="male", age=50, diameter_mm=9, location="left",
        neck_level="II", instrument="x",
    )  # fmt: skip
    assert lifecycle.missing_to_open(study) == [
        "1 practice cases have an image missing.",
        "1 practice cases have no reference standard.",
    ]


def test_no_patient_is_in_practice_and_in_testing():
    study = factories.make_draft(cases=2)
    practice = factories.make_practice(study, cases=3)
    tested = cohorts.testing_cases(study)
    Case.objects.filter(pk=practice[0].pk).update(case_id=tested[0].case_id)
    image = Image.objects.filter(case=tested[1], modality="cdfi").get()
    same = Image.objects.filter(case=practice[1], modality="bus")
    same.update(sha256=image.sha256)
    ImageReview.objects.filter(image__in=same).update(sha256=image.sha256)
    assert lifecycle.missing_to_open(study) == [
        f"Practice case SECRET-PRACTICE / {tested[0].case_id} has the same id as a testing "
        "case of its hospital. "
        "No patient may be in both: remove the case from one of the cohorts.",
        "Practice case SECRET-PRACTICE / SECRET-PRACTICE-1 has the same image as a testing case. "
        "No patient may be in both: remove the case from one of the cohorts.",
    ]
    with pytest.raises(lifecycle.StepNotPossible):
        lifecycle.open_study(study, by="test")
