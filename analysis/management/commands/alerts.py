from django.conf import settings
from django.core.mail import send_mail
from django.core.management.base import BaseCommand, CommandError
from django.template.defaultfilters import pluralize

from analysis.study_alerts import Alert, alerts_of
from readerstudy.reading.reader_activity import activity_of
from readerstudy.studies.models import Membership, Study


class Command(BaseCommand):
    help = "Print what needs attention in the studies that are under way. For cron, see --mail."

    def add_arguments(self, parser):
        parser.add_argument("--study", default="", help="Slug of a study: only its alerts")
        parser.add_argument(
            "--mail", action="store_true", help="Send the alerts to the investigators of each study"
        )

    def handle(self, *, study, mail, **_options):
        studies = Study.objects.exclude(state=Study.State.DRAFT).order_by("slug")
        studies = studies.filter(slug=study) if study else studies
        if study and not studies:
            raise CommandError(f'There is no study "{study}" that has been opened.')
        for each in studies.select_related("protocol"):
            found = alerts_of(each, activity_of(each))
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
        subject = f"Reader study {study.slug}: {len(found)} alert{pluralize(len(found))}"
        for address in addresses:
            try:
                send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [address])
            except OSError as error:  # smtplib's errors are such
                raise CommandError(
                    f"{study.slug}: the e-mail to {address} could not be sent ({error}). Check "
                    "the EMAIL_ settings and the mail server, then run this again."
                ) from None
