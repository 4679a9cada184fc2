import csv
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.cohorts.models import Study


class Command(BaseCommand):
    help = (
        "Evaluate CLA-HDM on each cohort of a study: the sub-models on their own branches and "
        "CLA-HDM on all, with 95%% intervals; AUC of each etiology; calibration; and, where the "
        "nodes' masks are at hand, where the heatmaps look."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument(
            "--weights",
            type=Path,
            help="Run this weights file on every case; default: the stored predictions of the "
            "study's model",
        )
        parser.add_argument("--masks", type=Path, help="Folder with COHORT/CASE_ID.png")
        parser.add_argument("--out", type=Path, help="CSV file to write, one row a number")
        parser.add_argument("--resamples", type=int, default=1000, help="Of the bootstrap")
        parser.add_argument("--seed", type=int, default=0, help="Of the bootstrap")
        parser.add_argument("--device", default="auto", help="auto, cpu or cuda; with --weights")

    def handle(self, *, study, **options):
        from inference import evaluating, report

        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        try:
            evaluating.require_unsealed(found)
            cohorts, threshold = _predictions(found, options)
            lines = [
                line
                for cohort in cohorts
                for line in report.cohort_lines(
                    cohort,
                    threshold=threshold,
                    resamples=options["resamples"],
                    seed=options["seed"],
                    masks=options["masks"] and evaluating.read_masks(options["masks"], cohort),
                )
            ]
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from None
        for text in report.as_text(lines):
            self.stdout.write(text)
        if options["out"]:
            with options["out"].open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(report.Line._fields)
                writer.writerows(lines)
            self.stdout.write(f"{options['out']} is written.")


def _predictions(study: Study, options: dict):
    from inference import evaluating

    if not options["weights"]:
        return evaluating.stored(study)
    from inference.clahdm.distributed import local_device

    return evaluating.predicted(
        study,
        options["weights"],
        device=str(local_device(options["device"])),
        progress=lambda batches: tqdm(batches, desc="CLA-HDM", unit="batch", disable=None),
    )
