"""The worker as it is run, ``manage.py infer`` in a process of its own, watched from outside."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from django.conf import settings

from benchmarks.support.site import database_url
from inference.models import InferenceJob

POLL_SECONDS = 0.1
PATIENCE_SECONDS = 600
BEATS = "0.5"  # seconds; often enough to be seen in a short run


def seconds_per_case(database: Path, *, cases: int) -> list[float]:
    """Let a worker do so many of the waiting jobs: its time a case, batch by batch.

    The first batch, in which the model is loaded, is left out.
    """
    with _worker(database) as process:
        _wait(process, done=cases)
    ends = InferenceJob.objects.exclude(worker="").filter(state=InferenceJob.State.DONE)
    size = settings.INFERENCE_BATCH_SIZE
    finished = list(ends.order_by("finished_at").values_list("finished_at", flat=True))
    batches = finished[size - 1 : cases : size]
    return [(end - begin).total_seconds() / size for begin, end in pairwise(batches)]


def peak_memory(database: Path, *, marks: Sequence[int]) -> list[int]:
    """Let a worker empty the queue: its peak resident memory, in bytes, at these numbers done.

    Linux alone says it.
    """
    with _worker(database) as process:
        return [_wait(process, done=mark) for mark in marks]


@contextmanager
def _worker(database: Path) -> Iterator[subprocess.Popen]:
    environment = os.environ | {
        "DATABASE_URL": database_url(database),
        "INFERENCE_HEARTBEAT_SECONDS": BEATS,
    }
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(
            [sys.executable, settings.BASE_DIR / "manage.py", "infer"],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            yield process
        except TimeoutError:
            errors.seek(0)
            sys.stderr.write(errors.read().decode()[-2000:])
            raise
        finally:
            process.terminate()
            process.wait()


def _wait(process: subprocess.Popen, *, done: int) -> int:
    """Wait until the worker has done so many jobs; its peak memory by then, in bytes.

    Raises TimeoutError when it ends before, or takes too long.
    """
    jobs = InferenceJob.objects.exclude(worker="").filter(state=InferenceJob.State.DONE)
    given_up = time.monotonic() + PATIENCE_SECONDS
    peak = 0
    while jobs.count() < done:
        if process.poll() is not None or time.monotonic() > given_up:
            raise TimeoutError(f"the worker has done {jobs.count()} jobs of {done}")
        peak = max(peak, _peak(process))
        time.sleep(POLL_SECONDS)
    return max(peak, _peak(process))


def _peak(process: subprocess.Popen) -> int:
    """Peak resident memory in bytes; 0 once the process has ended."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) * 1024 if lines else 0
