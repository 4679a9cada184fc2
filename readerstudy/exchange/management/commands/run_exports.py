from django.core.management.base import BaseCommand

from readerstudy.exchange.bundles import export_queue
from readerstudy.outages import outlasts_outages


class Command(BaseCommand):
    help = "Make all bundles requested in the browser, then end. Normally a worker does this."

    @outlasts_outages
    def handle(self, **_options):
        export_queue.run_waiting_exports()
