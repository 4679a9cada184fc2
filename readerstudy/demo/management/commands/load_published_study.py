from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from tqdm import tqdm

from analysis.make_run_files import make_run_files
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.demo import published_study
from readerstudy.demo.published import tally
from readerstudy.studies.models import Membership, Study


class Command(BaseCommand):
    help = (
        "Load the reconstruction of the published reader study from its printed counts: 368 "
        "phantoms and six simulated readers, unblinded and analysed. Existing data are kept."
    )

    def add_arguments(self, parser):
        parser.add_argument("--investigator", help="Username of a person who may see its results")

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
        make_run_files(run)
        if user:
            _make_investigator(study, user)
        lines = [f"{run}: results {run.results_sha256}", study.notice]
        lines += tally(published_study.compare_with_print(run))
        self.stdout.write("\n".join(f"  {line}" for line in lines))


@transaction.atomic
def _make_investigator(study: Study, user: User) -> None:
    member, is_new = Membership.objects.get_or_create(study=study, user=user)
    if is_new:
        detail = {"user": user.pk, "before": {"role": None}, "after": {"role": member.role}}
        who = {"actor": "manage.py load_published_study", "target": user.username}
        record("study.role", study=study.slug, detail=detail, **who)


def _bar(cases):
    return tqdm(cases, desc="Drawing", unit="case", disable=None)
