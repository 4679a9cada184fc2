"""A study's rows come out as the arrays that they are, the same from any database."""

from dataclasses import replace

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from analysis import load_study_data
from analysis.study_arrays import MISSING, ScreeningFacts
from analysis.unblinding_guard import ResultsSealed
from inference.current_results import predictions_of
from inference.models import Prediction
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reading
from readerstudy.studies import models as cohorts
from readerstudy.studies.models import Cohort
from tests import factories
from tests.analysis import invented

pytestmark = pytest.mark.django_db


def make_study(slug: str = "study", **fields):
    """Unblinded, with a training cohort, names that databases sort each in their way, and the
    first reader's last cases unread."""
    draft = factories.make_draft(
        slug, cohorts=("zeta", "Alpha", "alpha-2", "Ångström"), **{"cases": 9} | fields
    )
    training = Cohort.objects.create(study=draft, name="learnt", role=Cohort.Role.TRAINING)
    for number, etiology in enumerate(Etiology):
        factories.make_case(training, f"T{number}", etiology)
    lifecycle.open_study(draft, by="test")
    first, *others = draft.reader_set.order_by("code")
    for etiology in list(Etiology) * 3:
        factories.read_next(first, etiology)
    for reader in others:
        for _ in range(18):
            factories.read_next(reader, Etiology.LYMPHOMA)
    factories.finish(draft)
    return draft


def test_readings_stand_where_they_belong():
    study = make_study()
    data = load_study_data.load(study)
    assert data.decisions.shape == data.seconds.shape == (2, 2, 9)
    places = {name: at for at, name in enumerate(case_names(study))}
    seen = np.zeros(data.decisions.shape, bool)
    for reading in Reading.objects.select_related("assignment__reader", "assignment__case__cohort"):
        a = reading.assignment
        at = (int(a.reader.code == "R2"), a.stage - 1, places[a.case.cohort.name, a.case.case_id])
        assert data.decisions[at] == Etiology(reading.etiology).class_index
        taken = (reading.submitted_at - reading.started_at).total_seconds()
        assert data.seconds[at] == taken
        seen[at] = True
    assert seen.sum() == 12 + 18
    assert np.array_equal(seen, data.decisions != MISSING)
    assert np.array_equal(seen, ~np.isnan(data.seconds))


def case_names(study) -> list[tuple[str, str]]:
    """The testing cases' names in the order of their code points."""
    cases = cohorts.testing_cases(study)
    return sorted((case.cohort_name, case.case_id) for case in cases)


def test_patients_are_in_the_order_of_code_points_whatever_the_database_does():
    data = load_study_data.load(make_study())
    names = list(dict.fromkeys(data.testing.cohort.tolist()))
    assert names == ["Alpha", "alpha-2", "zeta", "Ångström"]
    assert [cohort.name for cohort in data.cohorts][-1] == "learnt"  # these in the study's order


def test_the_model_decides_as_the_reader_is_shown():
    study = make_study()
    version = study.studymodel.model_version
    Prediction.objects.bulk_create(
        Prediction(case=case, model_version=version, input_sha256=image_digest(case), **p)
        for case, p in zip(
            study.cohort_set.get(name="learnt").case_set.prefetch_related("image_set"),
            (
                {"p_malignant": 0.5, "p_tuberculous": 0.1, "p_metastatic": 0.5},
                {"p_malignant": 0.49, "p_tuberculous": 0.5, "p_metastatic": 0.9},
                {"p_malignant": 0.1, "p_tuberculous": 0.2, "p_metastatic": 0.9},
            ),
            strict=False,
        )
    )
    data = load_study_data.load(study)
    assert data.training.model.tolist() == [3, 1, 0, MISSING]
    assert np.isnan(data.training.probabilities[3]).all()
    assert np.isnan(data.training.four_class[3]).all()
    cases = sorted(cohorts.testing_cases(study), key=lambda case: (case.cohort_name, case.case_id))
    stored = predictions_of(cases, model_version=version)
    for at, case in enumerate(cases):
        p = stored[case.pk].probabilities()
        assert data.testing.model[at] == p.etiology.class_index
        assert data.testing.four_class[at].tolist() == list(p.gated())
        assert data.testing.probabilities[at].tolist() == [0.8, 0.3, 0.6]


