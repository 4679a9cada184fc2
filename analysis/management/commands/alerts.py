from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError

from analysis.alerts import Alert, alerts
from readerstudy.cohorts.models import Membership, Study
from readerstudy.reading.activity import activity_of


class Command(BaseCommand):
    help = "Tell what should be looked at in the studies that are under way. For cron: see --mail."

    def add_arguments(self, parser):
        parser.add_argument("--study", default="", help="Slug: this study alone")
        parser.add_argument(
            "--mail", action="store_true", help="Send it to each study's investigators"
        )

    def handle(self, *, study, mail, **_options):
        studies = Study.objects.exclude(state=Study.State.DRAFT).order_by("slug")
        studies = studies.filter(slug=study) if study else studies
        if study and not studies:
            raise CommandError(f'There is no study "{study}" that was opened.')
        for each in studies.select_related("protocol"):
            found = alerts(each, activity_of(each))
            for alert in found:
                self.stdout.write(f"{each.slug}: {alert}")
            if mail and found:
                self._mail(each, found)

    def _mail(self, study: Study, found: list[Alert]) -> None:
        people = Membership.objects.filter(
            study=study, role=Membership.Role.INVESTIGATOR, user__is_active=True
        ).exclude(user__email="")
        addresses = sorted(set(people.values_list("user__email", flat=True)))
        if not addresses:
            self.stderr.write(f"{study.slug}: no investigator has an e-mail address.")
            return
        text = "".join(f"- {alert}\n" for alert in found)
        for address in addresses:
            subject = f"Reader study {study.slug}: {len(found)} to look at"
            send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])
