import getpass

from django.core.management.base import BaseCommand, CommandError

from readerstudy.reading import audit_digests
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Record the digests of a study's orders and readings in the audit log, once, for a "
        "study from before the log held digests. The rows are recorded as they are now; later "
        "changes are detected."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, study, by, **_options):
        found = Study.objects.exclude(state=Study.State.DRAFT).filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}" that has been opened.')
        try:
            audit_digests.record_existing(found, by=by)
        except audit_digests.AlreadyRecorded as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(f"{found}: the digests of its orders and readings have been recorded.")
