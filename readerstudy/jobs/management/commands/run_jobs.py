from django.core.management.base import BaseCommand, CommandError

from readerstudy.database_outages import outlasts_outages
from readerstudy.jobs import kinds, worker
from readerstudy.jobs.errors import WorkerBroken
from readerstudy.jobs.stop_signals import stop_requested


class Command(BaseCommand):
    help = (
        "Run all waiting jobs of a kind in this process, including those of dead workers, and "
        "end. SIGTERM or Ctrl-C ends it after the current batch, a second one immediately; "
        "nothing is lost either way."
    )

    def add_arguments(self, parser):
        parser.add_argument("kind", choices=kinds.names())

    @outlasts_outages
    def handle(self, *, kind, **_options):
        kinds.get(kind).require_usable()
        try:
            with stop_requested() as stop:
                while kind:
                    for _ in worker.run_waiting(kinds.get(kind), stop):
                        pass
                    kind = kinds.get(kind).then
        except WorkerBroken as broken:
            raise CommandError(f"{broken} Start it again.") from None
