from django.core.management.base import BaseCommand

from readerstudy.outages import outlasts_outages
from readerstudy.studies.imports import queue


class Command(BaseCommand):
    help = (
        "Run all waiting imports (dry runs and confirmed ones) in this process, including "
        "those of dead workers."
    )

    @outlasts_outages
    def handle(self, **_options):
        from readerstudy.studies.imports.execution import run_waiting_step

        queue.reap()
        while waiting := queue.waiting():
            run_waiting_step(waiting[0])
