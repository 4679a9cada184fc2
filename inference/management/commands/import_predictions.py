import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from inference.predictions_import import DEFAULT_THRESHOLD, import_predictions
from readerstudy.imaging import ImportRefused
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Import predictions made elsewhere (a folder or ZIP with predictions.csv and heatmaps) "
        "as a model version, and select it in a draft study. Everything is imported or nothing."
    )

    def create_parser(self, prog_name, subcommand, **kwargs):
        # --version is the model's here, not Django's.
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("source", type=Path, help="Folder or ZIP with predictions.csv")
        parser.add_argument("--name", required=True, help="Name of the model, as shown on pages")
        parser.add_argument("--version", required=True, help="Version of the model")
        parser.add_argument(
            "--threshold",
            type=float,
            default=DEFAULT_THRESHOLD,
            help="The model's decision is malignant from this probability of malignancy "
            "(default: %(default)s)",
        )
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
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
