import getpass

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.urls import reverse

from readerstudy.reading.reader_activity import activity_of
from readerstudy.reading.reminders import NotReminded, remind, remindable_readers
from readerstudy.studies.models import Study


class Command(BaseCommand):
    help = (
        "Send a reminder by e-mail to readers of a study who are behind and have been inactive "
        "for some days. Suitable for cron: nobody gets more than one reminder a day."
    )

    def add_arguments(self, parser):
        parser.add_argument("study", help="Slug of the study")
        parser.add_argument(
            "--site",
            default=settings.SITE_URL or None,
            required=not settings.SITE_URL,
            help="Address of the site for readers, such as https://reading.example.org "
            "(default: READERSTUDY_SITE_URL)",
        )
        parser.add_argument("--days", type=int, default=settings.ALERT_IDLE_DAYS)
        parser.add_argument(
            "--by", default=getpass.getuser(), help="Username or name for the audit log"
        )

    def handle(self, *, study, site, days, by, **_options):
        found = Study.objects.filter(slug=study).select_related("protocol").first()
        if found is None:
            raise CommandError(f'There is no study "{study}".')
        address = site.rstrip("/") + reverse("reading:current", kwargs={"slug": found.slug})
        failed = False
        for each in remindable_readers(found, activity_of(found)):
            code = each.activity.reader.code
            if each.activity.idle_days < days:
                continue
            if each.reason:
                self.stdout.write(f"{code} {each.reason}.")
                continue
            try:
                remind(found, code, address=address, by=by)
                self.stdout.write(f"Reminder sent to {code}.")
            except NotReminded as refusal:
                failed = True
                self.stderr.write(str(refusal))
        if failed:
            raise CommandError("Some reminders could not be sent.")
