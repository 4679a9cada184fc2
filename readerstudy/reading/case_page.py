"""The page of a case, for its reader."""

import logging
from uuid import uuid4

from django.http import HttpRequest
from django.template.loader import render_to_string

from readerstudy.diagnosis import Malignancy
from readerstudy.reading import blinding, onboarding, sequence
from readerstudy.reading.errors import ReadingRefused
from readerstudy.reading.forms import DiagnosisForm
from readerstudy.reading.image_panes import panes
from readerstudy.reading.models import Assignment, QualityProblem, Reader, Stage
from readerstudy.reading.submission import record_presentation
from readerstudy.reading.submitted_answer import RATING

logger = logging.getLogger("readerstudy.reading.page")


def present_case(
    request: HttpRequest,
    assignment: Assignment,
    *,
    form: DiagnosisForm | None = None,
    layout: str = "base.html",
) -> str:
    """The current case, as HTML; with the form that was refused. It is noted as shown now."""
    aided = assignment.stage == Stage.AIDED
    aid = blinding.aid(assignment) if aided else None
    record_presentation(assignment)
    study = assignment.reader.study
    context = {
        "study": study,
        "case": blinding.blinded_case(assignment),
        "aid": aid,
        "progress": sequence.progress_at(assignment),
        "protocol": study.protocol,
        "branches": [(each, each.value[0], each.etiologies) for each in Malignancy],
        "points": [str(point) for point in RATING],  # as a form has them
        "quality_problems": QualityProblem.choices,
        "panes": panes(
            slug=study.slug,
            code=assignment.code,
            spacing=blinding.spacing(assignment),
            has_heatmaps=aid is not None and aid.has_heatmaps,
        ),
        "key": (form and form.cleaned_data.get("key")) or uuid4(),
        "form": form,
        "layout": layout,
    }
    return render_to_string("reading/case.html", context, request)


def next_page(request: HttpRequest, reader: Reader, following: Assignment | None) -> str | None:
    """What the page of the current case has of its own, to go with the answer to a submit.

    ``following`` is that case, where the submit itself noted it as shown. None where there is none
    to show at once. The diagnosis before it is stored, and whatever is wrong with the next case
    must not keep that from being said: its reader finds it out next.
    """
    try:
        assignment = following or sequence.current_assignment(reader)
        if assignment is None or onboarding.next_step_cached(reader, request.session):
            return None
        return present_case(request, assignment, layout="reading/next.html")
    except ReadingRefused:
        return None
    except Exception:
        logger.exception("no page of the next case for %s", reader)
        return None
