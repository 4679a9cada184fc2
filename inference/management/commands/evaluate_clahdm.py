import csv
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Evaluate CLA-HDM on each cohort of a study: the sub-models on their own branches and "
        "CLA-HDM on all cases, with 95%% intervals; the AUC of each etiology; calibration; "
        "and, if masks of the nodes are given, how much of each heatmap lies on the node."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument(
            "--weights",
            type=Path,
            help="Run this weights file on every case (default: use the stored predictions of "
            "the study's model)",
        )
        parser.add_argument("--masks", type=Path, help="Folder with COHORT/CASE_ID.png")
        parser.add_argument("--out", type=Path, help="CSV file to write, one row per number")
        parser.add_argument("--resamples", type=int, default=1000, help="For the bootstrap")
        parser.add_argument("--seed", type=int, default=0, help="For the bootstrap")
        parser.add_argument("--device", default="auto", help="auto, cpu or cuda; with --weights")

    def handle(self, *, study, **options):
        from inference import evaluation_inputs, evaluation_report

        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        try:
            evaluation_inputs.require_unsealed(found)
            cohorts, threshold = _predictions(found, options)
            lines = [
                line
                for cohort in cohorts
                for line in evaluation_report.cohort_lines(
                    cohort,
                    threshold=threshold,
                    resamples=options["resamples"],
                    seed=options["seed"],
                    masks=options["masks"]
                    and evaluation_inputs.read_masks(options["masks"], cohort),
                )
            ]
        except (ValueError, OSError) as error:
            raise CommandError(str(error)) from None
        for text in evaluation_report.as_text(lines):
            self.stdout.write(text)
        if options["out"]:
            self._write(options["out"], lines)

    def _write(self, out: Path, lines: list) -> None:
        from inference import evaluation_report

        try:
            with out.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(evaluation_report.ReportLine._fields)
                writer.writerows(lines)
        except OSError as error:
            raise CommandError(f"{out} can't be written: {error.strerror}.") from None
        self.stdout.write(f"{out} was written.")


def _predictions(study: Study, options: dict):
    from inference import evaluation_inputs

    if not options["weights"]:
        return evaluation_inputs.stored_predictions(study)
    from inference.clahdm.distributed import local_device

    return evaluation_inputs.predict_cohorts(
        study,
        options["weights"],
        device=str(local_device(options["device"])),
        progress=lambda batches: tqdm(batches, desc="CLA-HDM", unit="batch", disable=None),
    )
