"""A machine that is broken, full or lacks a file is not a bad case: no case is blamed for it."""

from datetime import timedelta

import pytest
import torch
from django.core.management import CommandError, call_command
from django.utils import timezone

from inference import device, queue, runner
from inference.clahdm import weights
from inference.models import InferenceJob, Prediction
from readerstudy.jobs import worker
from readerstudy.jobs.errors import WorkerBroken
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Image
from tests import factories

pytestmark = pytest.mark.django_db
State = InferenceJob.State
CASES = 8


@pytest.fixture
def study(tiny):
    study = factories.make_draft(cases=CASES)
    factories.choose_model(study, tiny())
    return study


@pytest.fixture
def jobs(study):
    return lifecycle.queue_model(study)


def run(job_ids) -> worker.Outcome:
    """Run jobs whose pauses are over."""
    InferenceJob.objects.update(not_before=None)
    return worker.run_jobs(queue.KIND, job_ids)


def blamed() -> set[tuple[str, int]]:
    """The states and strikes that there are."""
    return set(InferenceJob.objects.values_list("state", "strikes"))


@pytest.fixture
def broken_gpu(monkeypatch):
    """A GPU whose context is lost: whatever it is asked for fails, as CUDA's sticky errors do."""
    lost = torch.AcceleratorError("CUDA error: an illegal memory access was encountered\nmore")

    def fail(*_args, **_kwargs):
        raise lost

    model, _card = weights.untrained("tiny", 1)
    monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
    monkeypatch.setattr(device.torch, "ones", fail)
    monkeypatch.setattr(runner, "_forward", fail)
    monkeypatch.setattr(runner, "_load", lambda *_: model)


def test_a_lost_gpu_puts_its_jobs_back_without_a_strike_and_ends_the_worker(
    jobs, broken_gpu, settings
):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    settings.INFERENCE_BATCH_SIZE = CASES // 2
    with pytest.raises(WorkerBroken, match="illegal memory access"):
        run(jobs)
    assert blamed() == {("queued", 0)}
    tried = InferenceJob.objects.filter(attempts=1)
    assert tried.count() == CASES // 2  # it took no other batch in hand
    assert {job.not_before > timezone.now() for job in tried} == {True}
    assert all("no more use to this process" in job.reason for job in tried)


def test_however_often_the_gpu_is_lost_no_case_is_blamed(jobs, broken_gpu, settings):
    for _ in range(2 * settings.INFERENCE_MAX_ATTEMPTS):
        with pytest.raises(WorkerBroken):
            run(jobs[:1])
    assert blamed() == {("queued", 0)}


def test_the_command_says_that_the_gpu_is_lost(jobs, broken_gpu):
    with pytest.raises(CommandError, match=r"(?s)GPU \(cuda\).*The cases are queued again"):
        call_command("infer")
    assert blamed() == {("queued", 0)}


def test_an_error_that_leaves_the_gpu_well_is_its_cases(jobs, monkeypatch):
    """Asked for something easy, the device answers: the error was of what it was given."""
    monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
    ones = torch.ones
    monkeypatch.setattr(device.torch, "ones", lambda *size, **_: ones(*size))
    device.require_working(RuntimeError("shape"))


@pytest.mark.parametrize(
    "full",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"),
        MemoryError(),
    ],
    ids=["gpu", "processor", "python"],
)
def test_where_memory_is_short_a_batch_is_tried_in_halves(jobs, monkeypatch, full):
    whole, sizes = runner._forward, []

    def forward(model, inputs):
        sizes.append(len(inputs))
        if len(inputs) > 2:
            raise full
        return whole(model, inputs)

    monkeypatch.setattr(runner, "_forward", forward)
    assert sorted(run(jobs).done) == jobs
    assert sizes == [8, 4, 2, 2, 4, 2, 2]


def test_where_one_case_has_no_room_it_waits_and_is_not_blamed(jobs, monkeypatch, settings):
    def full(model, inputs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with monkeypatch.context() as patch:
        patch.setattr(runner, "_forward", full)
        for _ in range(2 * settings.INFERENCE_MAX_ATTEMPTS):
            assert run(jobs[:1]).again == jobs[:1]
    job = InferenceJob.objects.get(pk=jobs[0])
    assert (job.state, job.strikes) == (State.QUEUED, 0)
    assert job.reason.startswith("There is not enough memory on cpu")
    assert run(jobs[:1]).done == jobs[:1]


def test_a_file_that_is_unreadable_for_a_while_delays_its_case(jobs, media_root, settings):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    job = InferenceJob.objects.get(pk=jobs[0])
    path = media_root / Image.objects.get(case=job.case, modality="bus").file.name
    path.rename(path.with_suffix(".away"))
    assert run(jobs).again == jobs[:1]
    job.refresh_from_db()
    assert (job.state, job.attempts) == (State.QUEUED, 1)
    assert timedelta(seconds=90) < job.not_before - timezone.now() < timedelta(seconds=110)
    assert "No such file" in job.reason
    path.with_suffix(".away").rename(path)
    assert run(jobs[:1]).done == jobs[:1]


def test_a_file_that_stays_away_fails_its_case_in_the_end(jobs, media_root, settings):
    job = InferenceJob.objects.get(pk=jobs[0])
    (media_root / Image.objects.get(case=job.case, modality="cdfi").file.name).unlink()
    for _ in range(settings.INFERENCE_MAX_ATTEMPTS):
        outcome = run(jobs[:1])
    assert outcome.failed == jobs[:1]


@pytest.mark.parametrize("lost", ["images", "weights"])
def test_a_folder_that_is_away_blames_no_case_and_all_wait_together(
    lost, jobs, media_root, settings
):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    settings.INFERENCE_BATCH_SIZE = 2
    runner._load.cache_clear()
    (media_root / lost).rename(media_root / "away")
    for _ in range(2 * settings.INFERENCE_MAX_ATTEMPTS):
        run(jobs[:2])
        assert queue.QUEUE.waiting() == []
    assert blamed() == {("queued", 0)}
    [until] = set(InferenceJob.objects.values_list("not_before", flat=True))
    assert until > timezone.now()
    reasons = set(InferenceJob.objects.values_list("reason", flat=True))
    assert all("can't be read" in reason for reason in reasons)
    (media_root / "away").rename(media_root / lost)
    InferenceJob.objects.filter(pk=jobs[0]).update(not_before=None)
    assert worker.run_jobs(queue.KIND, jobs[:1]).done == jobs[:1]
    assert set(queue.QUEUE.waiting()) == set(jobs[1:])  # what waited with it goes on, too


def test_jobs_of_another_version_do_not_wait_for_these_weights(study, jobs, media_root, settings):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    other = factories.make_model(name="other")
    [more] = queue.enqueue(cases=[InferenceJob.objects.get(pk=jobs[0]).case], model_version=other)
    runner._load.cache_clear()
    (media_root / study.studymodel.model_version.weights.name).unlink()
    run(jobs)
    assert queue.QUEUE.waiting() == [more]


def test_running_the_model_again_ends_the_pause(study, jobs, media_root, settings):
    settings.JOB_FIRST_PAUSE_SECONDS = 100.0
    runner._load.cache_clear()
    weights = media_root / study.studymodel.model_version.weights.name
    weights.rename(weights.with_suffix(".away"))
    run(jobs)
    assert queue.QUEUE.waiting() == []
    weights.with_suffix(".away").rename(weights)
    assert sorted(lifecycle.queue_model(study)) == jobs
    assert sorted(worker.run_jobs(queue.KIND, jobs).done) == jobs
    assert Prediction.objects.filter(model_version__name="tiny").count() == CASES
