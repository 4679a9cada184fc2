from django.core.management.base import BaseCommand
from tqdm import tqdm

from inference import queue
from inference.models import InferenceJob


class Command(BaseCommand):
    help = "Run all waiting inference jobs in this process, those of dead workers included."

    def handle(self, **_options):
        queue.reap()
        if not queue.waiting():
            self.stdout.write("No inference job is waiting.")
            return
        from inference.runner import run

        with tqdm(desc="CLA-HDM", unit="case") as bar:
            while waiting := queue.waiting():  # again, for jobs that failed with attempts left
                bar.total = bar.n + len(waiting)
                for batch in queue.batches(waiting):
                    run(batch)
                    bar.update(len(batch))
        failed = InferenceJob.objects.filter(state=InferenceJob.State.FAILED).count()
        if failed:
            self.stderr.write(f"{failed} jobs have failed; the admin's job list says why.")
