"""A run's files by URL: figures, tables, report, workbook and data."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest

from analysis import dataset, figures, rendered
from analysis.exports.files import DATA_FILES
from analysis.models import AnalysisRun
from readerstudy.audit.models import AuditEvent
from readerstudy.cohorts.models import Study
from readerstudy.reading import lifecycle
from tests import factories
from tests.factories import QUICK
from tests.rules.walk import sign_in

pytestmark = pytest.mark.django_db
RUN = "/results/study/runs/1/"
KINDS = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "pdf": "application/pdf",
    "csv": "text/csv; charset=utf-8",
    "tex": "application/x-tex; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "imrmc": "text/plain; charset=utf-8",
    "json": "application/json",
}


@pytest.fixture
def study():
    study = factories.make_open(cases=8)
    factories.read_all(study)
    factories.finish(study)
    factories.make_investigator(study)
    return study


@pytest.fixture
def run(study):
    return factories.analyse(study)


@pytest.fixture
def ivan(study):
    return sign_in("ivan")


def links(page: str) -> set[str]:
    """Every file of the run that its page links to or shows."""
    found = re.findall(rf'(?:href|src)="({RUN}[^"]+)"', page)
    return {unescape(url) for url in found}


def test_every_link_of_the_page_gives_a_file_that_says_what_it_is(run, ivan):
    urls = links(ivan.get(RUN).content.decode())
    assert {f"{RUN}data/{name}" for name in (*DATA_FILES, "conduct.csv")} <= urls
    assert {f"{RUN}report.pdf", f"{RUN}results.xlsx", f"{RUN}figures/flow.svg",
            f"{RUN}tables/table2-cells.tex"} <= urls  # fmt: skip
    assert len(urls) > 70
    for url in urls:
        if "/figures/" in url and not url.endswith("/flow.svg") and not url.endswith("/flow.png"):
            continue  # tests/analysis/test_figures.py draws them all
        answer = ivan.get(url)
        assert answer.status_code == 200, url
        assert answer["Content-Type"] == KINDS[url.rpartition(".")[2]]
        name = url.rpartition("/")[2]
        assert answer["Content-Disposition"] == f'attachment; filename="study-run-1-{name}"'
        assert len(answer.content) > 50


def test_the_page_shows_each_figure_or_why_there_is_none(run, ivan):
    page = ivan.get(RUN).content.decode()
    document = json.loads(run.results)
    for offer in figures.offered(document):
        assert f'id="figure-{offer.name}"' in page
        if offer.reason:
            assert offer.reason in unescape(page)
        else:
            assert (
                f'src="{RUN}figures/{offer.name}.svg" width="{offer.width}" '
                f'height="{offer.height}" alt="{offer.alt}"' in unescape(page)
            )
    assert "style=" not in page


def test_a_plan_without_a_section_says_why_there_is_no_figure(study, ivan):
    factories.analyse(study, replace(QUICK, sections=("flow",)))
    page = ivan.get(RUN).content.decode()
    assert "It can&#x27;t be drawn" in page or "It can't be drawn" in page
    assert "does not ask for the section" in page
    assert ivan.get(f"{RUN}figures/mrmc.svg").status_code == 404
    assert ivan.get(f"{RUN}report.pdf").status_code == 200


@pytest.mark.parametrize("format", figures.FORMATS)
def test_a_figure_is_the_documents(format, run, ivan):
    answer = ivan.get(f"{RUN}figures/roc-1.{format}")
    drawn = figures.draw("roc-1", json.loads(run.results))
    assert answer.content == figures.render(drawn, format)


def test_what_was_drawn_once_is_not_drawn_again(run, ivan, monkeypatch):
    first = ivan.get(f"{RUN}figures/flow.svg").content
    monkeypatch.setattr("analysis.figures.draw", lambda *_: 1 / 0)
    assert ivan.get(f"{RUN}figures/flow.svg").content == first
    with pytest.raises(ZeroDivisionError):
        ivan.get(f"{RUN}figures/flow.png")


@pytest.mark.parametrize("field", ["results_sha256", "code_version", "number", "planned"])
def test_what_is_kept_is_kept_for_the_very_same_run(field, run):
    assert rendered.kept(run, "x.svg", lambda: b"one") == b"one"
    assert rendered.kept(run, "x.svg", lambda: b"two") == b"one"
    assert rendered.kept(run, "x.png", lambda: b"two") == b"two"
    setattr(run, field, 99)
    assert rendered.kept(run, "x.svg", lambda: b"three") == b"three"


def test_changed_code_draws_anew(run, monkeypatch):
    assert rendered.kept(run, "x.svg", lambda: b"one") == b"one"
    monkeypatch.setattr(rendered, "_drawing_code", lambda: "other code")
    assert rendered.kept(run, "x.svg", lambda: b"two") == b"two"


NOT_THERE = (
    "figures/nope.svg", "figures/roc-99.svg", "figures/flow.gif", "figures/flow", "figures/",
    "figures/..%2Fflow.svg", "figures/flow.svg.png", "tables/nope.csv", "tables/table1.pdf",
    "tables/table1-metrics.xlsx", "tables/..%2Ftable1.csv", "data/nope.csv", "data/",
    "data/..%2Freadings.csv", "data/readings", "report", "report.svg", "results.csv",
)  # fmt: skip
THERE = ("report.pdf", "results.xlsx", "figures/flow.svg", "tables/table1.tex", "data/readings.csv")


def test_what_is_not_there_is_not_found(run, ivan):
    assert {url: ivan.get(f"{RUN}{url}").status_code for url in NOT_THERE} == dict.fromkeys(
        NOT_THERE, 404
    )


def test_files_are_for_the_studys_investigators_and_for_runs_that_are_done(run, ivan):
    factories.make_user("stranger")
    for url in THERE:
        assert ivan.get(f"{RUN}{url}").status_code == 200
        assert ivan.get(f"/results/study/runs/2/{url}").status_code == 404
        for name in ("stranger", "anna"):
            assert sign_in(name).get(f"{RUN}{url}").status_code == 404
            event = AuditEvent.objects.first()
            assert (event.action, event.actor, event.outcome) == (
                "results.access", name, "refused",
            )  # fmt: skip
    assert ivan.post(f"{RUN}{url}").status_code == 405


@pytest.mark.parametrize("url", ["report.pdf", "results.xlsx", "figures/flow.svg",
                                 "tables/table1.tex", "data/readings.csv"])  # fmt: skip
def test_a_download_is_audited(url, run, ivan, monkeypatch):
    monkeypatch.setattr("analysis.downloads.report_pdf", lambda *_: b"%PDF")
    ivan.get(f"{RUN}{url}")
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == ("results.download", "ivan", "done")
    assert event.target == f"Run 1 of study, {url.rpartition('/')[2]}"


def test_data_that_changed_since_are_refused_in_words(run, study, ivan, monkeypatch):
    now = dataset.load(study)
    changed = now.decisions.copy()
    changed[0, 0, 0] = (changed[0, 0, 0] + 1) % 4
    monkeypatch.setattr(dataset, "load", lambda _study: replace(now, decisions=changed))
    for name in DATA_FILES:
        answer = ivan.get(f"{RUN}data/{name}")
        assert answer.status_code == 409
        assert "no longer what run 1 read" in answer.content.decode()
        event = AuditEvent.objects.first()
        assert (event.action, event.outcome) == ("results.download", "refused")
    assert ivan.get(f"{RUN}tables/table1.tex").status_code == 200


def test_the_files_of_a_synthetic_study_say_so():
    study = factories.make_draft("made-up", cases=4)
    Study.objects.update(is_synthetic=True, notice="Phantoms: nobody is shown.")
    study.refresh_from_db()
    lifecycle.open_study(study, by="test")
    factories.read_all(study)
    factories.finish(study)
    factories.analyse(study)
    factories.make_investigator(study)
    ivan = sign_in("ivan")
    for url in ("data/cases.csv", "figures/flow.svg", "tables/flow.tex"):
        answer = ivan.get(f"/results/made-up/runs/1/{url}")
        name = url.rpartition("/")[2]
        assert f'"made-up-synthetic-run-1-{name}"' in answer["Content-Disposition"]
    assert "Synthetic: Phantoms: nobody is shown." in answer.content.decode()


def test_looking_at_the_page_computes_and_draws_nothing(run, ivan, monkeypatch):
    for heavy in ("analysis.figures.draw", "analysis.dataset.load", "analysis.report.report_pdf"):
        monkeypatch.setattr(heavy, lambda *_args, **_kwargs: 1 / 0)
    assert ivan.get(RUN).status_code == 200
    assert AnalysisRun.objects.get().state == "done"
