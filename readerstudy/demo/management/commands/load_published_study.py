from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from readerstudy.accounts.models import User
from readerstudy.cohorts.models import Membership
from readerstudy.demo import published_study
from readerstudy.demo.published import tally


class Command(BaseCommand):
    help = (
        "Load the reconstruction of the published reader study, from its printed counts: 368 "
        "phantoms, six simulated readers, unblinded and analysed. What is there stays as it is."
    )

    def add_arguments(self, parser):
        parser.add_argument("--investigator", help="Username of a user who is to see its results")

    def handle(self, *, investigator, **_options):
        user = User.objects.filter(username=investigator).first()
        if investigator and user is None:
            raise CommandError(f'There is no user "{investigator}".')
        self.stdout.write(f"{published_study.TITLE} ...")
        try:
            study = published_study.build(progress=_bar)
            run = published_study.analyse(study)
        except (published_study.NotOurs, published_study.AnalysisFailed) as refusal:
            raise CommandError(str(refusal)) from None
        if user:
            Membership.objects.get_or_create(study=study, user=user)
        lines = [f"{run}: results {run.results_sha256}", study.notice]
        lines += tally(published_study.beside_print(run))
        self.stdout.write("\n".join(f"  {line}" for line in lines))


def _bar(cases):
    return tqdm(cases, desc="Drawing", unit="case", disable=None)
