"""The synthetic study to train on: the published sizes, imported by the ordinary door."""

from functools import partial

import numpy as np
import pytest
from django.core.management import call_command
from PIL import Image as PillowImage

from readerstudy.demo import synthetic_cohort
from readerstudy.demo.model_training_study import COHORTS
from readerstudy.demo.phantoms import draw_phantom
from readerstudy.demo.published.tables import published_cohorts
from readerstudy.diagnosis import Etiology
from readerstudy.studies.models import Case, Cohort, Study


def test_testing_cohorts_are_the_published_ones():
    published = [cohort.counts for cohort in published_cohorts()]
    assert [plan.counts for plan in COHORTS[1:]] == published


def test_training_cohort_is_the_nearest_to_what_is_printed():
    """136 benign, 259 malignant; of sub-models 2 and 3 the printed figures to 0.2 of a percent."""
    reactive, tuberculous, lymphoma, metastatic = COHORTS[0].counts
    assert (reactive + tuberculous, lymphoma + metastatic) == (136, 259)
    for cases, printed in (
        (tuberculous, 84.6), (reactive, 90.9), (metastatic, 92.6), (lymphoma, 96.9),
    ):  # fmt: skip
        right = round(cases * printed / 100)
        assert abs(100 * right / cases - printed) < 0.2


def test_a_smaller_one_keeps_about_the_mix():
    for plan in COHORTS:
        mix = plan.mix(40)
        assert min(mix.values()) >= 2
        assert mix[Etiology.METASTATIC] == max(mix.values())
        assert 35 <= sum(mix.values()) <= 45


@pytest.mark.django_db
def test_the_command_imports_what_is_missing_and_keeps_masks(tmp_path, monkeypatch):
    monkeypatch.setattr(synthetic_cohort, "draw_phantom", partial(draw_phantom, size=(64, 80)))
    call_command("demo_model_training_study", study="few", cases=8, masks=tmp_path)
    study = Study.objects.get(slug="few")
    assert study.is_synthetic
    roles = list(Cohort.objects.filter(study=study).order_by("pk").values_list("role", flat=True))
    assert roles == ["training", "internal_testing", "external_testing", "external_testing"]
    cases = Case.objects.filter(cohort__study=study)
    before = set(cases.values_list("pk", flat=True))
    for case in cases.select_related("cohort"):
        mask = np.asarray(PillowImage.open(tmp_path / case.cohort.name / f"{case.case_id}.png"))
        image = case.image_set.get(modality="bus")
        assert mask.shape == (image.height, image.width)
        assert 0 < (mask == 255).mean() < 0.6
    call_command("demo_model_training_study", study="few", cases=8)
    assert set(cases.all().values_list("pk", flat=True)) == before
