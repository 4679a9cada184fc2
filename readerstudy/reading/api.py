"""The same walk as JSON: get the current case, post its reading. The same rules, the same door."""

import threading
from collections import defaultdict

from django.http import HttpRequest
from django.middleware.csrf import get_token
from django.urls import path
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.decorators import api_view, parser_classes
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser
from rest_framework.response import Response

from readerstudy.accounts.access import Audience, audience
from readerstudy.diagnosis import Etiology, Malignancy, Modality, choices
from readerstudy.reading import blinding, image_panes, onboarding, sequence, trace
from readerstudy.reading.access import reader_view
from readerstudy.reading.case_page import next_page
from readerstudy.reading.errors import Invalid
from readerstudy.reading.models import Assignment, QualityProblem, Reader, Stage
from readerstudy.reading.outbox_context import owner_of
from readerstudy.reading.submission import record_presentation, submit_reading
from readerstudy.reading.submitted_answer import Answer

NO_CHOICE = dict.fromkeys(
    ("invalid_choice", "null"), gettext_lazy("This is not one of the choices.")
)


class ReadingSerializer(serializers.Serializer):
    """A submitted reading. Errors do not repeat the input, which may not even be text."""

    code = serializers.RegexField(r"^[0-9a-f]{16}\Z")
    key = serializers.UUIDField(
        error_messages={"invalid": gettext_lazy("This is not a valid UUID.")}
    )
    malignancy = serializers.ChoiceField(
        choices(Malignancy), allow_blank=True, error_messages=NO_CHOICE
    )
    etiology = serializers.ChoiceField(
        choices(Etiology), allow_blank=True, error_messages=NO_CHOICE
    )
    confidence = serializers.IntegerField(allow_null=True, default=None)
    quality_problem = serializers.ChoiceField(
        QualityProblem, allow_blank=True, default="", error_messages=NO_CHOICE
    )
    quality_note = serializers.CharField(allow_blank=True, max_length=200, default="")
    trust = serializers.IntegerField(allow_null=True, default=None)
    usefulness = serializers.IntegerField(allow_null=True, default=None)
    trace = serializers.JSONField(allow_null=True, default=None)


class _Own(threading.local):
    """Serializers for each thread, one for each language, in which its messages stay once they were
    told: to make one takes longer than to validate with it."""

    def __init__(self):
        self.by_language = defaultdict(ReadingSerializer)


_OWN = _Own()


class BoundedJSONParser(JSONParser):
    """JSON that is nested too deeply is bad input, not a failure of ours."""

    def parse(self, stream, media_type=None, parser_context=None):
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise ParseError(_("The JSON is nested too deeply.")) from None


@api_view(["GET"])
def session_owner_and_token(request: HttpRequest) -> Response:
    """Whose session this is, and a token that fits it: for diagnoses that waited in the browser."""
    return Response({"owner": owner_of(request.user), "token": get_token(request)})


@api_view(["GET"])
@reader_view
def current_case(request: HttpRequest, reader: Reader) -> Response:
    """The current case, or null with the reader's progress. 409 while a step before it is left."""
    assignment = sequence.current_assignment(reader)
    if assignment:
        onboarding.require_prepared(reader, request.session)
    return Response(
        {
            "case": assignment and _case(assignment),
            "progress": [
                {"stage": p.stage, "read": p.read, "total": p.total}
                for p in sequence.progress(reader)
            ],
        }
    )


@api_view(["POST"])
@parser_classes([BoundedJSONParser])
@reader_view
def store_reading(request: HttpRequest, reader: Reader) -> Response:
    """Store a reading: 201, or 200 when this very submit was stored before.

    With ``?next=page`` the answer brings what the next case's page has of its own; null where no
    case can be shown at once.
    """
    sent = _understood(request.data)
    wants_next = request.GET.get("next") == "page"
    submission = submit_reading(
        reader=reader,
        code=sent.pop("code"),
        key=sent.pop("key"),
        trace_data=trace.parse_trace(sent.pop("trace")),
        answer=Answer(**sent),
        request=request,
        # Of a reader of whom more must be asked, no diagnosis waits for the answer.
        shows_next=wants_next and onboarding.is_known_prepared(reader, request.session),
    )
    reading = submission.reading
    stored = {
        "key": reading.idempotency_key,
        "malignancy": reading.malignancy,
        "etiology": reading.etiology,
        "submitted_at": reading.submitted_at,
    }
    if wants_next:
        stored["next"] = next_page(request._request, reader, submission.following)
    return Response(stored, status=200 if submission.replayed else 201)


def _understood(data: object) -> dict:
    """A submitted reading, validated. Raises Invalid."""
    try:
        return _OWN.by_language[get_language()].run_validation(data)
    except serializers.ValidationError as error:
        by_field = serializers.as_serializer_error(error)  # one of no field, for what is no object
        wrong = dict.fromkeys(str(text) for texts in by_field.values() for text in texts)
        raise Invalid(" ".join(wrong)) from None


@api_view(["GET"])
@reader_view
def upcoming_images(request: HttpRequest, reader: Reader) -> Response:
    """The images of the case that comes next, to be fetched ahead of time; null where none is.

    Images alone: no diagnosis can be given, and no AI output asked for, before its turn.
    """
    assignment = sequence.upcoming_assignment(reader)
    if assignment is None:
        return Response({"images": None})
    onboarding.require_prepared(reader, request.session)
    return Response({"images": image_panes.images(slug=reader.study.slug, code=assignment.code)})


def _case(assignment: Assignment) -> dict:
    aid = blinding.aid(assignment) if assignment.stage == Stage.AIDED else None
    record_presentation(assignment)
    case = blinding.blinded_case(assignment)
    place = {"slug": assignment.reader.study.slug, "code": case.code}
    return {
        "code": case.code,
        "stage": case.stage,
        "baseline": dict(case.baseline),
        "images": image_panes.images(**place),
        "aid": aid and _aid(aid, place),
    }


def _aid(aid: blinding.ModelAid, place: dict) -> dict:
    return {
        "model": aid.model,
        "model_is_trained": aid.model_is_trained,
        "stage_1": {"malignancy": aid.stage_1.malignancy, "etiology": aid.stage_1.etiology},
        "suggestion": {
            "malignancy": aid.suggestion.malignancy,
            "etiology": aid.suggestion.etiology,
        },
        "level_1": aid.level_1,
        "level_2": aid.level_2,
        "heatmaps": [
            {
                "level": level,
                "modality": m,
                "url": image_panes.heatmap(**place, level=level, modality=m),
            }
            for level in image_panes.LEVELS
            for m in Modality
            if aid.has_heatmaps
        ],
    }


app_name = "api"
# DRF wraps a view anew, so who may see it is said once more on the outside.
urlpatterns = [
    path("session/", audience(Audience.SIGNED_IN)(session_owner_and_token), name="session"),
    path("<slug:slug>/case/", audience(Audience.READER)(current_case), name="case"),
    path("<slug:slug>/upcoming/", audience(Audience.READER)(upcoming_images), name="upcoming"),
    path("<slug:slug>/readings/", audience(Audience.READER)(store_reading), name="readings"),
]
