"""The manifest: what is read, and what is refused at which row and column."""

import re
from pathlib import Path

import pytest

from readerstudy.diagnosis import Etiology
from readerstudy.imaging import Limits, open_source
from readerstudy.studies.clinical_vocabulary import (
    ExclusionReason,
    Location,
    NeckLevel,
    PathologicMethod,
    Sex,
)
from readerstudy.studies.read_manifest import read_manifest
from tests.imaging.example_files import (
    COLUMNS,
    manifest_row,
    manifest_text,
    source_files,
    write_folder,
)


@pytest.fixture
def read(tmp_path):
    """A function from a manifest's text or bytes to (rows, problems), beside three cases' files."""

    def read(text: str | bytes, *, limits=None):
        data = text if isinstance(text, bytes) else text.encode()
        write_folder(tmp_path, source_files(3) | {"manifest.csv": data})
        with open_source(tmp_path, limits=limits) as source:
            return read_manifest(source)

    return read


def only_problem(result):
    """The one problem, and where it is."""
    _, [problem] = result
    assert problem.file == "manifest.csv"
    return problem


def test_reads_every_value(read):
    row = manifest_row(1, neck_level="iiB", sex="Female", age="0", diameter_mm="200")
    row |= {"location": "midline", "etiology": "lymphoma", "pathologic_method": "needle_biopsy"}
    rows, problems = read(manifest_text([row]))
    assert problems == []
    [case] = rows
    assert case.row == 2
    assert (case.case_id, case.instrument) == ("case-001", "Maker Model 7")
    assert (case.bus_file, case.cdfi_file) == (row["bus_file"], row["cdfi_file"])
    assert (case.bus_frame, case.cdfi_frame) == (None, None)
    assert (case.sex, case.location) == (Sex.FEMALE, Location.MIDLINE)
    assert (case.neck_level, case.etiology) == (NeckLevel.LEVEL_IIB, Etiology.LYMPHOMA)
    assert case.pathologic_method is PathologicMethod.NEEDLE_BIOPSY
    assert (case.age, case.diameter_mm) == (0, 200.0)


def test_vocabularies_have_labels():
    levels = " ".join(level.value for level in NeckLevel)
    assert levels == "I Ia Ib II IIa IIb III IV V Va Vb VI VII supraclavicular"
    assert NeckLevel("Va").label == "Level Va"
    assert NeckLevel.SUPRACLAVICULAR.label == "Supraclavicular"
    assert PathologicMethod.EXCISIONAL_BIOPSY.label == "Excisional biopsy"
    assert [Sex.MALE.label, Location.BILATERAL.label] == ["Male", "Bilateral"]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_takes_any_column_order_case_bom_and_line_end(read, newline):
    text = manifest_text([dict(reversed(manifest_row(n).items())) for n in (1, 2, 3)])
    header, body = text.split("\r\n", 1)
    text = f"\ufeff{header.upper()}\r\n{body}".replace("\r\n", newline)
    rows, problems = read(text)
    assert problems == []
    assert [row.case_id for row in rows] == ["case-001", "case-002", "case-003"]


def test_counts_rows_as_a_spreadsheet_does(read):
    lines = manifest_text([manifest_row(1, instrument='A "big"\none'), manifest_row(2, age="old")])
    first, rest = lines.split("\r\n", 1)
    rows, problems = read(f"{first}\r\n\r\n,,,,,,,,,,\r\n{rest}\r\n")
    assert rows == []
    assert [(p.row, p.column) for p in problems] == [(4, "instrument"), (5, "age")]


