"""The job table: work is done once, whatever dies or comes twice."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from inference import queue, runner, tasks
from inference.models import Heatmap, InferenceJob, Prediction
from inference.runner import Outcome
from readerstudy.cohorts.models import Image
from readerstudy.reading import lifecycle
from tests import factories

pytestmark = pytest.mark.django_db
State = InferenceJob.State


@pytest.fixture
def study(settings):
    """A draft whose cases await their first run through an untrained model."""
    study = factories.make_draft(cases=2)
    call_command("add_model", "tiny", "1", untrained="tiny")
    chosen = study.studymodel
    chosen.model_version = type(chosen.model_version).objects.get(name="tiny")
    chosen.save()
    return study


@pytest.fixture
def jobs(study):
    return lifecycle.queue_model(study)


def state(job_id):
    return InferenceJob.objects.get(pk=job_id)


def age_heartbeat(job_id, settings):
    gone = timedelta(seconds=settings.INFERENCE_STALE_SECONDS + 1)
    InferenceJob.objects.filter(pk=job_id).update(heartbeat_at=timezone.now() - gone)


def test_queueing_twice_makes_no_second_job(study, jobs):
    assert lifecycle.queue_model(study) == jobs
    assert InferenceJob.objects.count() == 2


def test_a_job_is_claimed_by_one_worker(jobs):
    assert queue.claim(jobs[0]).attempts == 1
    assert queue.claim(jobs[0]) is None


def test_a_job_ends_with_one_prediction_and_four_maps(jobs):
    assert runner.run(jobs[0]) is Outcome.DONE
    assert state(jobs[0]).state == State.DONE
    prediction = Prediction.objects.get(case=state(jobs[0]).case, model_version__name="tiny")
    assert prediction.heatmap_set.count() == 4


def test_a_message_that_comes_twice_finds_nothing_to_do(jobs):
    tasks.run_job(jobs[0])
    before = (Prediction.objects.count(), Heatmap.objects.count())
    assert runner.run(jobs[0]) is Outcome.NOT_OURS
    assert (Prediction.objects.count(), Heatmap.objects.count()) == before
    assert state(jobs[0]).attempts == 1


def test_the_reaper_leaves_living_workers_alone(jobs):
    queue.claim(jobs[0])
    assert queue.reap() == []
    assert state(jobs[0]).state == State.RUNNING


def test_the_reaper_brings_back_what_a_dead_worker_held(jobs, settings):
    queue.claim(jobs[0])
    age_heartbeat(jobs[0], settings)
    assert queue.reap() == [jobs[0]]
    assert runner.run(jobs[0]) is Outcome.DONE
    assert state(jobs[0]).attempts == 2


def test_a_worker_given_up_for_dead_can_store_nothing(jobs, settings):
    slow = queue.claim(jobs[0])
    age_heartbeat(jobs[0], settings)
    queue.reap()
    successor = queue.claim(jobs[0])
    assert not queue.beat(slow)
    assert not queue.finish(slow)
    queue.fail(slow, reason="late", retry=False)
    assert state(jobs[0]).state == State.RUNNING
    assert queue.finish(successor)


def test_a_case_that_kills_its_worker_ends_as_failed(jobs, settings):
    for _ in range(settings.INFERENCE_MAX_ATTEMPTS):
        assert queue.claim(jobs[0])
        age_heartbeat(jobs[0], settings)
        queue.reap()
    job = state(jobs[0])
    assert (job.state, job.attempts) == (State.FAILED, settings.INFERENCE_MAX_ATTEMPTS)
    assert "died at each attempt" in job.reason
    assert queue.claim(jobs[0]) is None


def test_a_poison_image_fails_with_its_reason_and_the_rest_is_done(jobs, media_root):
    poisoned = state(jobs[0]).case
    image = Image.objects.get(case=poisoned, modality="bus")
    (media_root / image.file.name).write_bytes(b"no image")
    call_command("infer")
    assert state(jobs[0]).state == State.FAILED
    assert "SHA-256" in state(jobs[0]).reason
    assert state(jobs[1]).state == State.DONE


def test_an_image_that_was_swapped_on_disk_is_not_predicted(jobs, media_root):
    image = Image.objects.get(case=state(jobs[0]).case, modality="bus")
    (media_root / image.file.name).write_bytes(factories.random_png())
    assert runner.run(jobs[0]) is Outcome.FAILED
    assert "SHA-256" in state(jobs[0]).reason


def test_a_passing_fault_is_tried_again_up_to_the_cap(jobs, settings, monkeypatch):
    def out_of_memory(job):
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(runner, "_predict", out_of_memory)
    outcomes = [runner.run(jobs[0]) for _ in range(settings.INFERENCE_MAX_ATTEMPTS)]
    assert outcomes == [Outcome.RETRY] * (settings.INFERENCE_MAX_ATTEMPTS - 1) + [Outcome.FAILED]
    assert state(jobs[0]).reason == "RuntimeError: CUDA out of memory"


def test_tampered_weights_are_not_run(study, jobs, media_root):
    version = study.studymodel.model_version
    path = media_root / version.weights.name
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    assert runner.run(jobs[0]) is Outcome.FAILED
    assert "SHA-256" in state(jobs[0]).reason


def test_a_study_with_a_failed_case_does_not_open(study, jobs, media_root):
    image = Image.objects.get(case=state(jobs[0]).case, modality="cdfi")
    (media_root / image.file.name).unlink()
    call_command("infer")
    with pytest.raises(lifecycle.NotPossible) as refusal:
        lifecycle.open_study(study, by="test")
    assert any("The model failed on" in reason for reason in refusal.value.reasons)


def test_the_worker_starts_by_sending_for_what_waits(jobs, monkeypatch):
    sent = []
    monkeypatch.setattr(tasks.run_job, "delay", sent.append)
    tasks._catch_up()
    assert sent == jobs
    assert InferenceJob.objects.filter(state=State.QUEUED).count() == len(jobs)
