"""The report of a run: everything in one PDF."""

import re
from dataclasses import replace

import pytest

from analysis import figures
from analysis.exports.printed_sections import printed_tables
from analysis.exports.printed_table import PrintedTable, print_row, small_print_row
from analysis.figures import theme
from analysis.report import pages, report_pdf
from analysis.report.pdf_table_layout import table_pages
from tests.analysis.documents import PROVENANCE, QUICK, make_document, whole
from tests.analysis.invented import make_study, unread, without_model


def pages_in(pdf: bytes) -> int:
    return len(re.findall(rb"/Type /Page\b", pdf))


def written(figure) -> list[str]:
    """The texts of a page, with where they are, from the top."""
    found = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [text.get_text() for text in found]


def set_tables(tables: list[PrintedTable]) -> list[list[str]]:
    with theme.applied():
        return [written(sheet) for sheet in table_pages(tables)]


def a_table(rows: int, name: str = "t", notes: tuple[str, ...] = ("A note.",)) -> PrintedTable:
    lines = tuple(print_row(f"{name}{number}", "1") for number in range(rows))
    return PrintedTable(name, f"Table {name}", 1, ((("Stub", 1), ("Number", 1)),), lines, notes)


def test_the_report_is_the_same_bytes_each_time_with_a_page_for_each_figure():
    plan = replace(QUICK, sections=("flow", "table1", "table2", "roc"))
    document = make_document(make_study(), plan=plan)
    first = report_pdf(document, PROVENANCE)
    assert first == report_pdf(document, PROVENANCE)
    drawn = [offer for offer in figures.offered(document) if not offer.reason]
    assert len(drawn) == 5
    sheets = set_tables(list(printed_tables(document, most=120)))
    assert pages_in(first) == 1 + len(sheets) + len(drawn)


def test_the_report_tells_programs_where_it_comes_from():
    pdf = report_pdf(make_document(make_study(), plan=replace(QUICK, sections=("flow",))),
                     PROVENANCE)  # fmt: skip
    for told in (
        b"An invented study: analysis run 3",
        b"c" * 64,
        b"a" * 64,
        b"Planned: registered",
    ):
        assert told in pdf
    assert b"CreationDate" not in pdf


def test_the_first_page_names_everything():
    facts = PROVENANCE.facts(whole())
    page = written(pages.title_page(facts, [("Flow", "planned")]))
    for name, value in facts:
        assert name in page
        assert value.split()[0] in " ".join(page)
    assert {"Sections", "Flow", "planned"} <= set(page)


def test_a_report_of_little_says_what_is_not_there(monkeypatch):
    shown = []
    monkeypatch.setattr(
        "analysis.report.pages.title_page",
        lambda facts, contents, make=pages.title_page: (
            shown.extend(contents) or make(facts, contents)
        ),
    )
    document = make_document(make_study(), plan=replace(QUICK, sections=("flow",)))
    pdf = report_pdf(document, PROVENANCE)
    assert ("Patients and readings", "planned") in shown
    missing = [name for name, _ in shown if name.startswith("No figure: ")]
    assert len(missing) == 9
    assert pages_in(pdf) == 3  # the first, a table's, a figure's


@pytest.mark.parametrize(
    "make", [lambda: unread(make_study()), lambda: without_model(make_study())]
)
def test_a_study_that_was_hardly_read_has_a_report(make):
    plan = replace(QUICK, sections=("flow", "table1", "table2", "table3", "mrmc"))
    document = make_document(make(), plan=plan, notice="Phantoms. " * 20)
    assert pages_in(report_pdf(document, PROVENANCE)) >= 3


# Setting tables.


def test_short_tables_share_a_page_and_none_is_torn_that_fits_one():
    sheets = set_tables([a_table(10, "a"), a_table(10, "b"), a_table(40, "c")])
    assert len(sheets) == 2
    assert {"Table a", "Table b"} <= set(sheets[0])
    assert "Table c" in sheets[1]


def test_a_long_table_goes_on_with_its_head_and_loses_no_row():
    sheets = set_tables([a_table(150)])
    assert len(sheets) == 3
    assert all("Number" in sheet for sheet in sheets)
    assert all("Table t (continued)" in sheet for sheet in sheets[1:])
    found = [text for sheet in sheets for text in sheet if re.fullmatch(r"t\d+", text)]
    assert found == [f"t{number}" for number in range(150)]
    assert ["A note." in sheet for sheet in sheets] == [False, False, True]


@pytest.mark.parametrize("rows", range(50, 62))
def test_notes_and_small_rows_stay_with_what_they_belong_to(rows):
    lines = tuple(
        line
        for n in range(rows // 2)
        for line in (print_row(f"t{n}", "1"), small_print_row("", "s"))
    )
    table = replace(a_table(0, notes=("A note.",) * 6), lines=lines)
    with theme.applied():
        for sheet in table_pages([table]):
            places = [text.get_position()[1] for axes in sheet.axes for text in axes.texts]
            assert max(places) < pages.TALL - pages.FOOT
            assert any(re.fullmatch(r"t\d+", text) for text in written(sheet))
            numbers = [t for t in written(sheet) if re.fullmatch(r"t\d+", t)]
            assert len(numbers) == written(sheet).count("s")


def test_a_table_that_is_too_wide_is_set_smaller():
    wide = replace(
        a_table(0), head=(tuple((f"Column {n}", 1) for n in range(30)),),
        lines=(print_row(*["123.4 (56.7-89.0)"] * 30),),
    )  # fmt: skip
    with theme.applied():
        [sheet] = table_pages([wide])
        rights = [text.get_position()[0] for axes in sheet.axes for text in axes.texts]
    assert max(rights) < pages.WIDE - pages.MARGIN
