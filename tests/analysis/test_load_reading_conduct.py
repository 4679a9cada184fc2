"""How each reading went, from what the browser told to the investigators' file."""

import csv
import io
from datetime import timedelta
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from analysis import load_reading_conduct, load_study_data
from analysis.exports.conduct_csv import COLUMNS, conduct_csv
from analysis.unblinding_guard import ResultsSealed
from readerstudy.accounts.models import User
from readerstudy.diagnosis import Etiology
from readerstudy.reading import sequence, trace
from readerstudy.reading.submission import record_presentation, submit_reading
from readerstudy.reading.submitted_answer import Answer
from tests import factories
from tests.worlds import shared

pytestmark = pytest.mark.django_db

EXPOSURE = [
    {"level": 1, "opacity": 50, "colour_map": "inferno", "ms": 3000},
    {"level": 2, "opacity": 80, "colour_map": "viridis", "ms": 1000},
    {"level": 0, "opacity": 0, "colour_map": "inferno", "ms": 500},
]


def told(**changes) -> dict:
    """What a browser tells."""
    values = {"active_ms": 1500, "elapsed_ms": 1800, "submitted_at": timezone.now(),
              "events": [[0, "painted", ""]], "exposure": []}  # fmt: skip
    return values | changes


@shared
def study():
    """One reader, one case, read in both stages with all that can be asked."""
    study = factories.make_open(cases=1, readers=("anna",), confidence="percent", rates_aid=True)
    reader = study.reader_set.select_related("study__protocol", "user").first()
    for stage in (1, 2):
        assignment = sequence.current_assignment(reader)
        record_presentation(assignment)
        rated = {"trust": 4, "usefulness": 2} if stage == 2 else {}
        answer = Answer(
            malignancy="benign", etiology=Etiology.REACTIVE, confidence=70 + stage,
            quality_problem="gain", quality_note="=1+1", **rated,
        )  # fmt: skip
        browser = told(exposure=EXPOSURE) if stage == 2 else told(
            elapsed_ms=10**7, submitted_at=timezone.now() + timedelta(hours=1))  # fmt: skip
        submit_reading(
            reader=reader, code=assignment.code, key=uuid4(), answer=answer, trace_data=browser
        )
    return study


def test_nothing_is_told_before_the_study_is_unblinded(study):
    with pytest.raises(ResultsSealed):
        list(load_reading_conduct.reading_rows(study))


def test_the_file_has_what_was_asked_and_told(study):
    factories.finish(study)
    factories.draw(factories.analyse(study), "data/conduct.csv")
    factories.make_investigator(study)
    client = Client()
    client.force_login(User.objects.get(username="ivan"))
    answer = client.get(f"/results/{study.slug}/runs/1/data/conduct.csv")
    first, second = csv.DictReader(io.StringIO(answer.getvalue().decode()))
    assert (first["stage"], second["stage"]) == ("without AI", "with AI")
    assert (first["confidence"], second["confidence"]) == ("71", "72")
    assert (first["trust"], second["trust"], second["usefulness"]) == ("", "4", "2")
    assert (first["quality_problem"], first["quality_note"]) == ("gain", "'=1+1")
    assert (first["time_in_doubt"], second["time_in_doubt"]) == ("clock span", "")
    assert float(second["active_seconds"]) == 1.5
    shown = [second[f"{name}_seconds"] for name in ("level_1", "level_2", "no_map")]
    assert [float(seconds) for seconds in shown] == [3, 1, 0.5]
    assert float(second["mean_opacity"]) == pytest.approx((3 * 50 + 1 * 80) / 4)
    assert first["level_1_seconds"] == ""


@pytest.mark.parametrize("cells", [len(COLUMNS) - 1, len(COLUMNS) + 1])
def test_a_row_that_does_not_fit_the_columns_is_no_row(cells):
    with pytest.raises(ValueError, match=f"has {cells} cells for {len(COLUMNS)} columns"):
        conduct_csv([[None] * cells])


def test_reading_time_is_the_active_time_where_the_browser_told_it(study):
    factories.finish(study)
    assert load_study_data.load(study).seconds.tolist() == [[[1.5], [1.5]]]


def test_the_investigator_is_told_whose_time_is_in_doubt_and_no_diagnosis(study):
    [found] = trace.disagreements(study)
    assert (found.reader, found.stage, found.place) == ("R1", 1, 1)
    factories.make_investigator(study)
    client = Client()
    client.force_login(User.objects.get(username="ivan"))
    page = client.get(f"/results/{study.slug}/").content.decode()
    assert "Readings whose time, or whose view of the images, is in doubt: 1" in page
    assert "R1, stage 1, place 1: the browser&#x27;s clock differs from the server&#x27;s" in page
    assert "Reactive" not in page
