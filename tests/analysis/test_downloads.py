"""A run's files by URL: figures, tables, report, workbook and data."""

import json
import re
from dataclasses import replace
from html import unescape

import pytest

from analysis import figures, load_study_data
from analysis.exports.data_files import DATA_FILES
from analysis.models import AnalysisRun, RunFile
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Study
from tests import factories
from tests.factories import QUICK
from tests.rules.walk import sign_in
from tests.worlds import shared

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


def make_finished() -> Study:
    """An unblinded study, and ivan who investigates it."""
    study = factories.make_open(cases=8)
    factories.read_all(study)
    factories.finish(study)
    factories.make_investigator(study)
    return study


study = shared(make_finished)


@shared
def run():
    return factories.analyse(make_finished())


@pytest.fixture
def ivan(db):
    return sign_in("ivan")


def links(page: str) -> set[str]:
    """Every file of the run that its page links to or shows."""
    found = re.findall(rf'(?:href|src|data-chart)="({RUN}[^"]+)"', page)
    return {unescape(url) for url in found}


def test_the_page_links_to_each_file_of_the_run_and_to_no_other(run, ivan):
    there = RunFile.objects.exclude(name__startswith="pages/").values_list("name", flat=True)
    assert links(ivan.get(RUN).content.decode()) == {
        f"{RUN}{name}" for name in (*there, "results.json")
    }
    assert {f"data/{name}" for name in (*DATA_FILES, "conduct.csv")} <= set(there)
    assert {"report.pdf", "results.xlsx", "figures/flow.svg", "tables/table2-cells.tex"} <= set(
        there
    )


def test_every_file_says_what_it_is(run, ivan):
    # tests/analysis/test_figures.py draws the other figures, test_report.py the report.
    factories.draw(
        run, "figures/flow", "tables/", "data/", "charts/", "metrics", "tests", "results"
    )
    made = RunFile.objects.filter(state="done").exclude(name__startswith="pages/")
    assert made.count() > 55
    for name in (*made.values_list("name", flat=True), "results.json"):
        answer = ivan.get(f"{RUN}{name}")
        assert answer.status_code == 200, name
        assert answer["Content-Type"] == KINDS[name.rpartition(".")[2]]
        file = name.rpartition("/")[2]
        assert answer["Content-Disposition"] == f'attachment; filename="study-run-1-{file}"'
        assert len(answer.getvalue()) > 50


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
    run = factories.analyse(study, replace(QUICK, sections=("flow",)))
    page = ivan.get(RUN).content.decode()
    assert "This figure can&#x27;t be drawn" in page or "This figure can't be drawn" in page
    assert "does not ask for the section" in page
    assert ivan.get(f"{RUN}figures/mrmc.svg").status_code == 404
    factories.draw(run, "report.pdf")
    assert ivan.get(f"{RUN}report.pdf").getvalue().startswith(b"%PDF")


@pytest.mark.parametrize("format", figures.FORMATS)
def test_a_figure_is_the_documents(format, run, ivan):
    factories.draw(run, f"figures/roc-1.{format}")
    answer = ivan.get(f"{RUN}figures/roc-1.{format}")
    drawn = figures.draw("roc-1", json.loads(run.results))
    assert answer.getvalue() == figures.render(drawn, format)


NOT_THERE = (
    "figures/nope.svg", "figures/roc-99.svg", "figures/flow.gif", "figures/flow", "figures/",
    "figures/..%2Fflow.svg", "figures/flow.svg.png", "tables/nope.csv", "tables/table1.pdf",
    "tables/table1-metrics.xlsx", "tables/..%2Ftable1.csv", "data/nope.csv", "data/",
    "data/..%2Freadings.csv", "data/readings", "report", "report.svg", "results.csv",
    "pages/1.html", "beside.html",
)  # fmt: skip
THERE = ("report.pdf", "results.xlsx", "figures/flow.svg", "tables/table1.tex", "data/readings.csv")


def test_what_is_not_there_is_not_found(run, ivan):
    assert {url: ivan.get(f"{RUN}{url}").status_code for url in NOT_THERE} == dict.fromkeys(
        NOT_THERE, 404
    )


def test_files_are_for_the_studys_investigators_and_for_runs_that_are_done(run, ivan, monkeypatch):
    monkeypatch.setattr("analysis.make_run_files.report_pdf", lambda *_: b"%PDF")
    factories.draw(run, *THERE)
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


@pytest.mark.parametrize("url", ["results.xlsx", "figures/flow.svg", "tables/table1.tex",
                                 "data/readings.csv"])  # fmt: skip
def test_a_download_is_audited(url, run, ivan):
    factories.draw(run, url)
    ivan.get(f"{RUN}{url}")
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == ("results.download", "ivan", "done")
    assert event.target == f"Run 1 of study, {url.rpartition('/')[2]}"


def test_data_that_changed_since_are_refused_in_words(run, ivan, monkeypatch):
    now = load_study_data.load(run.study)
    changed = now.decisions.copy()
    changed[0, 0, 0] = (changed[0, 0, 0] + 1) % 4
    monkeypatch.setattr(load_study_data, "load", lambda _study: replace(now, decisions=changed))
    factories.draw(run, "data/", "tables/table1.tex")
    for name in DATA_FILES:
        answer = ivan.get(f"{RUN}data/{name}")
        assert answer.status_code == 409
        assert "have changed since run 1 read them" in answer.content.decode()
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
    factories.make_investigator(study)
    ivan = sign_in("ivan")
    names = ("data/cases.csv", "figures/flow.svg", "tables/flow.tex")
    factories.draw(factories.analyse(study), *names)
    for url in names:
        answer = ivan.get(f"/results/made-up/runs/1/{url}")
        name = url.rpartition("/")[2]
        assert f'"made-up-synthetic-run-1-{name}"' in answer["Content-Disposition"]
    assert "Synthetic: Phantoms: nobody is shown." in answer.getvalue().decode()


def test_looking_at_the_page_computes_and_draws_nothing(run, ivan, monkeypatch):
    for heavy in ("analysis.figures.draw", "analysis.load_study_data.load",
                  "analysis.report.report_pdf", "analysis.run_page_context.page_of"):  # fmt: skip
        monkeypatch.setattr(heavy, lambda *_args, **_kwargs: 1 / 0)
    assert ivan.get(RUN).status_code == 200
    assert AnalysisRun.objects.get().state == "done"
