import getpass
from datetime import UTC, datetime
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.handover.backups import back_up
from readerstudy.handover.problems import Refused


class Command(BaseCommand):
    help = (
        "Back up database and stored files into one file, while the site runs. The secret key is "
        "not in it: keep it apart, or say --with-secret-key."
    )

    def add_arguments(self, parser):
        parser.add_argument(
            "destination", type=Path, help="A new .tar file, or a folder for one named by the time"
        )
        parser.add_argument("--with-secret-key", action="store_true")
        parser.add_argument(
            "--without-lost",
            action="store_true",
            help="Back up what there is, where stored files are lost; the backup names them",
        )
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Who does it, for the audit log"
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
        except Refused as refused:
            raise CommandError(str(refused)) from None
        rows, files = sum(manifest["rows"].values()), len(manifest["files"])
        self.stdout.write(f"{destination}: {rows} rows, {files} files.")
        for name in manifest["lost"]:
            self.stderr.write(f"Lost, and not in the backup: {name}")
        if not options["with_secret_key"]:
            self.stdout.write(
                "The secret keys are not in it. Restored under others, everybody signs in anew, "
                "and the audit log's seals can't be checked."
            )


def _bar(files):
    return tqdm(files, desc="Copying", unit="file", disable=None)
