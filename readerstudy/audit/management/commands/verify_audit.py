import sys

from django.core.management.base import BaseCommand, CommandError

from readerstudy.audit import chain_head_file
from readerstudy.audit.models import AuditEvent
from readerstudy.audit.verification import Verdict, record_verdict, verify


class Command(BaseCommand):
    help = (
        "Check the audit log, and the rows whose digests it holds, for tampering. Names every "
        "bad link or row, and ends with status 1 if there is any."
    )

    def add_arguments(self, parser):
        parser.add_argument("--study", default="", help="Slug of a study: check only its rows")
        parser.add_argument(
            "--head",
            dest="heads",
            action="append",
            default=[],
            metavar="NUMBER:SHA-256",
            help="A known event, such as a head that you wrote down. Can be repeated",
        )
        parser.add_argument(
            "--without-key",
            action="store_true",
            help="Do not check the seals: for use where the key is not available",
        )
        parser.add_argument(
            "--no-record", action="store_true", help="Do not record this check in the log"
        )

    def handle(self, *, study, heads: list[str], without_key, no_record, verbosity, **_options):
        if study and not AuditEvent.objects.filter(study=study).exists():
            raise CommandError(f'The log has no events of a study "{study}".')
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
        *looked, conclusion = verdict.sentences()
        for line in (*looked, f"Head (write it down): {verdict.head}", conclusion):
            self.stdout.write(line)


def _heads(given: list[str]) -> list[tuple[int, str]]:
    try:
        return [chain_head_file.parse_head(line) for line in given]
    except chain_head_file.MalformedHead as wrong:
        raise CommandError(f"--head: {wrong}") from None
