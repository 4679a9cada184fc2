from pathlib import Path

from django.core.management.base import BaseCommand
from tqdm import tqdm

from readerstudy.demo import training_study


class Command(BaseCommand):
    help = (
        "Make a synthetic study of the published cohorts' sizes: 395 phantoms to train on and "
        "171, 105 and 92 to test on. Cohorts that are there already stay as they are."
    )

    def add_arguments(self, parser):
        parser.add_argument("--study", default=training_study.SLUG, help="Slug of the study")
        parser.add_argument(
            "--cases", type=int, help="About so many cases a cohort instead, for a rehearsal"
        )
        parser.add_argument(
            "--masks", type=Path, help="Folder to keep the nodes' masks in, for evaluate_clahdm"
        )

    def handle(self, *, study, cases, masks, **_options):
        made = training_study.build(slug=study, size=cases, masks=masks, progress=_bar)
        for cohort in made.cohort_set.order_by("pk"):
            self.stdout.write(f"{cohort}: {cohort.case_set.count()} cases")


def _bar(cases):
    return tqdm(cases, desc="Drawing", unit="case", disable=None)
