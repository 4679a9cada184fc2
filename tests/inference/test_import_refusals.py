"""import_predictions refuses a bundle that is not whole and sound, and says where and why."""

import io
import struct
import zlib

import pytest
from PIL import Image as PillowImage

from inference.models import StudyModel
from inference.predictions_import import import_predictions
from readerstudy.imaging import ImportRefused
from readerstudy.reading import lifecycle
from tests import factories
from tests.imaging.example_files import write_zip
from tests.inference.prediction_files import (
    NAME,
    files_for,
    grey_png,
    heatmap,
    nothing_was_imported,
    rows_for,
    table_text,
)
from tests.worlds import shared

pytestmark = pytest.mark.django_db
draft = shared(factories.make_draft)  # three testing cases in two cohorts


# When it is too late, or the name is no name.


def test_only_a_draft_takes_predictions(draft, refused):
    lifecycle.open_study(draft, by="test")
    before = StudyModel.objects.get(study=draft).model_version
    assert [p.message for p in refused(rows_for(draft))] == [
        "the study is open; only a draft accepts predictions"
    ]
    factories.finish(draft)
    assert "the study is unblinded" in refused(rows_for(draft))[0].message
    assert StudyModel.objects.get(study=draft).model_version == before


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "the name must be 1 to 64"),
        ({"name": "n" * 65}, "the name must be 1 to 64"),
        ({"name": "a\nb"}, "printable"),
        ({"version": " 1"}, "without spaces at the start or end"),
        ({"version": "v" * 33}, "the version must be 1 to 32"),
        ({"threshold": 1.01}, "from 0 to 1"),
        ({"threshold": -0.01}, "from 0 to 1"),
        ({"threshold": float("nan")}, "from 0 to 1"),
    ],
)
def test_refuses_a_name_or_threshold_that_is_none(draft, refused, fields, words):
    [problem] = refused(rows_for(draft), **fields)
    assert words in problem.message


# The table.


def test_missing_and_unknown_cases_are_listed(draft, refused):
    rows = rows_for(draft)
    rows[0]["case_id"] = "SECRET-ID-9"
    rows[1]["cohort"] = "elsewhere"
    found = [(p.row, p.column, p.message) for p in refused(rows)]
    absent = [(row["cohort"], row["case_id"]) for row in rows_for(draft)[:2]]
    assert [(row, column) for row, column, _ in found] == [
        (2, "case_id"), (3, "cohort"), (None, ""), (None, ""),
    ]  # fmt: skip
    assert 'no case "SECRET-ID-9" in cohort "SECRET-COHORT-A"' in found[0][2]
    assert 'no cohort "elsewhere"' in found[1][2]
    assert '"SECRET-COHORT-A", "SECRET-COHORT-B"' in found[1][2]
    for (cohort, case_id), (_, _, message) in zip(sorted(absent), found[2:], strict=True):
        assert message == f'no row for case {case_id} of cohort "{cohort}"; add it'


def test_a_case_has_one_row(draft, refused):
    rows = rows_for(draft, heatmaps=False)
    [problem] = refused([*rows, rows[1] | {"p_malignant": "0.9"}])
    assert (problem.row, problem.column) == (5, "case_id")
    assert "already in row 3" in problem.message


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("p_malignant", "", "is blank"),
        ("p_malignant", "1.0000001", "from 0 to 1"),
        ("p_malignant", "-0.1", "from 0 to 1"),
        ("p_tuberculous", "nan", "from 0 to 1"),
        ("p_metastatic", "inf", "from 0 to 1"),
        ("p_metastatic", "1e999", "from 0 to 1"),
        ("p_malignant", "0,73", "with a decimal point"),
        ("p_malignant", "73%", "no percent sign"),
        ("p_malignant", "=1/2", "not a probability"),
        ("p_malignant", "\u0660.\u0665", "not a probability"),
        ("p_malignant", "0x1", "not a probability"),
        ("case_id", "=cmd|' /C calc'!A0", "letters A to Z"),
        ("cohort", '=HYPERLINK("http://x")', "no cohort"),
        ("bus_sha256", "0" * 64, "another image"),
        ("cdfi_sha256", "123", "64 hexadecimal digits"),
        ("level1_bus", "../../etc/passwd", "outside the folder"),
        ("level1_bus", "/etc/passwd", "absolute path"),
        ("level1_bus", "nowhere.png", 'no file "nowhere.png"'),
        ("level1_bus", "Heatmaps/2-level1_bus.png", 'there is "heatmaps/2-level1_bus.png"'),
        ("level2_cdfi", "", "all four heatmaps of a case or none"),
        ("level2_cdfi", "heatmaps/2-level2_bus.png", "already used in row 3, column level2_bus"),
    ],
)
def test_refuses_a_bad_cell(draft, refused, column, value, words):
    rows = rows_for(draft)
    files = files_for(rows)
    rows[1][column] = value
    problem = refused(files | {"predictions.csv": table_text(rows).encode()})[0]
    assert (problem.file, problem.row, problem.column) == ("predictions.csv", 3, column)
    assert words in problem.message


def test_the_digests_of_the_two_images_are_not_exchanged(draft, refused):
    rows = rows_for(draft)
    row = rows[2]
    row["bus_sha256"], row["cdfi_sha256"] = row["cdfi_sha256"], row["bus_sha256"]
    assert [(p.row, p.column) for p in refused(rows)] == [(4, "bus_sha256"), (4, "cdfi_sha256")]


