import getpass

from django.core.management.base import BaseCommand, CommandError

from readerstudy.cohorts.models import Study
from readerstudy.reading import witness


class Command(BaseCommand):
    help = (
        "Put the digests of a study's orders and readings into the audit log: once, for rows from "
        "before the log held them. They are taken as they are; later changes are found."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("--by", default=getpass.getuser(), help="Who does it, for the log")

    def handle(self, *, study, by, **_options):
        found = Study.objects.exclude(state=Study.State.DRAFT).filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}" that was opened.')
        try:
            witness.adopt(found, by=by)
        except witness.Witnessed as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{found}: its orders and readings are witnessed.")
