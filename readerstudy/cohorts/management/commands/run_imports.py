from django.core.management.base import BaseCommand

from readerstudy.cohorts.imports import queue


class Command(BaseCommand):
    help = (
        "Work off all waiting imports in this process, dry runs and confirmed ones, those of dead "
        "workers included."
    )

    def handle(self, **_options):
        from readerstudy.cohorts.imports.work import run

        queue.reap()
        while waiting := queue.waiting():
            run(waiting[0])
