import getpass

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from readerstudy.cohorts.models import Study
from readerstudy.reading.activity import activity_of
from readerstudy.reading.reminders import NotReminded, behind, remind


class Command(BaseCommand):
    help = (
        "Remind, by e-mail, the readers of a study who are behind and were not active for some "
        "days. For cron: nobody is reminded twice a day."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument(
            "--site", required=True, help="How readers reach the site: https://reading.example.org"
        )
        parser.add_argument("--days", type=int, default=settings.ALERT_IDLE_DAYS)
        parser.add_argument("--by", default=getpass.getuser(), help="Who does it, for the log")

    def handle(self, *, study, site, days, by, **_options):
        found = Study.objects.filter(slug=study).select_related("protocol").first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        address = site.rstrip("/") + reverse("reading:current", kwargs={"slug": found.slug})
        failed = False
        for each in behind(found, activity_of(found)):
            code = each.activity.reader.code
            if each.activity.idle_days < days:
                continue
            if each.reason:
                self.stdout.write(f"{code} {each.reason}.")
                continue
            try:
                remind(found, code, address=address, by=by)
                self.stdout.write(f"{code} is reminded.")
            except NotReminded as refusal:
                failed = True
                self.stderr.write(str(refusal))
        if failed:
            raise CommandError("Not everybody could be reminded.")
