import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.handover.backups import KEYS
from readerstudy.handover.problems import Refused
from readerstudy.handover.restoring import restore, verify


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty site: all of it or nothing, checked first. Stop the site "
        "and its workers before."
    )

    # The database may have no tables yet: they come with the backup.
    requires_migrations_checks = False

    def add_arguments(self, parser):
        parser.add_argument("source", type=Path, help="A file that backup wrote")
        parser.add_argument("--verify", action="store_true", help="Check it, and change nothing")
        parser.add_argument(
            "--replace", action="store_true", help="Restore over a site that is not empty"
        )
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Who does it, for the audit log"
        )

    def handle(self, *, source, by, **options):
        try:
            if options["verify"]:
                manifest = verify(source, progress=_bar)
            else:
                manifest = restore(source, by=by, replace=options["replace"], progress=_bar)
        except Refused as refused:
            raise CommandError(f"Nothing was changed. {refused}") from None
        rows, files = sum(manifest["rows"].values()), len(manifest["files"])
        done = "sound" if options["verify"] else "restored"
        self.stdout.write(
            f"{source} of {manifest['made_at']} is {done}: {rows} rows, {files} files."
        )
        for key in KEYS:
            if key in manifest["files"]:
                told = f"It has the former site's {key}, not put in place: tar -xOf {source} {key}"
                self.stdout.write(told)
        for name in manifest["lost"]:
            self.stderr.write(f"Lost before the backup, and not in it: {name}")


def _bar(files):
    return tqdm(files, desc="Reading", unit="file", disable=None)
