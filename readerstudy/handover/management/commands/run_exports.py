from django.core.management.base import BaseCommand

from readerstudy.handover import asked


class Command(BaseCommand):
    help = "Make the bundles that were asked for in the browser, and end: a worker's task."

    def handle(self, **_options):
        asked.make_all()
