"""Figures: from any document either a picture or a reason, the same bytes each time."""

import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from analysis import figures
from analysis.document import records, section
from analysis.study_data import ScreeningFacts, StudyData
from tests.analysis.documents import QUICK, make_document, whole
from tests.analysis.invented import (
    READERS,
    make_study,
    of_patients,
    unread,
    without_model,
)

NAMES = {
    "flow", "roc-1", "roc-2", "roc-3", "etiologies", "groups", "mrmc", "confusion-1",
    "confusion-2", "confusion-3", "confusion-readers-1", "confusion-readers-2",
    "confusion-readers-3", "switches", "agreement", "times",
}  # fmt: skip
ONE_OF_EACH = sorted(name for name in NAMES if not name.endswith(("-2", "-3")))
STARTS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


def one_group() -> StudyData:
    return make_study(readers=READERS[:2])


def one_cohort() -> StudyData:
    data = make_study()
    return of_patients(data, data.testing.cohort == "internal")


def half_read() -> StudyData:
    return unread(make_study(), where=(slice(1, None), 1))


def all_right() -> StudyData:
    data = make_study()
    answers = np.broadcast_to(data.testing.truth, data.decisions.shape).copy()
    return replace(data, decisions=answers)


def one_patient() -> StudyData:
    return of_patients(make_study(), np.arange(24) == 0)


def nobody() -> StudyData:
    return of_patients(make_study(), np.zeros(24, dtype=bool))


def odd_names() -> StudyData:
    data = make_study()
    reader = replace(data.readers[0], code="$R_1^{<&" + "W" * 8)
    cohorts = tuple(replace(c, name=f"{c.name} $x_1$ & <b>".ljust(64, "W")) for c in data.cohorts)
    name = dict(zip((c.name for c in data.cohorts), (c.name for c in cohorts), strict=True))
    renamed = {
        kind: replace(found, cohort=np.array([name[c] for c in found.cohort.tolist()]))
        for kind, found in (("testing", data.testing), ("training", data.training))
    }
    return replace(data, cohorts=cohorts, readers=(reader, *data.readers[1:]), **renamed)


def test_every_figure_of_a_whole_study_can_be_drawn():
    offers = list(figures.offered(whole()))
    assert {offer.name for offer in offers} == NAMES
    for offer in offers:
        assert (offer.reason, bool(offer.alt)) == ("", True)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_figure_is_the_same_bytes_each_time_as_large_as_offered(name):
    [offer] = [offer for offer in figures.offered(whole()) if offer.name == name]
    files = {}
    for format in figures.FORMATS:
        files[format] = figures.render(figures.draw(name, whole()), format)
        assert files[format].startswith(STARTS[format])
    assert figures.render(figures.draw(name, whole()), "svg") == files["svg"]
    with Image.open(BytesIO(files["png"])) as picture:
        inches = [side / 300 for side in picture.size]
    assert inches == pytest.approx([offer.width / 96, offer.height / 96], abs=0.02)
    assert inches[0] <= 6.7  # a journal's page is 170 mm wide
    assert inches[1] <= 8.9


def test_other_formats_are_the_same_bytes_each_time_too():
    for format in ("png", "pdf"):
        first, second = (figures.render(figures.draw("roc-1", whole()), format) for _ in "12")
        assert first == second


def test_a_name_that_is_no_figures_is_refused():
    for name in ("", "nope", "roc", "roc-", "roc-0", "roc-9", "flow-1", "theme", "../roc-1"):
        with pytest.raises(KeyError):
            figures.draw(name, whole())


@pytest.mark.filterwarnings("error:constrained_layout", "error:Glyph")
@pytest.mark.parametrize(
    "make",
    [one_group, one_cohort, half_read, all_right, one_patient, nobody, odd_names,
     lambda: unread(make_study()), lambda: without_model(make_study())],
)  # fmt: skip
def test_an_odd_study_has_figures_or_reasons(make):
    document = make_document(make())
    offers = list(figures.offered(document))
    assert {offer.name.split("-")[0] for offer in offers} == {n.split("-")[0] for n in NAMES}
    for offer in offers:
        assert bool(offer.alt) != bool(offer.reason)
        if offer.reason:
            assert offer.reason.endswith(".")
        elif offer.name in ONE_OF_EACH:
            ElementTree.fromstring(figures.render(figures.draw(offer.name, document), "svg"))


def test_a_plan_without_the_section_says_so():
    document = make_document(make_study(), plan=replace(QUICK, sections=("flow",)))
    offers = {offer.name: offer for offer in figures.offered(document)}
    assert offers["flow"].alt
    assert "does not ask for the section" in offers["mrmc"].reason
    with pytest.raises(figures.NotAvailable):
        figures.draw("mrmc", document)


