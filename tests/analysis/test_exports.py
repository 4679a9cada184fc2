"""Tables of a run as files: the document's own numbers, and nothing that a program would obey."""

import csv
import io
import re
from dataclasses import replace

import pytest

from analysis.exports.default_layout import default_table
from analysis.exports.latex import escape, tables_tex
from analysis.exports.printed_sections import printed_tables
from analysis.exports.printed_table import PrintedTable, limits_text, marks_of, p_text, print_row
from analysis.exports.results_csv import csv_text, tables_csv
from analysis.exports.table_files import table_file, table_files
from analysis.exports.workbook import results_xlsx, workbook
from analysis.results_document import records, section
from tests.analysis import sheets
from tests.analysis.documents import PROVENANCE, QUICK, make_document, whole
from tests.analysis.invented import make_study
from tests.analysis.odd import odd


def every_file(document: dict) -> list[str]:
    return [f for s in document["sections"] for f in table_files(document, s["name"])]


def content(file: str, document: dict) -> str | bytes:
    return table_file(*file.rsplit(".", 1), document, PROVENANCE)


def test_every_section_has_its_tables_as_csv_and_xlsx_and_all_but_matrices_as_latex():
    for found in whole()["sections"]:
        files = list(table_files(whole(), found["name"]))
        assert [f"{found['name']}-{name}.csv" for name in sorted(found["tables"])] == [
            file for file in files if file.endswith(".csv")
        ]
        assert f"{found['name']}.xlsx" in files
        assert (f"{found['name']}.tex" in files) == (found["name"] != "confusion")
    assert "table2-cells.tex" in every_file(whole())


@pytest.mark.parametrize("name", ["", "unread", "no model"])
def test_every_file_can_be_made_the_same_each_time(name):
    document = odd(name) if name else whole()
    files = every_file(document)
    assert len(files) == len(set(files)) > 30
    for file in files:
        assert content(file, document) == content(file, document)


@pytest.mark.parametrize(
    "file",
    ["nope.csv", "table2.csv", "table2-metrics.xlsx", "table2-cells.csv", "confusion.tex",
     "table2-metrics.tex", "-.csv", "table1.pdf"],
)  # fmt: skip
def test_a_file_that_is_not_there_is_a_key_error(file):
    with pytest.raises(KeyError):
        content(file, whole())


def test_a_plan_without_the_test_on_cells_has_no_such_table():
    plan = replace(QUICK, mcnemar=replace(QUICK.mcnemar, cells="none"))
    assert "table2-cells.tex" not in every_file(make_document(make_study(), plan=plan))


def test_a_csv_has_the_documents_numbers_at_full_precision():
    table = section(whole(), "roc")["tables"]["metrics"]
    header, *rows = csv.reader(io.StringIO(content("roc-metrics.csv", whole())))
    assert header == table["columns"]
    value = header.index("value")
    assert [float(line[value]) if line[value] else None for line in rows] == [
        line[value] for line in table["rows"]
    ]
    assert any(len(line[value]) > 15 for line in rows)


def test_the_two_great_tables_name_section_and_standing():
    lines = list(csv.DictReader(io.StringIO(tables_csv(whole(), table="tests"))))
    sections = [s for s in whole()["sections"] if "tests" in s["tables"]]
    assert len(lines) == sum(len(s["tables"]["tests"]["rows"]) for s in sections)
    assert {line["section"] for line in lines} == {s["name"] for s in sections}
    assert {line["planned"] for line in lines} == {"True"}
    assert tables_csv({"sections": []}, table="tests") == ""


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "=cmd|' /C'!A0"])
def test_a_spreadsheet_takes_no_text_for_a_formula(text):
    [[cell]] = list(csv.reader(io.StringIO(csv_text([], [[text]]), newline="")))
    assert cell == f"'{text}"
    made = workbook([("one", ["head"], [[text]])])
    assert sheets.formulas(made) == 0
    if text.isprintable():
        assert sheets.read(made)["one"] == [["head"], [text]]


def test_negative_numbers_stay_numbers():
    assert csv_text(["a", "b"], [[-1.5, None]]).splitlines() == ["a,b", "-1.5,"]


@pytest.mark.parametrize("row", [[1], [1, 2, 3]])
def test_a_row_that_does_not_fit_its_header_is_written_nowhere(row):
    with pytest.raises(ValueError, match="under 2 headers"):
        csv_text(["a", "b"], [[1, 2], row])
    with pytest.raises(ValueError, match="under 2 headers"):
        workbook([("sheet", ["a", "b"], [row])])


def test_the_workbook_is_the_document():
    made = results_xlsx(whole(), PROVENANCE)
    assert made == results_xlsx(whole(), PROVENANCE)
    assert sheets.formulas(made) == 0
    found = sheets.read(made)
    about = dict(line for line in found.pop("About")[1:] if line[0] != "Section")
    for name, value in PROVENANCE.facts(whole()):
        assert about[name] == value
    names = {f"{s['name']}-{t}" for s in whole()["sections"] for t in s["tables"]}
    assert set(found) == names
    for each in whole()["sections"]:
        for name, table in each["tables"].items():
            header, *rows = found[f"{each['name']}-{name}"]
            assert header == table["columns"]
            assert len(rows) == len(table["rows"])
            for written, meant in zip(rows, table["rows"], strict=True):
                assert written + [None] * (len(meant) - len(written)) == meant


