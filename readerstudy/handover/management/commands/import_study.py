import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.handover.arrivals import read_map
from readerstudy.handover.importing import import_study
from readerstudy.handover.problems import Refused


class Command(BaseCommand):
    help = (
        "Import a bundle that export_study made on another site: all of it or nothing. Its people "
        "become users who can't sign in, unless --map says who they are here."
    )

    def add_arguments(self, parser):
        parser.add_argument("bundle", type=Path, help="The ZIP file")
        parser.add_argument(
            "--map", type=Path, help="CSV with the columns bundle,site: a person's name in the "
            "bundle, and a username of this site"
        )  # fmt: skip
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Who imports, for the audit log"
        )

    def handle(self, *, bundle, by, **options):
        try:
            known = read_map(options["map"]) if options["map"] else {}
            imported = import_study(bundle, by=by, known=known, progress=_bar)
        except Refused as refused:
            raise CommandError(f"Nothing was imported. {refused}") from None
        rows = sum(imported.rows.values())
        self.stdout.write(f"{imported.study.slug}: {rows} rows imported.")
        if imported.reproduced:
            same = imported.reproduced - len(imported.differing)
            self.stdout.write(
                f"{same} of {imported.reproduced} results files made anew are the bundle's, byte "
                "for byte."
            )
        for name in imported.differing:
            self.stdout.write(f"Made anew, {name} differs: this software writes it otherwise.")


def _bar(files):
    return tqdm(files, desc="Verifying", unit="file", disable=None)
