import getpass

from django.core.management.base import BaseCommand, CommandError

from readerstudy.cohorts.models import Study
from readerstudy.reading import lifecycle

STEPS = {
    "run-model": (lifecycle.run_model, "the model's jobs are queued"),
    "open": (lifecycle.open_study, "open"),
    "lock": (lifecycle.lock_study, "locked"),
    "unblind": (lifecycle.unblind_study, "unblinded"),
}


class Command(BaseCommand):
    help = "Move a study on: run its model, open, lock or unblind it."

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("step", choices=list(STEPS))
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Who does it, for the audit log"
        )

    def handle(self, *, study, step, by, **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        take, done = STEPS[step]
        try:
            take(found, by=by)
        except lifecycle.NotPossible as refusal:
            raise CommandError("\n".join(refusal.reasons)) from None
        self.stdout.write(f"{found}: {done}.")
