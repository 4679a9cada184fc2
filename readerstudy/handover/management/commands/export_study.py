import getpass
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.accounts.models import User
from readerstudy.cohorts.models import Study
from readerstudy.handover.exporting import Options, export_study, is_unsealed
from readerstudy.handover.problems import Refused


class Command(BaseCommand):
    help = (
        "Export a study as a bundle that explains itself (ZIP): what it consists of, what was "
        "read, what came out, and how it was recorded. Before the unblinding without truth and "
        "readings; people under numbers, not names."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument("destination", type=Path, help="A new ZIP file")
        parser.add_argument("--without-images", action="store_true", help="For reading only")
        parser.add_argument("--with-names", action="store_true", help="People's names and e-mail")
        parser.add_argument(
            "--with-truth",
            action="store_true",
            help="Also what is sealed before the unblinding: reference standards and readings. "
            "Needs --by with the username of an active superuser",
        )
        parser.add_argument("--by", default="", help="Who exports, for the audit log")

    def handle(self, *, study, destination, by, **options):
        found = Study.objects.filter(slug=study).first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        if options["with_truth"] and not is_unsealed(found):
            _require_superuser(by)
        chosen = Options(
            with_images=not options["without_images"],
            with_truth=options["with_truth"],
            with_names=options["with_names"],
        )
        try:
            digest = export_study(
                found, destination, options=chosen, by=by or getpass.getuser(), progress=_bar
            )
        except Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{destination} has all of {found.slug}; SHA-256 {digest}.")


def _require_superuser(username: str) -> None:
    if not User.objects.filter(username=username, is_active=True, is_superuser=True).exists():
        raise CommandError(
            "The study is not unblinded. Its truth is exported for a superuser alone, who answers "
            "for it in the audit log: say --by USERNAME."
        )


def _bar(tables):
    return tqdm(tables, desc="Exporting", unit="table", disable=None)