def test_frames_are_optional_and_chosen_later_without(read):
    shared = {"bus_file": "images/case-001_bus.png", "cdfi_file": "images/case-001_bus.png"}
    row = manifest_row(1, **shared, bus_frame="", cdfi_frame="7")
    rows, problems = read(manifest_text([row]))
    assert problems == []
    assert (rows[0].bus_frame, rows[0].cdfi_frame) == (None, 7)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("case_id", "", "is blank"),
        ("case_id", "  ", "is blank"),
        ("case_id", "a b", "letters"),
        ("case_id", "a" * 65, "1 to 64"),
        ("case_id", "..", "one letter or digit"),
        ("case_id", "é", "letters"),
        ("bus_file", "../secret.png", "outside the folder"),
        ("bus_file", "/etc/passwd", "absolute"),
        ("cdfi_file", "C:\\a.png", "backslash"),
        ("cdfi_file", "images/none.png", 'no file "images/none.png"'),
        ("cdfi_file", "Images/Case-001_cdfi.png", 'there is "images/case-001_cdfi.png"'),
        ("sex", "f", "female, male"),
        ("age", "121", "0 to 120"),
        ("age", "-1", "whole years"),
        ("age", "41.5", "whole years"),
        ("age", "٤", "whole years"),
        ("age", "1_0", "whole years"),
        ("diameter_mm", "0", "above 0"),
        ("diameter_mm", "200.1", "up to 200"),
        ("diameter_mm", "nan", "millimetres"),
        ("diameter_mm", "inf", "millimetres"),
        ("diameter_mm", "1e1", "millimetres"),
        ("diameter_mm", "12,5", "with a decimal point"),
        ("diameter_mm", "12 mm", "no unit"),
        ("location", "center", "left, right, bilateral, midline"),
        ("neck_level", "VIII", "supraclavicular"),
        ("pathologic_method", "biopsy", "needle_biopsy, excisional_biopsy"),
        ("etiology", "cancer", ", ".join(Etiology)),
        ("instrument", "a\tb", "control"),
        ("instrument", "a" * 101, "1 to 100"),
    ],
)
def test_refuses_a_bad_cell(read, column, value, words):
    result = read(manifest_text([manifest_row(1), manifest_row(2, **{column: value})]))
    problem = only_problem(result)
    assert (problem.row, problem.column) == (3, column)
    assert words in problem.message
    assert str(problem).startswith(f"manifest.csv, row 3, column {column}: ")
    assert [row.case_id for row in result[0]] == ["case-001"]


@pytest.mark.parametrize("value", ["0", "-1", "1.0", "first", "9" * 20])
def test_refuses_a_bad_frame(read, value):
    problem = only_problem(read(manifest_text([manifest_row(1, cdfi_frame=value)])))
    assert (problem.row, problem.column) == (2, "cdfi_frame")


def test_lists_every_problem_of_every_row(read):
    rows = [
        manifest_row(1, sex="x", age="x", bus_file="nowhere.png"),
        manifest_row(2),
        manifest_row(3, etiology="flu"),
    ]
    _, problems = read(manifest_text(rows))
    assert [(p.row, p.column) for p in problems] == [
        (2, "bus_file"),
        (2, "sex"),
        (2, "age"),
        (4, "etiology"),
    ]


def test_refuses_duplicate_cases(read):
    problem = only_problem(
        read(manifest_text([manifest_row(1), manifest_row(2), manifest_row(3, case_id="case-001")]))
    )
    assert (problem.row, problem.column) == (4, "case_id")
    assert "already in row 2" in problem.message


def test_refuses_an_image_used_twice(read):
    bus = manifest_row(1)["bus_file"]
    _, problems = read(
        manifest_text([manifest_row(1, cdfi_file=bus), manifest_row(2, bus_file=bus)])
    )
    assert [(p.row, p.column) for p in problems] == [(2, "cdfi_file"), (3, "bus_file")]
    assert all("already used in row 2, column bus_file" in p.message for p in problems)


def test_two_frames_of_one_file_are_two_images(read):
    bus = manifest_row(1)["bus_file"]
    rows = [manifest_row(n, bus_file=bus, bus_frame=str(n)) for n in (1, 2)]
    assert read(manifest_text(rows))[1] == []
    _, problems = read(manifest_text([row | {"bus_frame": "2"} for row in rows]))
    assert [(p.row, p.column) for p in problems] == [(3, "bus_file")]


