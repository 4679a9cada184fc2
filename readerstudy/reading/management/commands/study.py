from django.core.management.base import BaseCommand, CommandError

from readerstudy.cohorts.models import Study
from readerstudy.reading import lifecycle

STEPS = {
    "run-model": lifecycle.run_model,
    "open": lifecycle.open_study,
    "lock": lifecycle.lock_study,
    "unblind": lifecycle.unblind_study,
}


class Command(BaseCommand):
    help = "Move a study on: run its model, open, lock or unblind it."

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("step", choices=list(STEPS))
        parser.add_argument("--by", default="", help="Who does it, for the audit log")

    def handle(self, *, study, step, by, **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        try:
            STEPS[step](found, by=by)
        except lifecycle.NotPossible as refusal:
            raise CommandError("\n".join(refusal.reasons)) from None
        self.stdout.write(f"{found}: {step} done.")
