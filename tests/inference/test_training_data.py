"""Training and evaluation from the database: the right cohorts, the right files, clear refusals."""

import csv
from pathlib import Path

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as PillowImage

from inference import images, training_data
from inference.clahdm.weights import load, save, untrained
from inference.clahdm.weights_card import read_card
from inference.models import StudyModel
from readerstudy.diagnosis import Etiology
from readerstudy.studies.models import Cohort, ReferenceStandard, Study
from tests.factories import make_case, make_model, make_open, make_prediction

pytestmark = pytest.mark.django_db


@pytest.fixture
def study():
    """Two training cases of each etiology, and a testing cohort."""
    study = Study.objects.create(slug="learn", title="Learn")
    training = Cohort.objects.create(study=study, name="training", role=Cohort.Role.TRAINING)
    testing = Cohort.objects.create(study=study, name="testing", role=Cohort.Role.INTERNAL)
    for number, etiology in enumerate([*Etiology, *Etiology]):
        make_case(training, f"train-{number}", etiology)
    for number, etiology in enumerate(Etiology):
        make_case(testing, f"test-{number}", etiology)
    return study


@pytest.fixture
def small(monkeypatch):
    """The commands train on 32 x 32 images: the network is the same, the sums are quick."""
    from inference.clahdm import data, train_clahdm

    cohort = data.cohort
    monkeypatch.setattr(data, "cohort", lambda cases, *, size: cohort(cases, size=32))
    monkeypatch.setattr(train_clahdm, "_check_size", lambda *_: None)


def train(study: Study, out: Path, **options) -> None:
    usual = {"architecture": "tiny", "epochs": 1, "batch_size": 4, "device": "cpu", "threads": 1}
    call_command("train_clahdm", study.slug, out=out, **usual | options)


def test_trains_a_file_that_the_registry_takes(study, tmp_path, small):
    out = tmp_path / "weights.safetensors"
    train(study, out, notes="a rehearsal", seed=3)
    card = read_card(out)
    assert (card.trained, card.seed, card.notes) == (True, 3, "a rehearsal")
    assert card.training_cohort_sha256 == training_data.cohort_sha256(
        training_data.training_cases(study)
    )
    assert card.metrics["cases"] == {"training": 4, "validation": 4}
    assert set(card.metrics["sub_models"]) == {"malignancy", "benign", "malignant"}
    assert (tmp_path / "weights.safetensors.work" / "benign" / "log.csv").exists()
    call_command("add_model", "CLA-HDM", "1", weights=out)
    for again in (out, tmp_path / "afresh.safetensors"):
        before = out.read_bytes()
        train(study, again, notes="a rehearsal", seed=3)
        assert again.read_bytes() == before


def test_testing_cohorts_are_never_touched(study, tmp_path, small, monkeypatch):
    """Their files are gone and their truth is wrong: nothing changes."""
    cases = training_data.training_cases(study)
    assert {case.cohort.role for case in cases} == {Cohort.Role.TRAINING}
    before = training_data.cohort_sha256(cases)
    testing = Cohort.objects.get(study=study, name="testing")
    for case in testing.case_set.all():
        for image in case.image_set.all():
            Path(image.file.path).unlink()
    ReferenceStandard.objects.filter(case__cohort=testing).update(
        malignancy="benign", etiology=Etiology.REACTIVE
    )
    read = []
    monkeypatch.setattr(
        training_data, "read_pixels", lambda of: read.extend(of) or images.read_pixels(of)
    )
    train(study, tmp_path / "weights.safetensors")
    assert {image.case.cohort.role for image in read} == {Cohort.Role.TRAINING}
    assert read_card(tmp_path / "weights.safetensors").training_cohort_sha256 == before


def test_refuses_a_study_without_a_training_cohort(study, tmp_path):
    Cohort.objects.filter(name="training").update(role=Cohort.Role.EXTERNAL)
    with pytest.raises(CommandError, match="no training cohort"):
        train(study, tmp_path / "weights.safetensors")


def test_refuses_a_training_cohort_without_an_etiology(study, tmp_path):
    ReferenceStandard.objects.filter(etiology=Etiology.LYMPHOMA).update(
        etiology=Etiology.METASTATIC
    )
    with pytest.raises(CommandError, match="no case of: Lymphoma"):
        train(study, tmp_path / "weights.safetensors")


