"""Charts: the numbers of the document and of the figures, for whoever may see these."""

import json

import pytest

from analysis import charts, figures
from analysis.plan import Plan
from analysis.results_document import records, section
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.studies.models import Study
from tests import factories
from tests.analysis.documents import make_document, whole
from tests.analysis.invented import make_study, unread
from tests.analysis.odd import odd
from tests.rules.walk import sign_in
from tests.worlds import shared

RUN = "/results/study/runs/1/"
STAGES = ("without AI", "with AI")


def rows(name: str, table: str, **wanted) -> list[dict]:
    """The whole document's rows that have these values."""
    found = records(section(whole(), name)["tables"][table])
    return [row for row in found if all(row[column] == value for column, value in wanted.items())]


def corners(cohort: str, curve: str) -> list[list]:
    return [
        [row["false_positive_rate"], row["true_positive_rate"], row["threshold"]]
        for row in rows("roc", "curves", cohort=cohort, curve=curve)
    ]


def test_the_curve_and_the_points_are_the_documents():
    found = charts.chart("roc-1", whole())
    [panel] = found["panels"]
    [curve] = panel["curves"]
    assert curve["corners"] == corners("internal", "micro-averaged")
    [auc] = rows("roc", "metrics", cohort="internal", metric="micro-averaged AUC")
    assert curve["area"].startswith(f"AUC {auc['value']:.3f} ({auc['low']:.3f}")
    assert curve["area"].endswith(f"n = {auc['n']}")
    told = {(point["subject"], point["stage"]): point for point in panel["points"]}
    readers = whole()["data"]["readers"]
    assert list(told) == [(r["code"], s) for r in readers for s in STAGES] + [("CLA-HDM", "")]
    groups = {reader["code"]: reader["group"] for reader in readers} | {"CLA-HDM": ""}
    for (subject, stage), point in told.items():
        found = rows("table2", "metrics", cohort="internal", subject=subject, stage=stage)
        of = {row["metric"].removeprefix("micro-averaged "): row for row in found}
        sensitivity, specificity = of["sensitivity"], of["specificity"]
        assert point["at"] == [1 - specificity["value"], sensitivity["value"]]
        assert point["group"] == groups[subject]
        assert point["n"] == sensitivity["n"] == 12
        assert f"sensitivity {100 * sensitivity['value']:.1f}%" in point["said"]
        assert "n = 12 patients" in point["said"]


def test_each_reader_says_how_many_were_read_without_and_with_ai():
    document = make_document(unread(make_study(), where=(slice(0, 1), 1, slice(0, 3))))
    [panel] = charts.chart("roc-1", document)["panels"]
    assert [point["n"] for point in panel["points"][:4]] == [12, 9, 12, 12]


def test_the_enlarged_part_holds_every_point():
    [panel] = charts.chart("roc-3", whole())["panels"]
    for axis, (low, high) in enumerate((panel["enlarged"]["across"], panel["enlarged"]["up"])):
        assert all(low < point["at"][axis] < high for point in panel["points"])


def test_the_curves_by_etiology_are_the_documents():
    found = charts.chart("etiologies", whole())
    cohorts = ("internal", "external", "All cohorts")
    for panel, cohort in zip(found["panels"], cohorts, strict=True):
        assert panel["title"].startswith(f"{cohort}, n = ")
        assert [curve["key"] for curve in panel["curves"]] == [each.value for each in Etiology]
        for curve in panel["curves"]:
            assert curve["name"] == Etiology(curve["key"]).label
            assert curve["corners"] == corners(cohort, curve["key"])


@pytest.mark.parametrize("name", ["roc-1", "etiologies"])
def test_a_chart_says_what_the_figure_says_at_its_foot(name):
    assert charts.chart(name, whole())["notes"] == []
    document = make_document(make_study(), registered=None, notice="Phantoms: nobody is shown.")
    assert charts.chart(name, document)["notes"] == ["Phantoms: nobody is shown · Exploratory"]


