import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.accounts.models import User
from readerstudy.exchange.bundles.study_export import ExportOptions, export_study
from readerstudy.exchange.errors import ExchangeError
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Export a study as a self-explanatory bundle (ZIP) with its data, readings, results "
        "and audit events. Before unblinding, reference standards and readings are left out. "
        "People are identified by numbers, not names."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("destination", type=Path, help="A new ZIP file")
        parser.add_argument(
            "--without-images",
            action="store_true",
            help="Leave out the images. The bundle can then only be read, not imported",
        )
        parser.add_argument(
            "--with-names", action="store_true", help="Include people's names and e-mail addresses"
        )
        parser.add_argument(
            "--with-truth",
            action="store_true",
            help="Include what is sealed before unblinding: reference standards and readings. "
            "Requires --by with the username of an active superuser",
        )
        parser.add_argument("--by", default="", help="Username or name for the audit log")

    def handle(self, *, study, destination, by, **options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        if options["with_truth"] and not found.is_unsealed:
            _require_superuser(by)
        chosen = ExportOptions(
            with_images=not options["without_images"],
            with_truth=options["with_truth"],
            with_names=options["with_names"],
        )
        try:
            digest = export_study(
                found, destination, options=chosen, by=by or getpass.getuser(), progress=_bar
            )
        except ExchangeError as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{found.slug} was exported to {destination}. SHA-256: {digest}.")


def _require_superuser(username: str) -> None:
    if not User.objects.filter(username=username, is_active=True, is_superuser=True).exists():
        raise CommandError(
            "The study is not unblinded. Only a superuser can export its reference standards, "
            "and is named in the audit log: add --by USERNAME."
        )


def _bar(tables):
    return tqdm(tables, desc="Exporting", unit="table", disable=None)