def test_refuses_an_image_that_is_not_the_one_imported(study, tmp_path):
    case = training_data.training_cases(study)[2]
    Path(case.image_set.first().file.path).write_bytes(b"something else")
    with pytest.raises(CommandError, match=f"{case.case_id}.*SHA-256"):
        train(study, tmp_path / "weights.safetensors")


def test_refuses_a_pretrained_file_of_another_network(study, tmp_path):
    model, card = untrained("tiny", 0)
    save(model, tmp_path / "other.safetensors", card=card)
    with pytest.raises(CommandError, match="no checkpoint of tiny"):
        train(study, tmp_path / "w.safetensors", pretrained=tmp_path / "other.safetensors")


@pytest.fixture
def weights_file(tmp_path):
    model, card = untrained("tiny", 0)
    save(model, tmp_path / "untrained.safetensors", card=card)
    return tmp_path / "untrained.safetensors"


def lines(path: Path) -> list[dict]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_evaluates_a_weights_file_on_every_cohort(study, weights_file, tmp_path, capsys):
    for cohort in study.cohort_set.all():
        folder = tmp_path / "masks" / cohort.name
        folder.mkdir(parents=True)
        for case in cohort.case_set.all():
            mask = np.zeros((32, 40), dtype=np.uint8)
            mask[8:24, 10:30] = 255
            PillowImage.fromarray(mask).save(folder / f"{case.case_id}.png")
    out = tmp_path / "evaluation.csv"
    options = {"weights": weights_file, "masks": tmp_path / "masks", "device": "cpu"}
    call_command("evaluate_clahdm", study.slug, out=out, resamples=20, **options)
    found = lines(out)
    assert [line["cohort"] for line in found] == sorted(
        (line["cohort"] for line in found), reverse=True
    )
    of_testing = {
        (line["subject"], line["metric"]): line for line in found if line["cohort"] == "testing"
    }
    assert of_testing["Sub-model 2", "auc"]["n"] == "2"
    assert of_testing["CLA-HDM", "accuracy"]["n"] == "4"
    assert float(of_testing["Heatmap, level 1, BUS", "node's share of the image"]["value"]) == 0.25
    assert "CLA-HDM (n=4): auc 0." in capsys.readouterr().out


def test_evaluates_stored_predictions(study, tmp_path):
    model = make_model()
    StudyModel.objects.create(study=study, model_version=model)
    with pytest.raises(CommandError, match="has no predictions for this study"):
        call_command("evaluate_clahdm", study.slug)
    cases = list(Cohort.objects.get(study=study, name="testing").case_set.all())
    for case in cases[:-1]:
        make_prediction(case, model, p_malignant=0.9, p_metastatic=0.2)
    with pytest.raises(CommandError, match="1 of 4 cases have no prediction"):
        call_command("evaluate_clahdm", study.slug)
    make_prediction(cases[-1], model, p_malignant=0.9, p_metastatic=0.2)
    out = tmp_path / "evaluation.csv"
    call_command("evaluate_clahdm", study.slug, out=out, resamples=20)
    found = {(line["cohort"], line["subject"], line["metric"]): line for line in lines(out)}
    assert {cohort for cohort, _, _ in found} == {"testing"}
    assert float(found["testing", "CLA-HDM", "sensitivity"]["value"]) == 0.25
    assert float(found["testing", "Sub-model 1", "sensitivity"]["value"]) == 1.0
    assert float(found["testing", "Sub-model 1", "specificity"]["value"]) == 0.0


def test_an_open_study_stays_sealed():
    study = make_open("sealed")
    with pytest.raises(CommandError, match="sealed until it is unblinded"):
        call_command("evaluate_clahdm", study.slug)


def test_a_study_without_a_model_says_so(study):
    with pytest.raises(CommandError, match="has no model"):
        call_command("evaluate_clahdm", study.slug)


def test_trained_weights_load(study, tmp_path, small):
    train(study, tmp_path / "weights.safetensors", aux=0.3)
    loaded = load(tmp_path / "weights.safetensors")
    assert loaded.card.metrics["recipe"]["auxiliary"] == 0.3
