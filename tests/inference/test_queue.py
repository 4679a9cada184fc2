"""The job table: work is done once, whatever dies or comes twice."""

import hashlib
from datetime import timedelta

import pytest
import torch
from django.core.management import CommandError, call_command
from django.utils import timezone

from inference import device, queue, runner
from inference.clahdm.predict import NonFiniteError
from inference.models import Heatmap, InferenceJob, Prediction
from readerstudy.diagnosis import Etiology
from readerstudy.jobs import tasks, worker
from readerstudy.jobs.worker import Outcome
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Image
from tests import factories

pytestmark = pytest.mark.django_db
State = InferenceJob.State
QUEUE = queue.QUEUE


def run_jobs(job_ids) -> Outcome:
    return worker.run_jobs(queue.KIND, job_ids)


@pytest.fixture
def study(tiny):
    """A draft whose cases await their first run through an untrained model."""
    study = factories.make_draft(cases=2)
    factories.choose_model(study, tiny())
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
    assert [job.attempts for job in QUEUE.claim(jobs[:1])] == [1]
    assert QUEUE.claim(jobs[:1]) == []


def test_a_job_ends_with_one_prediction_and_four_maps(jobs):
    assert run_jobs(jobs[:1]).done == jobs[:1]
    assert state(jobs[0]).state == State.DONE
    prediction = Prediction.objects.get(case=state(jobs[0]).case, model_version__name="tiny")
    assert prediction.heatmap_set.count() == 4


def test_a_message_that_comes_twice_finds_nothing_to_do(jobs):
    tasks.run("inference", jobs[:1])
    before = (Prediction.objects.count(), Heatmap.objects.count())
    assert run_jobs(jobs[:1]) == Outcome()
    assert (Prediction.objects.count(), Heatmap.objects.count()) == before
    assert state(jobs[0]).attempts == 1


def test_the_reaper_leaves_living_workers_alone(jobs):
    QUEUE.claim(jobs[:1])
    assert QUEUE.reap() == ([], [])
    assert state(jobs[0]).state == State.RUNNING


def test_the_reaper_brings_back_what_a_dead_worker_held(jobs, settings):
    QUEUE.claim(jobs[:1])
    age_heartbeat(jobs[0], settings)
    assert QUEUE.reap() == ([jobs[0]], [])
    assert run_jobs(jobs[:1]).done == jobs[:1]
    assert (state(jobs[0]).state, state(jobs[0]).attempts) == (State.DONE, 2)


def test_a_worker_given_up_for_dead_can_store_nothing(jobs, settings):
    [slow] = QUEUE.claim(jobs[:1])
    age_heartbeat(jobs[0], settings)
    QUEUE.reap()
    [successor] = QUEUE.claim(jobs[:1])
    assert QUEUE.beat([slow]) == 0
    assert not QUEUE.finish(slow)
    assert not QUEUE.fail(slow, reason="late")
    assert state(jobs[0]).state == State.RUNNING
    assert QUEUE.finish(successor)


def die(job_ids, settings):
    """A worker takes the jobs and is never heard of again."""
    assert [job.pk for job in QUEUE.claim(job_ids)] == job_ids
    for job_id in job_ids:
        age_heartbeat(job_id, settings)
    return QUEUE.reap()


def test_a_case_that_kills_its_worker_ends_as_failed(jobs, settings):
    for _ in range(settings.INFERENCE_MAX_ATTEMPTS - 1):
        assert die(jobs[:1], settings) == ([jobs[0]], [])
    assert die(jobs[:1], settings) == ([], [jobs[0]])
    job = state(jobs[0])
    assert (job.state, job.attempts) == (State.FAILED, settings.INFERENCE_MAX_ATTEMPTS)
    assert "died each time" in job.reason
    assert QUEUE.claim(jobs[:1]) == []