def test_alternative_texts_tell_the_documents_numbers():
    offers = {offer.name: offer for offer in figures.offered(whole())}
    [row] = [
        row
        for row in records(section(whole(), "roc")["tables"]["metrics"])
        if (row["cohort"], row["metric"]) == ("internal", "micro-averaged AUC")
    ]
    assert f"{row['value']:.3f}" in offers["roc-1"].alt
    assert "internal" in offers["roc-1"].alt
    assert "internal 12, external 12" in offers["flow"].alt


@pytest.mark.parametrize("cohort", ["", "internal"])
def test_the_flow_begins_with_screening_where_it_was_recorded(cohort):
    plan = replace(QUICK, sections=("flow",))
    plain = make_document(make_study(), plan=plan)
    excluded = (("No consent", 30), ("Poor $image$", 2))
    facts = ScreeningFacts(cohort=cohort, screened=68, enrolled=36, exclusions=excluded)
    document = make_document(replace(make_study(), screening=(facts,)), plan=plan)
    assert "screened" not in texts("flow", plain)
    shown = texts("flow", document)
    for said in ("Patients screened n = 68", "Excluded, n = 32", "No consent: 30", "$image$: 2"):
        assert said in shown
    assert ("of 68 screened, 32 excluded" in shown) == bool(cohort)
    [offer] = [each for each in figures.offered(document) if each.name == "flow"]
    assert "68 screened, 32 excluded" in offer.alt
    assert (
        figures.draw("flow", document).get_figheight() > figures.draw("flow", plain).get_figheight()
    )


def texts(name: str, document: dict) -> str:
    """Everything that is written on a figure."""
    figure = figures.draw(name, document)
    found = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return " | ".join(text.get_text().replace("\n", " ") for text in found)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_figure_says_what_it_is(name):
    data = make_study()
    data = replace(data, model=replace(data.model, is_trained=False))
    document = make_document(data, registered=None, notice="Phantoms: nobody is shown.")
    for said in ("Phantoms: nobody is shown", "Model without training", "Exploratory"):
        assert said in texts(name, document)
    assert "Exploratory" not in texts(name, whole())


@pytest.mark.parametrize(
    ("name", "said"),
    [("confusion-readers-1", "10 of 32 readers"), ("agreement", "16 of 32 readers"),
     ("switches", "30 of 32 readers"), ("times", "30 of 32 readers")],
)  # fmt: skip
def test_a_figure_that_leaves_readers_out_says_so(name, said):
    assert f"{said}." in texts(name, crowded())
    assert " of 5 readers" not in texts(name, whole())


@cache
def crowded() -> dict:
    """Of more readers than there is room for."""
    readers = tuple(replace(READERS[n % 5], code=f"R{n}") for n in range(1, 33))
    sections = ("confusion", "switches", "agreement", "times")
    return make_document(make_study(readers=readers), plan=replace(QUICK, sections=sections))


def test_the_roc_figure_has_every_reader_without_and_with_ai():
    figure = figures.draw("roc-3", whole())
    enlarged = figure.axes[1]
    drawn = {
        tuple(np.round(point, 9))
        for line in enlarged.lines
        for point in zip(line.get_xdata(), line.get_ydata(), strict=True)
        if line.get_marker() not in ("None", "D")
    }
    expected, arrows = set(), 0
    rows = [r for r in records(section(whole(), "table2")["tables"]["metrics"])
            if r["kind"] == "reader" and r["cohort"] == "All cohorts"]  # fmt: skip
    for code in {row["subject"] for row in rows}:
        both = []
        for stage in ("without AI", "with AI"):
            of = {r["metric"].removeprefix("micro-averaged "): r["value"]
                  for r in rows if (r["subject"], r["stage"]) == (code, stage)}  # fmt: skip
            both.append(tuple(np.round((1 - of["specificity"], of["sensitivity"]), 9)))
        expected |= set(both)
        arrows += both[0] != both[1]
    assert drawn == expected
    assert arrows > 2
    assert sum(text.arrow_patch is not None for text in enlarged.texts) == arrows


WITHOUT_SCIPY = """
import json, sys
from analysis import figures
assert "matplotlib" not in sys.modules
document = json.load(sys.stdin)
for offer in figures.offered(document):
    assert "matplotlib" not in sys.modules
figures.render(figures.draw("roc-1", document), "svg")
assert not {"scipy", "pandas", "torch"} & set(sys.modules)
"""


def test_speaking_of_figures_loads_no_matplotlib_and_drawing_them_no_scipy():
    done = subprocess.run([sys.executable, "-c", WITHOUT_SCIPY], input=json.dumps(whole()),
                          text=True, capture_output=True, timeout=60, check=False)  # fmt: skip
    assert done.returncode == 0, done.stderr
