"""Results stay sealed until the unblinding, and open with it."""

import pytest

from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.reading import lifecycle
from tests import factories
from tests.rules.life import bring
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db
RUN = "/results/study/runs/1/"
FILES = (
    "metrics.csv", "tests.csv", "results.json", "results.xlsx", "report.pdf", "figures/flow.svg",
    "tables/table1.tex", "data/cases.csv", "data/readings.csv",
)  # fmt: skip
DOWNLOADS = [f"{RUN}{name}" for name in FILES]


@shared
def draft():
    return factories.make_draft(cases=3)


@shared(params=("draft", "open", "paused", "locked"))
def sealed(state):
    """A study with all its readings, where it has been open."""
    study = factories.make_draft(cases=3)
    if state != "draft":
        factories.read_all(bring(study, "open"))
    factories.make_investigator(study)
    return bring(study, state)


@pytest.mark.parametrize("url", [RUN, *DOWNLOADS])
def test_results_are_sealed_before_the_unblinding(url, sealed):
    ivan = sign_in("ivan")
    response = ivan.get(url)
    assert response.status_code == 403
    assert "sealed" in response.content.decode()
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == ("results.sealed", "ivan", "refused")
    page = ivan.get("/results/study/").content.decode()
    assert "Results are sealed" in page
    assert "%" not in page


def test_progress_before_the_unblinding_tells_nothing_of_the_answers():
    """The page is the same whatever the readers said and whatever is true."""
    pages = []
    for slug, answer in (("aaaa", Etiology.LYMPHOMA), ("bbbb", Etiology.REACTIVE)):
        study = factories.make_open(slug, cases=3)
        factories.read_all(study, etiology=answer)
        user = factories.make_investigator(study)
        page = sign_in(user.username).get(f"/results/{slug}/").content.decode()
        pages.append(_tokenless(page).replace(slug, "SLUG"))
    assert pages[0] == pages[1]


def _tokenless(page: str) -> str:
    return "\n".join(line for line in page.splitlines() if "csrfmiddlewaretoken" not in line)


def test_results_open_with_the_unblinding(draft, monkeypatch):
    monkeypatch.setattr("analysis.make_run_files.report_pdf", lambda *_: b"%PDF")
    lifecycle.open_study(draft, by="test")
    factories.read_all(draft)
    factories.finish(draft)
    factories.make_investigator(draft)
    ivan = sign_in("ivan")
    page = ivan.get("/results/study/").content.decode()
    assert "No analysis has been run yet" in page
    assert ivan.get(RUN).status_code == 404
    factories.draw(factories.analyse(draft), *FILES)
    for url in ["/results/study/", RUN, *DOWNLOADS]:
        assert ivan.get(url).status_code == 200
    assert AuditEvent.objects.filter(action="results.view", actor="ivan").count() == 1
    assert AuditEvent.objects.filter(action="results.download", actor="ivan").count() == len(
        DOWNLOADS
    )


@pytest.mark.parametrize("read_cases", [0, 1, 4])
def test_a_study_that_was_locked_early_still_has_its_page(read_cases, draft):
    lifecycle.open_study(draft, by="test")
    for _ in range(read_cases):
        factories.read_next(draft.reader_set.first())
    factories.finish(draft)
    factories.make_investigator(draft)
    run = factories.analyse(draft)
    assert run.state == "done"
    factories.draw(run, *FILES)
    for url in ["/results/study/", RUN, *DOWNLOADS]:
        assert sign_in("ivan").get(url).status_code == 200
