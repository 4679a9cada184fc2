import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.imaging import ImportRefused
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import Cohort


class Command(BaseCommand):
    help = (
        "Import a folder or ZIP (manifest.csv and images) into a cohort. Everything is "
        "imported or nothing."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("cohort", help="Name of the cohort")
        parser.add_argument("source", type=Path, help="Folder or ZIP with manifest.csv")
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, study, cohort, source, by, **_options):
        found = Cohort.objects.filter(study__slug=study, name=cohort).first()
        if found is None:
            raise CommandError(f'There is no cohort "{cohort}" in a study "{study}".')
        try:
            count = import_cohort(cohort=found, source=source, by=by, progress=_bar)
        except ImportRefused as refused:
            for problem in refused.problems:
                self.stderr.write(str(problem))
            raise CommandError(
                f"Nothing was imported: {len(refused.problems)} problems, listed above."
            ) from None
        self.stdout.write(self.style.SUCCESS(f"{count} cases imported into {found}."))
        self.stdout.write("Now review the images in the admin: Cohorts, Review.")


def _bar(rows):
    return tqdm(rows, desc="Importing", unit="case", disable=None)