def image_digest(case) -> str:
    from inference.queue import input_digest

    return input_digest(case.image_set.all())


def test_training_cases_are_apart():
    data = load_study_data.load(make_study())
    assert (len(data.testing), len(data.training)) == (9, 4)
    assert set(data.training.cohort) == {"learnt"}
    assert data.training.truth.tolist() == [0, 1, 2, 3]
    assert set(data.testing.pathologic_method) == {"needle_biopsy"}
    assert set(data.testing.diameter_mm) == {17.5}


def test_a_patients_name_tells_nothing():
    data = load_study_data.load(make_study())
    names = [*data.testing.patient, *data.training.patient]
    assert len(set(names)) == 13
    assert not any("SECRET" in name or "T0" in name for name in names)
    assert {len(name) for name in names} == {16}


def test_the_digest_is_of_every_part():
    study = make_study()
    data, again = load_study_data.load(study), load_study_data.load(study)
    assert data.digest() == again.digest()
    other = data.decisions.copy()
    other[1, 1, 8] = 0
    slower = np.where(np.isnan(data.seconds), np.nan, data.seconds + 1e-6)
    older = replace(data.testing, age=data.testing.age + 1)
    facts = ScreeningFacts("", screened=9, enrolled=8, exclusions=(("No consent", 1),))
    changed = [
        replace(data, decisions=other),
        replace(data, seconds=slower),
        replace(data, testing=older),
        replace(data, training=replace(data.training, sex=data.training.sex[::-1].copy() + "x")),
        replace(data, readers=data.readers[::-1]),
        replace(data, readers=data.readers[:1]),
        replace(data, model=replace(data.model, threshold=0.6)),
        replace(data, cohorts=data.cohorts[:-1]),
        replace(data, screening=(facts,)),
        replace(data, screening=(facts, facts)),
    ]
    digests = {each.digest() for each in changed}
    assert len(digests) == len(changed)
    assert data.digest() not in digests


def test_a_study_without_screening_has_the_digest_that_it_always_had():
    """What was computed before there was screening can be computed again."""
    assert invented.make_study().digest() == (
        "565e832e6527fa9afd3b7024db1f965b9dcfc90b8c9dc2422b505197f4200a36"
    )


def test_screening_is_read_in_the_order_of_exclusion():
    study = factories.make_draft(cases=2, cohorts=("A", "B"))
    factories.make_screening(study, cohort=study.cohort_set.first(), enrolled=1)
    factories.make_screening(study, cohort=study.cohort_set.last(), enrolled=1)
    lifecycle.open_study(study, by="test")
    factories.finish(study)
    excluded = (("Poor colour Doppler image", 1), ("No consent", 1))
    assert load_study_data.load(study).screening == (
        ScreeningFacts("A", 3, 1, excluded), ScreeningFacts("B", 3, 1, excluded),
    )  # fmt: skip


def test_the_digest_does_not_depend_on_how_memory_is_laid_out():
    data = load_study_data.load(make_study())
    turned = replace(
        data,
        decisions=np.asfortranarray(data.decisions),
        seconds=data.seconds.astype(">f8"),
    )
    assert turned.digest() == data.digest()


def test_a_study_is_loaded_in_a_constant_number_of_queries():
    counts = []
    for slug, size in (
        ("small", {"cases": 9}),
        ("large", {"cases": 20, "readers": ("c", "d", "e")}),
    ):
        study = make_study(slug, **size)
        with CaptureQueriesContext(connection) as queries:
            load_study_data.load(study)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 9


@pytest.mark.parametrize("state", ["draft", "open", "locked"])
def test_nothing_is_read_of_a_study_that_is_not_unblinded(state):
    study = factories.make_draft()
    if state != "draft":
        lifecycle.open_study(study, by="test")
    if state == "locked":
        lifecycle.lock_study(study, by="test")
    study.refresh_from_db()
    with CaptureQueriesContext(connection) as queries, pytest.raises(ResultsSealed):
        load_study_data.load(study)
    assert len(queries) == 0
