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
from analysis.results_document import records, section
from analysis.study_arrays import ScreeningFacts
from tests.analysis.documents import QUICK, make_document, whole
from tests.analysis.invented import READERS, make_study
from tests.analysis.odd import odd

NAMES = {
    "flow", "roc-1", "roc-2", "roc-3", "etiologies", "groups", "mrmc", "confusion-1",
    "confusion-2", "confusion-3", "confusion-readers-1", "confusion-readers-2",
    "confusion-readers-3", "switches", "agreement", "times",
}  # fmt: skip
ONE_OF_EACH = sorted(name for name in NAMES if not name.endswith(("-2", "-3")))
STARTS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF"}


def test_every_figure_of_a_whole_study_can_be_drawn():
    offers = list(figures.offered(whole()))
    assert {offer.name for offer in offers} == NAMES
    for offer in offers:
        assert (offer.reason, bool(offer.alt)) == ("", True)


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_a_figure_is_the_same_bytes_each_time_as_large_as_offered(name):
    [offer] = [offer for offer in figures.offered(whole()) if offer.name == name]
    again = figures.draw(name, whole())
    files = {format: figures.render(again, format) for format in figures.FORMATS}
    assert files["svg"] == figures.render(drawn(name), "svg")
    for format, content in files.items():
        assert content.startswith(STARTS[format])
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
    "name",
    ["one group", "one cohort", "half read", "all right", "one patient", "nobody", "odd names",
     "unread", "no model"],
)  # fmt: skip
def test_an_odd_study_has_figures_or_reasons(name):
    document = odd(name)
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


@cache
def drawn(name: str):
    """A figure of the whole study, for tests that change nothing in it."""
    return figures.draw(name, whole())


def texts(name: str, document: dict) -> str:
    """Everything that is written on a figure."""
    figure = drawn(name) if document is whole() else figures.draw(name, document)
    found = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return " | ".join(text.get_text().replace("\n", " ") for text in found)


@cache
def made_up() -> dict:
    """Of phantoms, by a model without training, not as planned."""
    data = make_study()
    data = replace(data, model=replace(data.model, is_trained=False))
    return make_document(data, registered=None, notice="Phantoms: nobody is shown.")


@pytest.mark.parametrize("name", ONE_OF_EACH)
def test_every_figure_says_what_it_is(name):
    shown = texts(name, made_up())
    for said in ("Phantoms: nobody is shown", "Model without training", "Exploratory"):
        assert said in shown
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
    figure = drawn("roc-3")
    enlarged = figure.axes[1]
    shown = {
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
    assert shown == expected
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
