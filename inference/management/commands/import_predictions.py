import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference.importer import DEFAULT_THRESHOLD, import_predictions
from readerstudy.cohorts.ingest import ImportRefused
from readerstudy.cohorts.models import Study


class Command(BaseCommand):
    help = (
        "Import predictions made elsewhere (a folder or ZIP with predictions.csv and heatmaps) as "
        "a model version, and have a draft study show it: all of it or nothing."
    )

    def create_parser(self, prog_name, subcommand, **kwargs):
        # --version is the model's here, not Django's.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("source", type=Path, help="Folder or ZIP with predictions.csv")
        parser.add_argument("--name", required=True, help="The model's name, as pages show it")
        parser.add_argument("--version", required=True, help="The model's version")
        parser.add_argument(
            "--threshold",
            type=float,
            default=DEFAULT_THRESHOLD,
            help="Probability of malignancy from which on the model says malignant "
            "(default: %(default)s)",
        )
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Who imports, for the audit log"
        )

    def handle(self, *, study, source, name, version, threshold, by, **_options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        try:
            imported = import_predictions(
                study=found,
                source=source,
                name=name,
                version=version,
                threshold=threshold,
                by=by,
                progress=_bar,
            )
        except ImportRefused as refused:
            for problem in refused.problems:
                self.stderr.write(str(problem))
            raise CommandError(
                f"Nothing was imported: {len(refused.problems)} problems, listed above."
            ) from None
        for sentence in imported.sentences():
            self.stdout.write(sentence)


def _bar(rows):
    return tqdm(rows, desc="Importing", unit="case", disable=None)
