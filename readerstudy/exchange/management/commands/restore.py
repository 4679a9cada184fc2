import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.exchange.backups.backup import KEYS
from readerstudy.exchange.backups.restore import restore_backup, verify_backup
from readerstudy.exchange.errors import ExchangeError


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty site. The backup is checked first, and everything is "
        "restored or nothing. Stop the site and its workers before."
    )

    # The database may have no tables yet: they come with the backup.
    requires_migrations_checks = False

    def add_arguments(self, parser):
        parser.add_argument("source", type=Path, help="A file made by manage.py backup")
        parser.add_argument(
            "--verify", action="store_true", help="Only check the backup; change nothing"
        )
        parser.add_argument(
            "--replace", action="store_true", help="Replace the data of a site that is not empty"
        )
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, source, by, **options):
        try:
            if options["verify"]:
                manifest = verify_backup(source, progress=_bar)
            else:
                manifest = restore_backup(source, by=by, replace=options["replace"], progress=_bar)
        except ExchangeError as refused:
            raise CommandError(f"Nothing was changed. {refused}") from None
        rows, files = sum(manifest["rows"].values()), len(manifest["files"])
        done = "sound" if options["verify"] else "restored"
        self.stdout.write(
            f"{source} of {manifest['made_at']} is {done}: {rows} rows, {files} files."
        )
        for key in KEYS:
            if key in manifest["files"]:
                text = (
                    f"The backup contains the former site's {key}, which was not restored. To "
                    f"see it: tar -xOf {source} {key}"
                )
                self.stdout.write(text)
        for name in manifest["lost"]:
            self.stderr.write(f"Lost before the backup and not in it: {name}")


def _bar(files):
    return tqdm(files, desc="Reading", unit="file", disable=None)