def test_refuses_wrong_columns_and_still_checks_the_rest(read):
    row = manifest_row(1, sex="x")
    del row["age"]
    text = manifest_text([row]).replace("location", "place").replace("instrument", "case_id")
    _, problems = read(text)
    assert [(p.row, p.column) for p in problems] == [
        (1, ""),
        (1, "case_id"),
        (1, "age"),
        (1, "location"),
        (1, "instrument"),
        (2, "sex"),
    ]
    assert 'unknown column "place"; allowed: case_id' in problems[0].message
    assert "appears twice" in problems[1].message


@pytest.mark.parametrize(("sign", "name"), [(";", "semicolons"), ("\t", "tabs")])
def test_names_the_separator_where_it_is_no_comma(read, sign, name):
    result = read(manifest_text([manifest_row(1)]).replace(",", sign))
    assert result[0] == []
    problem = only_problem(result)
    assert f"separated by {name}; save the table with commas" in problem.message
    assert problem.row == 1


def test_names_every_missing_column(read):
    rows, problems = read("comment\nnone\n")
    assert rows == []
    assert [p.column for p in problems[1:]] == list(COLUMNS)
    assert "separated by commas" in problems[1].message


@pytest.mark.parametrize(
    ("extra", "words"), [(",", "too many cells: 12"), (None, "too few cells: 10")]
)
def test_refuses_a_row_of_another_width(read, extra, words):
    text = manifest_text([manifest_row(1)]).rstrip()
    text = text + extra if extra else text.rsplit(",", 1)[0]
    problem = only_problem(read(text))
    assert problem.row == 2
    assert words in problem.message


@pytest.mark.parametrize(
    ("data", "words", "row"),
    [
        (b"", "is empty", None),
        (b"\n\n  \n", "is empty", None),
        (",".join(COLUMNS).encode(), "no cases", None),
        (manifest_text([manifest_row(1)]).encode("utf-16"), "UTF-8", 1),
        (manifest_text([manifest_row(1, instrument="Général")]).encode("cp1252"), "UTF-8", 2),
        (manifest_text([manifest_row(1, instrument="a\0")]).encode(), "NUL", 2),
        (manifest_text([manifest_row(1)]).encode() + b'"open', "never closed", 3),
        (manifest_text([manifest_row(1)]).encode() + b'"a"b,c', "malformed CSV", 3),
        (manifest_text([manifest_row(1)]).encode() + b"x" * 200_000, "field larger", 3),
    ],
)
def test_refuses_what_is_no_manifest(read, data, words, row):
    problem = only_problem(read(data))
    assert words in problem.message
    assert problem.row == row


def test_refuses_a_manifest_beyond_the_limits(read):
    text = manifest_text([manifest_row(n) for n in (1, 2, 3)])
    assert read(text, limits=Limits(max_rows=3))[1] == []
    problem = only_problem(read(text, limits=Limits(max_rows=2)))
    assert (problem.row, "more than 2 cases" in problem.message) == (4, True)
    limits = Limits(max_manifest_bytes=len(text) - 1)
    assert "is larger than" in only_problem(read(text, limits=limits)).message


def test_refuses_a_folder_without_manifest(tmp_path):
    write_folder(tmp_path, {"Manifest.CSV": b""})
    with open_source(tmp_path) as source:
        problem = only_problem(read_manifest(source))
    assert 'there is "Manifest.CSV"' in problem.message


GUIDE = (Path(__file__).resolve().parents[2] / "docs/admin.md").read_text(encoding="utf-8")
VOCABULARIES = {
    "sex": Sex, "location": Location, "neck_level": NeckLevel,
    "pathologic_method": PathologicMethod, "etiology": Etiology, "reason": ExclusionReason,
}  # fmt: skip


@pytest.mark.parametrize("column", VOCABULARIES)
def test_the_admins_guide_lists_every_word_of_a_column(column):
    [cell] = re.findall(rf"^\| `{column}` \| (.+) \|$", GUIDE, re.MULTILINE)
    assert re.findall(r"`([^`]+)`", cell) == list(VOCABULARIES[column])
