"""Remind a reader who is behind, by e-mail: at most once a day, and on record.

The letter says how much is left and by when, in both languages of the readers' pages; nothing
of a case.
"""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone, translation

from readerstudy.audit.log import record
from readerstudy.audit.models import AuditEvent
from readerstudy.reading.models import Reader, Stage
from readerstudy.reading.reader_activity import Activity, activity_of
from readerstudy.studies.models import Study

ACTION = "reading.remind"
AT_MOST_EVERY = timedelta(days=1)


class NotReminded(Exception):
    """Why no reminder goes out, for whoever asked for it."""


@dataclass(frozen=True)
class Remindable:
    """A reader who is behind; ``reason`` says what keeps a reminder from going out, if anything."""

    activity: Activity
    reason: str


def remindable_readers(study: Study, activity: list[Activity]) -> list[Remindable]:
    """Those of an open study's readers who could be reading now; by one query."""
    late = [each for each in activity if each.is_behind]
    reminded = _reminded(study) if late else set()
    return [Remindable(each, _against(each.reader, reminded)) for each in late]


def remind(
    study: Study, code: str, *, address: str, by: str = "", request: HttpRequest | None = None
) -> None:
    """Send one reader a reminder with ``address``, where the study is read.

    Raises NotReminded, with the reason; an e-mail that can't be sent may be tried again at once.
    """
    with transaction.atomic():
        # Two who ask at once are one after the other: the second finds the first one's event.
        readers = dict(Reader.objects.filter(study=study).values_list("code", "pk"))
        if code not in readers:
            raise NotReminded("This study has no such reader.")
        Reader.objects.select_for_update().get(pk=readers[code])
        found = {
            each.activity.reader.code: each
            for each in remindable_readers(study, activity_of(study))
        }
        if code not in found:
            raise NotReminded(f"{code} has nothing to read at the moment.")
        if found[code].reason:
            raise NotReminded(f"{code} {found[code].reason}.")
        _note(study, code, by=by, request=request)
    activity = found[code].activity
    subject, text = _letter(study, activity, address)
    try:
        send_mail(subject, text, settings.DEFAULT_FROM_EMAIL, [activity.reader.user.email])
    except OSError as failure:
        _note(study, code, by=by, request=request, failure=type(failure).__name__)
        raise NotReminded(f"The e-mail to {code} could not be sent. Try again later.") from failure


def _reminded(study: Study) -> set[str]:
    """The codes of those whose last reminder went out within the last day."""
    events = AuditEvent.objects.filter(
        study=study.slug, action=ACTION, at__gt=timezone.now() - AT_MOST_EVERY
    )
    last = dict(events.order_by("number").values_list("target", "outcome"))
    return {code for code, outcome in last.items() if outcome == AuditEvent.Outcome.DONE}


def _against(reader: Reader, reminded: set[str]) -> str:
    if not reader.user.email:
        return "has no e-mail address"
    if not reader.user.is_active:
        return "can't sign in"
    return "has already been reminded within the last day" if reader.code in reminded else ""


def _note(study: Study, code: str, *, by: str, request, failure: str = "") -> None:
    record(
        ACTION,
        request=request,
        actor=by,
        study=study.slug,
        target=code,
        refused=bool(failure),
        detail={"failure": failure} if failure else {},
    )


def _letter(study: Study, activity: Activity, address: str) -> tuple[str, str]:
    """Subject and text: English first, then the site's other languages."""
    protocol = activity.reader.study.protocol
    unaided = not activity.has_read(Stage.UNAIDED)
    context = {
        "study": study,
        "left": activity.left,
        "due": protocol.stage_1_due if unaided else protocol.stage_2_due,
        "address": address,
    }
    texts = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            texts.append(render_to_string("reading/mail/reminder.txt", context).strip())
    with translation.override(settings.LANGUAGE_CODE):
        subject = render_to_string("reading/mail/reminder_subject.txt", context).strip()
    return subject, "\n\n".join(texts) + "\n"
