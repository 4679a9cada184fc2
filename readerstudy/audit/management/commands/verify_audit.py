import sys

from django.core.management.base import BaseCommand, CommandError

from readerstudy.audit import head
from readerstudy.audit.verification import Verdict, record_verdict, verify


class Command(BaseCommand):
    help = (
        "Look for tampering in the audit log and in the rows that it witnesses. Ends with status 1 "
        "and names every bad link or row that it finds."
    )

    def add_arguments(self, parser):
        parser.add_argument("--study", default="", help="Slug: the rows of this study alone")
        parser.add_argument(
            "--head",
            dest="heads",
            action="append",
            default=[],
            metavar="NUMBER:SHA-256",
            help="An event that is known to have been there, as on paper; may be given again",
        )
        parser.add_argument(
            "--without-key", action="store_true", help="Leave the seals out: the key is not here"
        )
        parser.add_argument(
            "--no-record", action="store_true", help="Write no event of this into the log"
        )

    def handle(self, *, study, heads: list[str], without_key, no_record, verbosity, **_options):
        verdict = verify(
            study=study,
            heads=_heads(heads),
            keyed=not without_key,
            progress=self._progress(verbosity),
        )
        if not no_record:
            record_verdict(verdict, study=study, actor="manage.py verify_audit")
        self._tell(verdict)
        if not verdict.is_sound:
            sys.exit(1)

    def _progress(self, verbosity: int):
        def tell(number: int) -> None:
            self.stdout.write(f"{number} events", ending="\r")

        return tell if verbosity > 1 else lambda number: None

    def _tell(self, verdict: Verdict) -> None:
        for problem in verdict.problems:
            self.stderr.write(str(problem))
        if verdict.found > len(verdict.problems):
            self.stderr.write(f"and {verdict.found - len(verdict.problems)} more")
        rows = ", ".join(f"{count} {name}" for name, count in verdict.rows.items())
        self.stdout.write(f"Looked at: {verdict.number} events, {rows}.")
        self.stdout.write(f"Head, to be written down: {verdict.head}")
        self.stdout.write(
            ("No tampering found." if verdict.is_sound else f"Problems: {verdict.found}.")
            + ("" if verdict.keyed else " The seals were left out.")
        )


def _heads(given: list[str]) -> list[tuple[int, str]]:
    try:
        return [head.parse(line) for line in given]
    except head.NoHead as wrong:
        raise CommandError(f"--head: {wrong}") from None
