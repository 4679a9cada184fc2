import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from analysis.management.plan_file import read_plan
from analysis.plan import Plan
from analysis.registration import register
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Register a study's analysis plan before the study is unblinded. Without a file, the "
        "default plan is registered. --show prints the plan and registers nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("plan", nargs="?", type=Path, help="JSON file with the plan")
        parser.add_argument("--show", action="store_true", help="Only print the plan")
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, study, plan, show, by, **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        chosen = read_plan(plan) if plan else Plan()
        if show:
            self.stdout.write(chosen.to_document())
            return
        try:
            registered = register(found, chosen, by=by)
        except StepNotPossible as refusal:
            raise CommandError("\n".join(refusal.reasons)) from None
        self.stdout.write(f"{found}: plan {registered.sha256} was registered.")
