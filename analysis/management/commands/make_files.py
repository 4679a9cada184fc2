from django.core.management.base import BaseCommand, CommandError

from analysis.models import AnalysisRun, RunFile


class Command(BaseCommand):
    help = (
        "Make missing files of runs: figures, tables, report and data. The site does this by "
        "itself when a run ends and when someone opens an older run."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", nargs="?", help="Slug of a study (default: all studies)")
        parser.add_argument("--run", type=int, help="Number of a run of the study")

    def handle(self, *, study, run, **_options):
        if run and not study:
            raise CommandError("Give the study that the run belongs to.")
        found = AnalysisRun.objects.filter(state=AnalysisRun.State.DONE).order_by("pk")
        if study:
            found = found.filter(study__slug=study)
        if run:
            found = found.filter(number=run)
        if not found and (study or run):
            raise CommandError(f'Study "{study}" has no finished run with this number.')
        failed = sum(self._make(each) for each in found.select_related("study__protocol"))
        if failed:
            raise CommandError(f"{failed} files could not be made.")

    def _make(self, run: AnalysisRun) -> int:
        """Make a run's files; how many could not be made."""
        from analysis.make_run_files import make_run_files

        files = make_run_files(run)
        if files.is_under_way:
            self.stdout.write(f"{run}: another process is making its files.")
            return 0
        lacking = files.files.filter(state=RunFile.State.FAILED)
        for row in lacking:
            self.stderr.write(f"{run}, {row.name}: {row.reason}")
        self.stdout.write(f"{run}: {files.total - len(lacking)} of {files.total} files exist.")
        return len(lacking) + bool(files.reason)
