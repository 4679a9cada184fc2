from pathlib import Path

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug
from tqdm import tqdm

from readerstudy.demo import model_training_study
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Create a synthetic study with the sizes of the published cohorts: 395 phantoms for "
        "training and 171, 105 and 92 for testing. Existing cohorts are kept."
    )

    def add_arguments(self, parser):
        parser.add_argument("--study", default=model_training_study.SLUG, help="Slug of the study")
        parser.add_argument(
            "--cases",
            type=int,
            help="Approximate number of cases per cohort instead, for a rehearsal",
        )
        parser.add_argument(
            "--masks", type=Path, help="Folder for the masks of the nodes, for evaluate_clahdm"
        )

    def handle(self, *, study, cases, masks, **_options):
        _require_possible(study, cases)
        if masks:
            masks.mkdir(parents=True, exist_ok=True)
        made = model_training_study.build(slug=study, size=cases, masks=masks, progress=_bar)
        for cohort in made.cohort_set.order_by("pk"):
            self.stdout.write(f"{cohort}: {cohort.case_set.count()} cases")


def _require_possible(slug: str, cases: int | None) -> None:
    try:
        validate_slug(slug)
    except ValidationError:
        raise CommandError(
            f'"{slug}" is not a valid short name: use only letters, digits, - and _.'
        ) from None
    if cases is not None and cases < 1:
        raise CommandError(f"--cases {cases}: give a number of at least 1.")
    found = Study.objects.filter(slug=slug).first()
    if found and not (found.is_synthetic and found.state == Study.State.DRAFT):
        raise CommandError(f'"{slug}" is not a synthetic draft. Choose another short name.')


def _bar(cases):
    return tqdm(cases, desc="Drawing", unit="case", disable=None)
