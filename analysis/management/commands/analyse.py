import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from analysis import run_queue
from analysis.management.plan_file import read_plan
from analysis.models import AnalysisRun
from analysis.registration import registered_or_default_plan
from analysis.unblinding_guard import ResultsSealed
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.studies.models import Study

INTERRUPTED = "The analysis was interrupted. Nothing was stored. Run it again."


class Command(BaseCommand):
    help = (
        "Analyse an unblinded study in this process, using its registered plan (the default "
        "plan if there is none) or another plan, and store the results as a run with all its "
        "files."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--plan", type=Path, help="JSON file with another plan")
        which.add_argument("--run", type=int, help="Number of a queued run, instead of a new one")
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, study, plan, run, by, **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        queued = _run_of(found, run) if run else _start(found, plan, by=by)
        from analysis.execution import execute
        from analysis.make_run_files import make_run_files

        try:
            ended = execute(queued.pk)
        except KeyboardInterrupt:
            run_queue.KIND.queue.fail(_run_of(found, queued.number), reason=INTERRUPTED)
            raise CommandError(f"{queued} failed. {INTERRUPTED}") from None
        if ended is None:
            raise CommandError(
                f"{queued} is not queued. Another process is running it, or it has ended."
            )
        if ended.state != AnalysisRun.State.DONE:
            raise CommandError(f"{ended} failed. {ended.reason}")
        planned = "as registered" if ended.planned else "not as registered before unblinding"
        self.stdout.write(f"{ended} is done, {planned}; results {ended.results_sha256}.")
        make_run_files(ended)


def _run_of(study: Study, number: int) -> AnalysisRun:
    run = AnalysisRun.objects.filter(study=study, number=number).first()
    if run is None:
        raise CommandError(f'Study "{study.slug}" has no run {number}.')
    return run


def _start(study: Study, plan: Path | None, *, by: str) -> AnalysisRun:
    chosen = read_plan(plan) if plan else registered_or_default_plan(study)
    try:
        return run_queue.start(study, chosen, by=by)
    except (ResultsSealed, StepNotPossible) as refusal:
        raise CommandError(str(refusal)) from None
