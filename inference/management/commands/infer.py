import sys
import time
from collections.abc import Iterable
from threading import Event

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference import queue
from inference.current_results import notes_of_jobs
from inference.models import InferenceJob
from readerstudy.database_outages import outlasts_outages
from readerstudy.jobs import worker
from readerstudy.jobs.errors import WorkerBroken
from readerstudy.jobs.stop_signals import stop_requested
from readerstudy.jobs.worker import Outcome

INTERRUPTED = 130  # exit status, as shells have it
LISTED = 10  # cases that failed, or whose images are poor; the site lists them all


class Command(BaseCommand):
    help = (
        "Run all waiting inference jobs in this process, including those of dead workers. "
        "SIGTERM or Ctrl-C ends it after the current batch, a second one immediately; nothing "
        "is lost either way. The exit status is 1 if a case failed."
    )

    @outlasts_outages
    def handle(self, **_options):
        queue.KIND.require_usable()
        outcome = Outcome(failed=queue.QUEUE.reap().given_up)
        try:
            with stop_requested() as stop:
                self._run(outcome, stop)
        except KeyboardInterrupt:
            self.stderr.write("Stopped immediately. The current cases are queued again.")
            sys.exit(INTERRUPTED)
        except WorkerBroken as broken:
            raise CommandError(f"{broken} The cases are queued again; start this anew.") from None
        self._tell_left()
        if outcome.failed:
            raise CommandError(_failures(outcome.failed))
        if stop.is_set():
            sys.exit(0)  # not a return: a command that called this one is to stop too

    def _run(self, outcome: Outcome, stop: Event) -> None:
        """Empty the queue, with a progress bar, and say what came of it."""
        if not queue.QUEUE.next_batch() and queue.QUEUE.seconds_to_wait() is None:
            self.stdout.write("No inference jobs are waiting.")
            return
        begun = time.monotonic()
        with tqdm(desc="CLA-HDM", unit="case") as bar:
            bar.total = queue.count_waiting()
            for done in worker.run_waiting(queue.KIND, stop):
                outcome.add(done)
                bar.update(len(outcome.done) + len(outcome.failed) - bar.n)
                bar.total = bar.n + queue.count_waiting()
                bar.refresh()
        seconds = time.monotonic() - begun
        self.stdout.write(_done(outcome, seconds=seconds))

    def _tell_left(self) -> None:
        states = InferenceJob.objects.values_list("state", flat=True)
        if queued := states.filter(state=InferenceJob.State.QUEUED).count():
            self.stdout.write(f"Cases still in the queue: {queued}.")
        if running := states.filter(state=InferenceJob.State.RUNNING).count():
            self.stdout.write(
                f"Cases running in other workers: {running}. If one of those died, run this "
                f"again after {settings.INFERENCE_STALE_SECONDS:g} s."
            )


def _done(outcome: Outcome, *, seconds: float) -> str:
    count = len(outcome.done)
    text = f"Cases done: {count} in {seconds:.1f} s, {count / seconds:.1f} a second."
    if poor := notes_of_jobs(outcome.done):
        text += f"\nOf these, cases with poor images: {len(poor)}."
        text += _lines(poor, lambda job: " ".join(poor[job.pk]))
    return text


def _failures(job_ids: list[int]) -> str:
    return f"Cases failed: {len(job_ids)}." + _lines(job_ids, lambda job: job.reason)


def _lines(job_ids: Iterable[int], say) -> str:
    """A line a job, up to a limit."""
    jobs = InferenceJob.objects.filter(pk__in=list(job_ids)).select_related("case__cohort__study")
    lines = [f"\n  {job.case}: {say(job)}" for job in jobs[:LISTED]]
    more = jobs.count() - len(lines)
    return "".join(lines) + (f"\n  and {more} more (see the job list in the admin)" if more else "")