def test_a_death_in_company_tells_against_no_case(jobs, settings):
    settings.INFERENCE_MAX_ATTEMPTS = 1
    assert die(jobs, settings) == (jobs, [])
    assert (state(jobs[0]).attempts, state(jobs[0]).strikes) == (1, 0)
    assert die(jobs[:1], settings) == ([], [jobs[0]])


def test_a_job_that_was_tried_is_not_taken_in_company(jobs, settings):
    die(jobs[:1], settings)
    InferenceJob.objects.update(strikes=0)
    assert [job.pk for job in QUEUE.claim(jobs)] == jobs[1:]
    assert QUEUE.claim(jobs[:1])


def test_a_message_that_names_tried_jobs_together_still_runs_each_alone(jobs, monkeypatch):
    """It was sent before they were tried: the message outlives what it was right about."""
    InferenceJob.objects.filter(pk__in=jobs).update(attempts=1)
    whole, sizes = runner._forward, []

    def counted(model, inputs):
        sizes.append(len(inputs))
        return whole(model, inputs)

    monkeypatch.setattr(runner, "_forward", counted)
    assert run_jobs(jobs).done == jobs
    assert sizes == [1, 1]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("together", [1, 2])
def test_a_worker_told_to_stop_puts_back_what_it_has(jobs, monkeypatch, stop, together):
    def stopped(model, inputs):
        raise stop

    monkeypatch.setattr(runner, "_forward", stopped)
    with pytest.raises(stop):
        run_jobs(jobs[:together])
    left = [state(pk) for pk in jobs]
    assert {(job.state, job.strikes) for job in left} == {(State.QUEUED, 0)}
    assert [bool(job.attempts) for job in left] == [True, together == 2]


