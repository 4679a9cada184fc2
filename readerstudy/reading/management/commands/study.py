import getpass
from functools import partial

from django.core.management.base import BaseCommand, CommandError

from readerstudy.accounts.models import User
from readerstudy.jobs.broker import BROKER_DOWN
from readerstudy.reading import lifecycle
from readerstudy.reading.lifecycle_steps import LifecycleStep, perform
from readerstudy.studies.models import Study

STEPS = [
    LifecycleStep.OPEN,
    LifecycleStep.PAUSE,
    LifecycleStep.RESUME,
    LifecycleStep.LOCK,
    LifecycleStep.UNBLIND,
    LifecycleStep.ARCHIVE,
]
RUN_MODEL = "run-model"


class Command(BaseCommand):
    help = (
        "Run a study's model, or open, pause, resume, lock, unblind or archive the study. If "
        "the protocol requires two people to unblind, they do so in the admin."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("step", choices=[RUN_MODEL, *(step.value for step in STEPS)])
        parser.add_argument(
            "--by",
            help="Username on this site of the person who does it (default: the name in this "
            "shell)",
        )
        parser.add_argument("--reason", default="", help="Reason, for the audit log")

    def handle(self, *, study, step, by=None, reason="", **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        if by and not User.objects.filter(username=by).exists():
            raise CommandError(f'There is no user "{by}". Give your username with --by.')
        by = by or getpass.getuser()
        try:
            if step == RUN_MODEL:
                warn = partial(self.stderr.write, BROKER_DOWN)
                lifecycle.run_model(found, by=by, if_undelivered=warn)
                done = "the model jobs are queued"
            else:
                perform(found, LifecycleStep(step), by=by, reason=reason)
                done = LifecycleStep(step).text.done
        except lifecycle.StepNotPossible as refusal:
            raise CommandError("\n".join(refusal.reasons)) from None
        self.stdout.write(f"{found}: {done}.")
