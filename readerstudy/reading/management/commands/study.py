import getpass

from django.core.management.base import BaseCommand, CommandError

from readerstudy.cohorts.models import Study
from readerstudy.reading import lifecycle
from readerstudy.reading.steps import Step, take

STEPS = [Step.OPEN, Step.PAUSE, Step.RESUME, Step.LOCK, Step.UNBLIND, Step.ARCHIVE]
RUN_MODEL = "run-model"


class Command(BaseCommand):
    help = (
        "Move a study on: run its model, open, pause, resume, lock, unblind or archive it. Where "
        "the protocol wants two people to unblind, they do it in the admin."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("step", choices=[RUN_MODEL, *(step.value for step in STEPS)])
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Who does it, for the audit log"
        )
        parser.add_argument("--reason", default="", help="Why, for the audit log")

    def handle(self, *, study, step, by, reason="", **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        try:
            if step == RUN_MODEL:
                lifecycle.run_model(found, by=by)
                done = "the model's jobs are queued"
            else:
                take(found, Step(step), by=by, reason=reason)
                done = Step(step).told.done
        except lifecycle.NotPossible as refusal:
            raise CommandError("\n".join(refusal.reasons)) from None
        self.stdout.write(f"{found}: {done}.")
