from readerstudy.jobs.management.commands import run_jobs


class Command(run_jobs.Command):
    help = "Make all bundles requested in the browser, then end: as run_jobs export."

    def add_arguments(self, parser):
        parser.set_defaults(kind="export")
