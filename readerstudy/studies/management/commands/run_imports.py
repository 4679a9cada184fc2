from readerstudy.jobs.management.commands import run_jobs


class Command(run_jobs.Command):
    help = (
        "Run all waiting imports (dry runs and confirmed ones) in this process, including "
        "those of dead workers: as run_jobs import."
    )

    def add_arguments(self, parser):
        parser.set_defaults(kind="import")
