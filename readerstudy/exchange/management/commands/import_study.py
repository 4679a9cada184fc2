import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.exchange.bundles.study_import import import_study
from readerstudy.exchange.bundles.user_mapping import read_user_map
from readerstudy.exchange.errors import ExchangeError


class Command(BaseCommand):
    help = (
        "Import a bundle that export_study made on another site. Everything is imported or "
        "nothing. Its people become users who can't sign in, unless --map matches them with "
        "users of this site."
    )

    def add_arguments(self, parser):
        parser.add_argument("bundle", type=Path, help="The ZIP file")
        parser.add_argument(
            "--map", type=Path, help="CSV with the columns bundle,site: a person's name in the "
            "bundle, and a username of this site"
        )  # fmt: skip
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, bundle, by, **options):
        try:
            known = read_user_map(options["map"]) if options["map"] else {}
            imported = import_study(bundle, by=by, known=known, progress=_bar)
        except ExchangeError as refused:
            raise CommandError(f"Nothing was imported. {refused}") from None
        rows = sum(imported.rows.values())
        self.stdout.write(f"{imported.study.slug}: {rows} rows imported.")
        if imported.reproduced:
            same = imported.reproduced - len(imported.differing)
            self.stdout.write(
                f"{same} of {imported.reproduced} results files, made again, equal the bundle's "
                "byte for byte."
            )
        for name in imported.differing:
            self.stdout.write(
                f"{name}, made again, differs: this version of the software writes it differently."
            )


def _bar(files):
    return tqdm(files, desc="Verifying", unit="file", disable=None)
