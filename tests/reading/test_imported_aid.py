"""Stage 2 and the results with predictions that were made elsewhere, with heatmaps and without."""

import re

import pytest

from inference.predictions_import import import_predictions
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reading, Stage
from tests import factories
from tests.imaging.example_files import write_folder
from tests.inference.prediction_files import files_for, rows_for
from tests.rules.walk import CODE, read, sign_in

pytestmark = pytest.mark.django_db
SHOWN = "Their net 7"
NO_HEATMAP = "There are no heatmaps"


@pytest.fixture(params=["two_session", "sequential"])
def study(request, tmp_path):
    """An open study of two cases, of which one has heatmaps; p_malignant is 0.125 and 0.225."""
    study = factories.make_draft(cases=2, readers=("anna",), design=request.param)
    rows = rows_for(study)
    rows[0] |= dict.fromkeys([column for column in rows[0] if column.startswith("level")], "")
    source = write_folder(tmp_path / "bundle", files_for(rows))
    import_predictions(study=study, source=source, name="Their net", version="7", threshold=0.2)
    lifecycle.open_study(study, by="test")
    return study


def aided_pages(anna):
    """Read all; each case's code, page, what the API says, and its heatmaps' status."""
    while 'id="diagnosis"' in (page := anna.get("/read/study/").content.decode()):
        if "Stage 2" in page:
            [code] = set(re.findall(CODE, page))
            case = anna.get("/api/v1/study/case/").json()["case"]
            urls = [
                f"/read/study/{code}/heatmap/{level}/{m}.png"
                for level in (1, 2)
                for m in ("bus", "cdfi")
            ]
            yield page, case["aid"], {anna.get(url).status_code for url in urls}
        read(anna, answer=Etiology.LYMPHOMA)


def test_both_cases_are_read_and_the_one_without_heatmaps_says_so(study):
    seen = {bool(aid["heatmaps"]): (page, aid, statuses)
            for page, aid, statuses in aided_pages(sign_in("anna"))}  # fmt: skip
    page, aid, statuses = seen[True]
    assert statuses == {200}
    assert len(aid["heatmaps"]) == 4
    assert page.count('<canvas class="overlay"') == 2
    assert NO_HEATMAP not in page
    assert aid["level_1"]["malignant"] == 0.225
    assert aid["suggestion"]["malignancy"] == "malignant"

    page, aid, statuses = seen[False]
    assert statuses == {404}
    assert aid["heatmaps"] == []
    assert NO_HEATMAP in page
    for word in ("<canvas", 'name="overlay"', "/heatmap/", "Opacity"):
        assert word not in page
    assert aid["suggestion"]["malignancy"] == "benign"
    assert Reading.objects.filter(assignment__stage=Stage.AIDED).count() == 2
    assert not AuditEvent.objects.filter(outcome="refused").exists()


def test_the_reader_is_told_which_model_it_is_and_that_it_ran_elsewhere(study):
    for page, aid, _ in aided_pages(sign_in("anna")):
        assert f"<h2>{SHOWN}" in page
        assert "This model was run elsewhere, and its results were imported" in page
        assert "CLA-HDM" not in page
        assert (aid["model"], aid["model_is_trained"]) == (SHOWN, True)


def test_a_model_that_ran_here_is_named_as_before():
    factories.make_open(cases=1, readers=("anna",))
    [(page, aid, statuses)] = aided_pages(sign_in("anna"))
    assert "<h2>CLA-HDM" in page
    assert "imported" not in page
    assert aid["model"] == "CLA-HDM"
    assert statuses == {200}


def test_the_results_say_whose_predictions_they_judge(study):
    factories.read_all(study)
    factories.finish(study)
    factories.make_investigator(study)
    run = factories.analyse(study)
    assert run.state == "done", run.reason
    page = sign_in("ivan").get(f"/results/study/runs/{run.number}/").content.decode()
    assert (
        f"CLA-HDM in these tables is {SHOWN} (predictions imported), which was run elsewhere."
        in page
    )