def test_batches_that_were_done_before_the_stop_stay_done(jobs, monkeypatch, settings):
    settings.INFERENCE_BATCH_SIZE = 1
    whole = runner._store

    def stopped(job, *rest, **more):
        if job.pk == jobs[1]:
            raise KeyboardInterrupt
        return whole(job, *rest, **more)

    monkeypatch.setattr(runner, "_store", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_jobs(jobs)
    assert [state(pk).state for pk in jobs] == [State.DONE, State.QUEUED]


def test_a_failed_job_gets_all_its_attempts_again(study, jobs, settings):
    for _ in range(settings.INFERENCE_MAX_ATTEMPTS):
        die(jobs[:1], settings)
    assert jobs[0] in lifecycle.queue_model(study)
    assert die(jobs[:1], settings) == ([jobs[0]], [])


def test_a_poison_image_fails_with_its_reason_and_the_rest_is_done(jobs, media_root):
    poisoned = state(jobs[0]).case
    image = Image.objects.get(case=poisoned, modality="bus")
    (media_root / image.file.name).write_bytes(b"no image")
    with pytest.raises(CommandError, match="Cases failed: 1"):
        call_command("infer")
    assert state(jobs[0]).state == State.FAILED
    assert "SHA-256" in state(jobs[0]).reason
    assert state(jobs[1]).state == State.DONE


def test_an_image_that_was_swapped_on_disk_is_not_predicted(jobs, media_root):
    image = Image.objects.get(case=state(jobs[0]).case, modality="bus")
    (media_root / image.file.name).write_bytes(factories.random_png())
    run_jobs(jobs[:1])
    assert state(jobs[0]).state == State.FAILED
    assert "SHA-256" in state(jobs[0]).reason


def test_a_stored_file_that_is_no_image_fails_at_once(jobs, media_root):
    """Its digest is right, so no other attempt can find it better."""
    image = Image.objects.get(case=state(jobs[0]).case, modality="cdfi")
    (media_root / image.file.name).write_bytes(b"no image")
    image.sha256 = hashlib.sha256(b"no image").hexdigest()
    image.save()
    digest = queue.input_digest(Image.objects.filter(case=image.case))
    InferenceJob.objects.filter(pk=jobs[0]).update(input_sha256=digest)
    assert run_jobs(jobs).failed == jobs[:1]
    assert "cdfi image can't be decoded" in state(jobs[0]).reason


def run_when_due(job_ids) -> Outcome:
    """As ``run_jobs``, once the pause of the jobs is over."""
    InferenceJob.objects.update(not_before=None)
    return run_jobs(job_ids)


def test_a_passing_fault_is_tried_again_up_to_the_cap(jobs, settings, monkeypatch):
    def broken(model, inputs):
        raise RuntimeError("it passes")

    monkeypatch.setattr(runner, "_forward", broken)
    again = [run_when_due(jobs[:1]).again for _ in range(settings.INFERENCE_MAX_ATTEMPTS)]
    assert again == [jobs[:1]] * (settings.INFERENCE_MAX_ATTEMPTS - 1) + [[]]
    assert state(jobs[0]).state == State.FAILED
    assert state(jobs[0]).reason == "RuntimeError: it passes"


def test_tampered_weights_are_not_run(study, jobs, media_root):
    version = study.studymodel.model_version
    path = media_root / version.weights.name
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")
    run_jobs(jobs[:1])
    assert state(jobs[0]).state == State.FAILED
    assert "SHA-256" in state(jobs[0]).reason


def test_a_study_with_a_failed_case_does_not_open(study, jobs, media_root):
    image = Image.objects.get(case=state(jobs[0]).case, modality="cdfi")
    (media_root / image.file.name).unlink()
    with pytest.raises(CommandError):
        call_command("infer")
    job = state(jobs[0])
    with pytest.raises(lifecycle.StepNotPossible) as refusal:
        lifecycle.open_study(study, by="test")
    [reason] = refusal.value.reasons
    assert reason.startswith("The model failed on 1 cases.")
    assert f"{job.case.cohort.name} / {job.case.case_id}: {job.reason}" in reason


@pytest.fixture
def sent(monkeypatch, settings) -> list[list[int]]:
    """The batches that were sent for; another task that is sent for is done at once."""
    batches = []

    def send(task, calls, *, queue) -> bool:
        for arguments in calls:
            if task is tasks.run:
                batches.append(arguments[1])
            else:
                task(*arguments)
        return True

    settings.CELERY_BROKER_URL = "redis://nowhere"
    monkeypatch.setattr(tasks.broker, "send", send)
    return batches


def test_the_worker_starts_by_sending_for_what_waits(jobs, sent):
    tasks._catch_up()
    assert sent == [jobs]
    assert InferenceJob.objects.filter(state=State.QUEUED).count() == len(jobs)


def test_while_another_worker_is_busy_only_what_was_lost_is_sent_for(jobs, settings, sent):
    """What waits has its messages then; sending again would double them."""
    QUEUE.claim(jobs[:1])
    tasks.reap("inference")
    assert sent == []
    age_heartbeat(jobs[0], settings)
    tasks.reap("inference")
    assert sent == [[jobs[1]], [jobs[0]]]


def test_only_jobs_that_wait_are_put_in_batches(jobs):
    QUEUE.finish(*QUEUE.claim(jobs[:1]))
    assert QUEUE.batches(jobs) == [[jobs[1]]]


def test_batches_are_of_bounded_size_and_tried_jobs_go_alone(study, settings):
    settings.INFERENCE_BATCH_SIZE = 3
    cohort = study.cohort_set.first()
    for number in range(6):
        factories.make_case(cohort, f"more-{number}", Etiology.LYMPHOMA)
    ids = lifecycle.queue_model(study)
    InferenceJob.objects.filter(pk__in=ids[:2]).update(attempts=1)
    assert QUEUE.batches(ids) == [ids[2:5], ids[5:8], [ids[0]], [ids[1]]]
    for left in range(4, 0, -1):
        everything = QUEUE.batches(ids)
        assert len(everything) == left
        assert QUEUE.next_batch() == everything[0]
        assert queue.count_waiting() == sum(map(len, everything))
        InferenceJob.objects.filter(pk__in=everything[0]).update(state=State.DONE)
    assert (QUEUE.next_batch(), queue.count_waiting()) == ([], 0)


def test_a_batch_gives_each_case_what_it_would_get_alone(study, jobs):
    run_jobs(jobs)
    together = {
        p.case_id: p.p_malignant for p in Prediction.objects.filter(model_version__name="tiny")
    }
    for job in InferenceJob.objects.filter(pk__in=jobs):
        model = runner._load(job.model_version.weights.path, job.model_version.sha256)
        [alone] = runner._forward(model, {job: _inputs(job, model)})
        assert together[job.case_id] == pytest.approx(alone.probabilities.p_malignant, abs=1e-5)


def _inputs(job, model):
    return runner._inputs(runner._pixels(job), size=model.input_size)


def test_a_case_that_spoils_its_batch_fails_alone(jobs, monkeypatch):
    whole = runner._forward

    def spoiled(model, inputs):
        if any(job.pk == jobs[0] for job in inputs):
            raise NonFiniteError("sub-model 'malignancy' gave NaN")
        return whole(model, inputs)

    monkeypatch.setattr(runner, "_forward", spoiled)
    outcome = run_jobs(jobs)
    assert (outcome.failed, outcome.done, outcome.again) == ([jobs[0]], [jobs[1]], [])
    assert (state(jobs[0]).state, state(jobs[1]).state) == (State.FAILED, State.DONE)
    assert "NaN" in state(jobs[0]).reason


def test_a_batch_asks_for_its_images_rows_once(jobs, django_assert_max_num_queries):
    with django_assert_max_num_queries(100) as asked:
        run_jobs(jobs)
    assert len(jobs) == 2
    sql = [query["sql"] for query in asked.captured_queries]
    assert sum('FROM "cohorts_image"' in each for each in sql) == 1


def test_a_result_that_can_not_be_stored_takes_no_other_with_it(jobs, monkeypatch):
    encode, calls = runner._png, []

    def full(values):
        calls.append(values)
        if len(calls) == 1:
            raise OSError("no space left on device")
        return encode(values)

    monkeypatch.setattr(runner, "_png", full)
    outcome = run_jobs(jobs)
    assert (outcome.again, outcome.done) == (jobs[:1], jobs[1:])
    assert (state(jobs[0]).state, state(jobs[1]).state) == (State.QUEUED, State.DONE)
    assert state(jobs[0]).reason == "OSError: no space left on device"
    done = Prediction.objects.filter(model_version__name="tiny")
    assert [each.case_id for each in done] == [state(jobs[1]).case_id]


def test_precision_is_fp32_and_on_request_what_the_device_has(settings, monkeypatch):
    assert device.precision() == "fp32"
    settings.INFERENCE_PRECISION = "auto"
    monkeypatch.setattr(device, "device", lambda: torch.device("cpu"))
    assert device.precision() == "fp32"
    for has_it, expected in ((True, "bf16"), (False, "fp32")):
        monkeypatch.setattr(device, "device", lambda: torch.device("cuda"))
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda has_it=has_it, **_: has_it)
        assert device.precision() == expected
    settings.INFERENCE_PRECISION = "bf16"
    assert device.precision() == "bf16"


def test_jobs_are_run_in_the_configured_precision(jobs, settings):
    run_jobs(jobs[:1])
    settings.INFERENCE_PRECISION = "bf16"
    job = state(jobs[0])
    model = runner._load(job.model_version.weights.path, job.model_version.sha256)
    [rough] = runner._forward(model, {job: _inputs(job, model)})
    exact = Prediction.objects.get(case=job.case, model_version=job.model_version)
    assert rough.probabilities.p_malignant != exact.p_malignant
    assert rough.probabilities.p_malignant == pytest.approx(exact.p_malignant, abs=0.01)
