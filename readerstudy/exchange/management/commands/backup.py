import getpass
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.exchange.backups.backup import back_up
from readerstudy.exchange.errors import ExchangeError


class Command(BaseCommand):
    help = (
        "Back up the database and all stored files into one file while the site runs. The "
        "secret keys are not included: keep them separately, or use --with-secret-key."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "destination",
            type=Path,
            help="A new .tar file, or a folder for a file named by date and time",
        )
        parser.add_argument("--with-secret-key", action="store_true")
        parser.add_argument(
            "--without-lost",
            action="store_true",
            help="Back up what there is even if stored files are lost. The backup lists them",
        )
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, destination, by, **options):
        if destination.is_dir():
            destination /= f"readerstudy-{datetime.now(tz=UTC):%Y%m%dT%H%M%SZ}.tar"
        try:
            manifest = back_up(
                destination,
                by=by,
                with_key=options["with_secret_key"],
                without_lost=options["without_lost"],
                progress=_bar,
            )
        except ExchangeError as refused:
            raise CommandError(str(refused)) from None
        rows, files = sum(manifest["rows"].values()), len(manifest["files"])
        self.stdout.write(f"{destination}: {rows} rows, {files} files.")
        for name in manifest["lost"]:
            self.stderr.write(f"Lost and not in the backup: {name}")
        if not options["with_secret_key"]:
            self.stdout.write(
                "The secret keys are not included. With other keys, everybody must sign in "
                "again after a restore, and the audit log's seals can't be checked."
            )


def _bar(files):
    return tqdm(files, desc="Copying", unit="file", disable=None)