def test_every_problem_is_listed_at_once(draft, refused):
    rows = rows_for(draft)
    rows[0] |= {"p_malignant": "2", "p_metastatic": "x"}
    rows[2] |= {"cdfi_sha256": "x", "level1_bus": ""}
    places = [(p.row, p.column) for p in refused(files_for(rows))]
    assert places == [(2, "p_malignant"), (2, "p_metastatic"), (4, "cdfi_sha256"),
                      (4, "level1_bus")]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text.replace(",", ";"), "separated by semicolons"),
        (lambda text: text.replace(",", "\t"), "separated by tabs"),
        (lambda text: text.replace("0.125", "0,125"), "decimal numbers have points"),
        (lambda text: text.replace("cohort", "hospital"), 'unknown column "hospital"'),
        (lambda text: text.encode("utf-16"), "UTF-8"),
        (lambda text: "", "is empty"),
        (lambda text: text.splitlines()[0], "no cases"),
    ],
)
def test_refuses_what_is_no_such_table(draft, refused, change, words):
    changed = change(table_text(rows_for(draft, heatmaps=False)))
    data = changed if isinstance(changed, bytes) else changed.encode()
    problems = refused({"predictions.csv": data})
    assert words in problems[0].message
    # Cases that stand in a table which could not be read are not called missing.
    assert not any("no row for case" in problem.message for problem in problems)


def test_refuses_a_folder_without_the_table(draft, refused):
    assert 'there is "Predictions.csv"' in refused({"Predictions.csv": b""})[0].message


# The heatmaps.


def picture(mode: str, size=(7, 7), **options) -> bytes:
    file = io.BytesIO()
    PillowImage.new(mode, size).save(file, "PNG", **options)
    return file.getvalue()


def jpeg() -> bytes:
    file = io.BytesIO()
    PillowImage.new("L", (7, 7)).save(file, "JPEG")
    return file.getvalue()


def animated() -> bytes:
    frames = [PillowImage.fromarray(heatmap(seed)) for seed in (1, 2)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


def in_bits(bits: int) -> bytes:
    """An 8-bit grey PNG whose header says other: Pillow opens 4 bits as if they were 8."""
    header = struct.pack(">IIBBBBB", 2, 2, bits, 0, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(b"\0\0" * 2)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a PNG file"),
        (b"GIF89a", "not a PNG file"),
        (jpeg(), "not a PNG file"),
        (picture("RGB"), "not 8-bit greyscale"),
        (picture("RGBA"), "not 8-bit greyscale"),
        (picture("LA"), "not 8-bit greyscale"),
        (picture("P"), "not 8-bit greyscale"),
        (picture("1"), "not 8-bit greyscale"),
        (in_bits(4), "not 8-bit greyscale"),
        (picture("I;16"), "not 8-bit greyscale"),
        (picture("L", transparency=0), "not 8-bit greyscale"),
        (animated(), "several images"),
        (picture("L", (1, 7)), "1 by 7 pixels is too small; the minimum is 2 by 2"),
        (picture("L", (513, 2)), "513 by 2 pixels is too large; the maximum is 512 by 512"),
        (picture("L", (2, 60_000)), "too large"),
        (grey_png(heatmap(1))[:-20], "incomplete"),
        (grey_png(heatmap(1)).replace(b"IDAT", b"IDAX"), "damaged"),
        (grey_png(heatmap(1)) + bytes(2**20), "is larger than the 1.0 MiB allowed"),
    ],
)
def test_refuses_a_heatmap_that_is_none(draft, refused, data, words):
    rows = rows_for(draft)
    files = files_for(rows) | {rows[1]["level1_cdfi"]: data, rows[2]["level2_bus"]: b"x"}
    first, second = refused(files)
    assert (first.row, first.column, second.row, second.column) == (
        3, "level1_cdfi", 4, "level2_bus",
    )  # fmt: skip
    assert words in first.message
    assert str(first).startswith(
        "heatmaps/2-level1_cdfi.png (predictions.csv, row 3, column level1_cdfi): "
    )


def test_the_largest_and_the_smallest_heatmap_are_taken(draft, take):
    rows = rows_for(draft)
    files = files_for(rows) | {
        rows[0]["level1_bus"]: grey_png(heatmap(1, size=(512, 512))),
        rows[0]["level1_cdfi"]: grey_png(heatmap(2, size=(2, 2))),
    }
    assert take(files).stored == 3


# The archive.


def test_refuses_a_hostile_archive(draft, tmp_path):
    files = files_for(rows_for(draft))
    for name, extra, words in (
        ("out", {"../../outside.png": b"x"}, "outside the folder"),
        ("absolute", {"/etc/cron.d/x": b"x"}, "absolute path"),
        ("bomb", {"bomb.png": bytes(20 * 2**20)}, "decompression bomb"),
        ("large", {"large.png": bytes(33 * 2**20)}, "allowed for one file"),
    ):
        source = write_zip(tmp_path / f"{name}.zip", files | extra)
        with pytest.raises(ImportRefused, match=words):
            import_predictions(study=draft, source=source, **NAME)
    assert nothing_was_imported()
    assert not list(tmp_path.parent.rglob("outside.png"))


def test_refuses_what_is_no_archive_by_the_name_it_was_given(draft, tmp_path):
    path = tmp_path / "tmp0815"
    path.write_bytes(b"no archive")
    with pytest.raises(ImportRefused, match=r"theirs\.zip: is not a ZIP archive"):
        import_predictions(study=draft, source=path, label="theirs.zip", **NAME)