def test_a_sections_workbook_has_its_tables_alone():
    found = sheets.read(content("table3.xlsx", whole()))
    assert set(found) == {"About", "table3-metrics", "table3-tests"}


# LaTeX.


def unescaped_braces(text: str) -> int:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text.replace(r"\\", "")):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    return depth


@pytest.mark.parametrize("file", [f for f in every_file(whole()) if f.endswith(".tex")])
def test_latex_is_balanced_and_every_row_is_as_wide_as_its_table(file):
    text = content(file, whole())
    begun = re.findall(r"\\begin\{(\w+)\}", text)
    assert begun == re.findall(r"\\end\{(\w+)\}", text)
    assert set(begun) == {"longtable"}
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert unescaped_braces(body) == 0
    for spec, table in re.findall(
        r"\\begin\{longtable\}\{(\w+)\}(.*?)\\end\{longtable\}", body, re.DOTALL
    ):
        lines = [line for line in table.splitlines() if re.search(r"(?<!\\)&", line)]
        assert lines
        for line in lines:
            spans = [int(n) - 1 for n in re.findall(r"\\multicolumn\{(\d+)\}", line)]
            assert len(re.findall(r"(?<!\\)&", line)) + 1 + sum(spans) == len(spec)


def test_latex_says_where_it_comes_from():
    text = content("table1.tex", whole())
    for name, value in PROVENANCE.facts(whole()):
        assert f"% {name}: {value}\n" in text


def test_text_is_no_latex():
    odd = r"50% of {A_1} & \input{x} ~ ^ $1$ #2 [b] *" + "\n\x07\u202e"
    safe = escape(odd)
    assert "\n" not in safe
    assert not re.search(r"(?<!\\)[%&#_$]", safe)
    assert r"\input" not in safe
    assert unescaped_braces(safe) == 0
    table = PrintedTable(
        "t", odd, 1, (((odd, 1), ("b", 1)),), (print_row(odd, "*"), print_row("[1]", "x")), (odd,)
    )
    text = tables_tex([table], remarks=["a\nb"])
    assert text.startswith("% a b\n")
    assert "\\\\\n[" not in text
    assert "\\\\\n*" not in text


# In print.


def test_table_1_in_print_is_the_documents():
    rows = {
        (r["subject"], r["cohort"]): r
        for r in records(section(whole(), "table1")["tables"]["metrics"])
        if r["metric"].endswith("accuracy")
    }
    [table] = [t for t in printed_tables(whole()) if t.name == "table1"]
    subject, seen = "", 0
    for line in table.lines:
        texts = [cell.text for cell in line.cells]
        if line.kind == "heading":
            [subject] = texts
            continue
        found = rows[subject, texts[0]]
        assert texts[3].split()[0] == f"{100 * found['value']:.1f}"
        seen += 1
    assert seen == len(rows)


def test_a_table_that_is_cut_keeps_the_groups_and_says_so():
    found = section(whole(), "switches")
    table = default_table(found, "metrics", most=90)
    subjects = [line.cells[0].text for line in table.lines]
    assert len(subjects) == 90
    assert {"all readers", "senior", "middle", "junior", "R1"} <= set(subjects)
    assert "The first 90 of" in table.notes[-1]
    assert len(default_table(found, "metrics").lines) > 90


def test_marks_stand_for_the_tests_that_count():
    tests = {
        (r["subject"], r["cohort"]): r["p_value"] if r["p_adjusted"] is None else r["p_adjusted"]
        for r in records(section(whole(), "table2")["tables"]["tests"])
        if (r["question"], r["unit"]) == ("with vs without AI", "patients")
    }
    [table] = [t for t in printed_tables(whole()) if t.name == "table2"]
    cohorts = [name for name, span in table.head[0] if span == 2 and name]
    accuracy = [line for line in table.lines if line.cells[1].text == "Accuracy"]
    assert len(accuracy) == 5
    for number, line in enumerate(accuracy, start=1):
        for place, cohort in enumerate(cohorts):
            marks = line.cells[3 + 2 * place].marks
            assert marks == marks_of(tests[f"R{number}", cohort], "#")


@pytest.mark.parametrize(
    ("low", "high", "printed"),
    [(0.1, 0.2, "(10.0\u201320.0)"), (-0.1, 0.2, "(\u221210.0 to 20.0)"),
     (-0.2, -0.1, "(\u221220.0 to \u221210.0)"), (-0.0001, 0.2, "(0.0\u201320.0)"),
     (None, 0.2, "")],
)  # fmt: skip
def test_limits_in_print(low, high, printed):
    assert limits_text({"low": low, "high": high}) == printed


def test_p_and_marks_in_print():
    assert [p_text(p) for p in (None, 0.0004, 0.0010, 0.04996, 1.0)] == [
        "n/a", "<0.001", "0.001", "0.050", "1.000",
    ]  # fmt: skip
    assert [marks_of(p, "*") for p in (None, 0.05, 0.049, 0.01, 0.0099, 0.001, 0.0009)] == [
        "", "", "*", "*", "**", "**", "***",
    ]  # fmt: skip
