"""A model that ran elsewhere is never run here, whoever asks; its predictions are judged alike."""

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from inference import evaluation_inputs, queue
from inference.models import InferenceJob, ModelVersion, StudyModel
from readerstudy.jobs import worker
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Case
from tests import factories
from tests.inference.prediction_files import external, rows_for
from tests.worlds import shared

pytestmark = pytest.mark.django_db
draft = shared(factories.make_draft)  # three testing cases in two cohorts
REFUSAL = "predictions were imported"


@pytest.fixture
def study(draft, take):
    """A draft whose stage 2 shows imported predictions, without heatmaps."""
    take(rows_for(draft, heatmaps=False))
    return draft


@pytest.fixture
def forced_job(study):
    """A job that no door of the product makes."""
    return InferenceJob.objects.create(
        case=Case.objects.first(), model_version=external(), input_sha256="x"
    )


def test_it_is_not_queued(study):
    for attempt in (
        lambda: queue.enqueue(cases=Case.objects.all(), model_version=external()),
        lambda: queue.retry_failed(cases=Case.objects.all(), model_version=external()),
    ):
        with pytest.raises(queue.NotComputed, match=REFUSAL):
            attempt()
    for step in (lifecycle.queue_model, lambda study: lifecycle.run_model(study, by="test")):
        with pytest.raises(lifecycle.StepNotPossible, match=REFUSAL):
            step(study)
    with pytest.raises(CommandError, match=REFUSAL):
        call_command("study", "study", "run-model")
    assert not InferenceJob.objects.exists()


def test_the_admins_page_says_why_it_is_not_run(study, client):
    client.force_login(factories.make_user("admin", is_staff=True, is_superuser=True))
    address = f"/admin/cohorts/study/{study.pk}/run-model/"
    page = client.post(address, follow=True).content.decode()
    assert "predictions were imported" in page
    assert not InferenceJob.objects.exists()


def test_a_job_that_was_forced_on_it_fails_with_the_reason(forced_job):
    with pytest.raises(CommandError, match="Cases failed: 1"):
        call_command("infer")
    forced_job.refresh_from_db()
    assert (forced_job.state, forced_job.attempts) == (InferenceJob.State.FAILED, 1)
    assert REFUSAL in forced_job.reason
    assert worker.run_jobs(queue.KIND, [forced_job.pk]) == worker.Outcome()
    assert queue.QUEUE.reap().again == []


@pytest.mark.parametrize(
    "change", [{"weights": "weights/x.safetensors"}, {"is_external": False}]
)  # fmt: skip
def test_the_database_keeps_it_without_weights(change):
    unused = factories.make_model(is_external=True, weights="")
    with pytest.raises(IntegrityError, match="model_weights"), transaction.atomic():
        ModelVersion.objects.filter(pk=unused.pk).update(**change)


def test_a_version_that_is_run_here_has_weights():
    unused = factories.make_model()
    for change in ({"weights": ""}, {"is_external": True}):
        with pytest.raises(IntegrityError, match="model_weights"), transaction.atomic():
            ModelVersion.objects.filter(pk=unused.pk).update(**change)


def test_its_predictions_are_evaluated_like_any_others(study, capsys):
    cohorts, threshold = evaluation_inputs.stored_predictions(study)
    assert threshold == 0.5
    assert sorted(p for c in cohorts for p in c.probabilities[:, 0]) == [0.125, 0.225, 0.325]
    call_command("evaluate_clahdm", "study", resamples=20)
    assert "Sub-model 1 (n=2)" in capsys.readouterr().out


def test_a_study_that_has_none_of_its_predictions_is_told_to_import(study):
    other = factories.make_draft("other", cases=1)
    StudyModel.objects.filter(study=other).update(model_version=external())
    with pytest.raises(
        evaluation_inputs.EvaluationNotPossible, match="First import its predictions"
    ):
        evaluation_inputs.stored_predictions(other)
    [reason] = lifecycle.missing_to_open(other)
    assert "Import predictions of Their CLA-HDM 2.1 (predictions imported) for this study" in reason


def test_the_frozen_protocol_names_it_as_imported(study):
    lifecycle.open_study(study, by="test")
    study.protocol.refresh_from_db()
    assert "Their CLA-HDM 2.1 (predictions imported)" in study.protocol.frozen_document
    assert external().sha256 in study.protocol.frozen_document
