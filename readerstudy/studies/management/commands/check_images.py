from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.imaging import ImportRefused
from readerstudy.studies.models import Cohort, Study
from readerstudy.studies.review.stored_images import check_source, check_sources, check_stored


class Command(BaseCommand):
    help = (
        "Look over a study's stored images, and what is left of the sources that they came from: "
        "what is empty, grey, unusual or stands twice, and what would come out otherwise today. In "
        "a draft the findings wait for a reviewer's answer."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("--cohort", default="", help="Name of the cohort of --source")
        parser.add_argument(
            "--source", type=Path, help="Folder or ZIP that a cohort was imported from"
        )

    def handle(self, *, study, cohort, source, **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        if cohort and source is None:
            raise CommandError("Name the source of the cohort: --source.")
        count = 0
        for remark in self._remarks(found, cohort, source):
            self.stdout.write(str(remark))
            count += remark.is_open
        if count:
            things = "1 thing" if count == 1 else f"{count} things"
            raise CommandError(f"{things} to look at, listed above.")
        self.stdout.write(
            self.style.SUCCESS("Nothing is left to look at, of what can be known here.")
        )

    def _remarks(self, study: Study, name: str, source: Path | None):
        if source is None:
            yield from check_stored(study, progress=_bar)
            yield from check_sources(study)
            return
        cohort = Cohort.objects.filter(study=study, name=name).first()
        if cohort is None:
            raise CommandError(f'Name the cohort of the source: "{study.slug}" has no "{name}".')
        try:
            yield from check_source(cohort, source)
        except ImportRefused as refused:
            raise CommandError(f"{source} can't be read: {refused.problems[0]}") from None


def _bar(rows):
    return tqdm(rows, desc="Images", unit="image", disable=None)