@pytest.mark.parametrize("name", ["", "roc", "roc-9", "flow", "confusion-1", "nope", "../roc-1"])
def test_a_name_that_is_no_charts_is_refused(name):
    with pytest.raises(KeyError):
        charts.chart(name, whole())


@pytest.mark.parametrize(
    "name",
    ["one patient", "nobody", "odd names", "unread", "no model", "unread, no model",
     "one etiology"],
)  # fmt: skip
def test_an_odd_study_has_a_chart_wherever_it_has_the_figure(name):
    document = odd(name)
    offers = [offer for offer in figures.offered(document) if offer.kind in charts.CHARTS]
    assert {offer.kind for offer in offers} == set(charts.CHARTS)
    for offer in offers:
        if offer.reason:
            with pytest.raises((figures.NotAvailable, KeyError)):
                charts.chart(offer.name, document)
        else:
            found = charts.chart(offer.name, document)
            assert found["title"] == offer.title
            assert all(panel["curves"] for panel in found["panels"])
            json.dumps(found, allow_nan=False)


# By URL.


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


@pytest.mark.django_db
def test_the_url_gives_the_chart_and_is_audited(run):
    ivan = sign_in("ivan")
    factories.draw(run, "charts/")
    for name in ("roc-1", "etiologies"):
        answer = ivan.get(f"{RUN}charts/{name}.json")
        assert answer["Content-Type"] == "application/json"
        assert "no-store" in answer["Cache-Control"]
        assert json.loads(answer.getvalue()) == charts.chart(name, json.loads(run.results))
        event = AuditEvent.objects.first()
        assert (event.action, event.outcome) == ("results.download", "done")
        assert event.target == f"Run 1 of study, {name}.json"
    assert ivan.post(f"{RUN}charts/roc-1.json").status_code == 405
    for missing in ("charts/flow.json", "charts/roc-9.json", "charts/nope.json", "charts/roc-1",
                    "charts/roc-1.svg", "charts/..%2Froc-1.json"):  # fmt: skip
        assert ivan.get(f"{RUN}{missing}").status_code == 404
    assert ivan.get("/results/study/runs/2/charts/roc-1.json").status_code == 404


@pytest.mark.django_db
def test_a_run_without_the_section_has_no_chart(study):
    factories.analyse(study, Plan(sections=("flow",)))
    ivan = sign_in("ivan")
    assert ivan.get(f"{RUN}charts/roc-1.json").status_code == 404
    assert "data-chart" not in ivan.get(RUN).content.decode()


@pytest.mark.django_db
def test_the_page_offers_a_chart_beside_its_picture_and_asks_for_none(run):
    document = json.loads(run.results)
    page = sign_in("ivan").get(RUN).content.decode()
    drawn = [offer for offer in figures.offered(document) if not offer.reason]
    some = [offer for offer in drawn if offer.kind in charts.CHARTS]
    assert 0 < len(some) < len(drawn)
    assert page.count("data-chart=") == page.count("data-explore hidden") == len(some)
    assert f'data-chart="{RUN}charts/roc-1.json"' in page
    assert f'src="{RUN}figures/roc-1.svg"' in page
    assert "vendor" not in page


@pytest.mark.django_db
@pytest.mark.parametrize("person", ["stranger", "anna"])
def test_a_chart_is_for_the_studys_investigators(person, run):
    factories.make_user("stranger")
    assert sign_in(person).get(f"{RUN}charts/roc-1.json").status_code == 404
    event = AuditEvent.objects.first()
    assert (event.action, event.actor, event.outcome) == ("results.access", person, "refused")


@pytest.mark.django_db
def test_a_chart_is_sealed_until_the_study_is_unblinded():
    factories.make_investigator(factories.make_open(cases=2))
    answer = sign_in("ivan").get(f"{RUN}charts/roc-1.json")
    assert answer.status_code == 403
    assert "Results stay sealed" in answer.content.decode()
    assert AuditEvent.objects.first().action == "results.sealed"
    assert Study.objects.get().state == Study.State.OPEN
