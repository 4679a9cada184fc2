"""``manage.py infer`` tells the truth about what it did, and ends with a status to match."""

import os
import re
import signal

import pytest
from django.core.management import CommandError, call_command

from inference import queue, runner
from inference.models import InferenceJob, Prediction
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Image
from tests import factories

pytestmark = pytest.mark.django_db
State = InferenceJob.State
CASES = 4


@pytest.fixture
def jobs(tiny, settings):
    settings.INFERENCE_BATCH_SIZE = 2
    study = factories.make_draft(cases=CASES)
    factories.choose_model(study, tiny())
    return lifecycle.queue_model(study)


def infer(capsys) -> str:
    call_command("infer")
    return capsys.readouterr().out


def states(jobs) -> list[str]:
    return [InferenceJob.objects.get(pk=pk).state for pk in jobs]


def signals_after_a_batch(monkeypatch, *signs, during):
    """This process gets signals while it runs the ``during``-th batch."""
    whole, runs = runner._forward, []

    def forward(model, inputs):
        runs.append(len(inputs))
        if len(runs) == during:
            for sign in signs:
                os.kill(os.getpid(), sign)
        return whole(model, inputs)

    monkeypatch.setattr(runner, "_forward", forward)


def test_it_says_how_many_it_did_and_how_fast(jobs, capsys):
    said = infer(capsys)
    assert re.search(rf"Cases done: {CASES} in [\d.]+ s, [\d.]+ a second\.", said)
    assert "still in the queue" not in said
    assert infer(capsys) == "No inference jobs are waiting.\n"


def test_it_lists_the_cases_with_poor_images(jobs, capsys):
    said = infer(capsys)
    assert f"Of these, cases with poor images: {CASES}." in said
    for prediction in Prediction.objects.filter(model_version__name="tiny"):
        assert "BUS is small (40 x 32 pixels)" in prediction.notes[0]
        assert f"  {prediction.case}: {' '.join(prediction.notes)}\n" in said


def test_it_fails_if_a_case_failed(jobs, capsys, media_root):
    failing = InferenceJob.objects.get(pk=jobs[0])
    image = Image.objects.get(case=failing.case, modality="bus")
    (media_root / image.file.name).write_bytes(b"garbage")
    with pytest.raises(CommandError) as failure:
        call_command("infer")
    assert failure.value.returncode == 1
    assert str(failure.value).startswith(f"Cases failed: 1.\n  {failing.case}: ValueError: ")
    assert f"Cases done: {CASES - 1} in" in capsys.readouterr().out


def test_it_lists_the_first_failures_only(jobs, monkeypatch):
    monkeypatch.setattr("inference.management.commands.infer.LISTED", 1)
    monkeypatch.setattr(runner, "_pixels", lambda job: {}["bus"])
    with pytest.raises(CommandError, match=f"(?s)Cases failed: {CASES}.*and {CASES - 1} more"):
        call_command("infer")


def test_a_case_that_fails_before_it_starts_counts_too(jobs, settings):
    """A job that an earlier worker died of, at its last attempt."""
    InferenceJob.objects.filter(pk=jobs[0]).update(strikes=settings.INFERENCE_MAX_ATTEMPTS)
    with pytest.raises(CommandError, match=r"Cases failed: 1\."):
        call_command("infer")
    assert states(jobs) == [State.FAILED, *[State.DONE] * (CASES - 1)]


def test_it_names_the_cases_that_another_worker_has(jobs, capsys):
    queue.QUEUE.claim([jobs[0]])
    said = infer(capsys)
    assert f"Cases done: {CASES - 1} in" in said
    assert "Cases running in other workers: 1." in said


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_told_to_stop_it_ends_after_the_batch_in_hand(jobs, capsys, monkeypatch, sign):
    signals_after_a_batch(monkeypatch, sign, during=1)
    with pytest.raises(SystemExit) as ended:
        call_command("infer")
    assert ended.value.code == 0
    assert states(jobs) == [State.DONE, State.DONE, State.QUEUED, State.QUEUED]
    said = capsys.readouterr().out
    assert "Cases done: 2 in" in said
    assert "Cases still in the queue: 2." in said


def test_told_twice_it_stops_at_once_and_loses_nothing(jobs, capsys, monkeypatch):
    signals_after_a_batch(monkeypatch, signal.SIGTERM, signal.SIGINT, during=2)
    with pytest.raises(SystemExit) as ended:
        call_command("infer")
    assert ended.value.code == 130
    assert states(jobs) == [State.DONE, State.DONE, State.QUEUED, State.QUEUED]
    assert "queued again" in capsys.readouterr().err
    assert not InferenceJob.objects.exclude(strikes=0).exists()


def test_signals_mean_afterwards_what_they_meant_before(jobs):
    before = [signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)]
    call_command("infer")
    assert [signal.getsignal(sign) for sign in (signal.SIGTERM, signal.SIGINT)] == before
