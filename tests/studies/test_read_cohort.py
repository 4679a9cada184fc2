"""A whole source: all or nothing, with every problem and its place."""

import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from readerstudy.imaging import ImportRefused, Limits, Problem, open_source
from readerstudy.imaging.pixels import decode_rgb
from readerstudy.studies.read_cohort import iter_cases, read_cohort, validate_manifest
from tests.imaging.example_files import (
    build_source,
    dicom_bytes,
    encoded,
    manifest_row,
    manifest_text,
    picture,
    source_files,
    write_folder,
    write_zip,
)

BUS = "images/case-002_bus.png"
CDFI = "images/case-002_cdfi.png"


def refused(path, **options) -> tuple[Problem, ...]:
    with pytest.raises(ImportRefused) as caught:
        list(read_cohort(path, **options))
    return caught.value.problems


@pytest.mark.parametrize("kind", ["folder", "zip", "zip in a folder"])
def test_reads_every_case_in_order(tmp_path, kind):
    source = build_source(tmp_path / "source", 3)
    if kind != "folder":
        top = "cohort/" if kind == "zip in a folder" else ""
        source = write_zip(tmp_path / "source.zip", source_files(3), top=top)
    cases = list(read_cohort(source))
    assert [case.row.case_id for case in cases] == ["case-001", "case-002", "case-003"]
    for number, case in enumerate(cases, start=1):
        assert np.array_equal(decode_rgb(case.bus_png), picture(2 * number))
        assert np.array_equal(decode_rgb(case.cdfi_png), picture(2 * number + 1))


def test_takes_formats_mixed_and_frames(tmp_path):
    frames = [picture(seed) for seed in (1, 2)]
    dicom = dicom_bytes(
        b"".join(frame.tobytes() for frame in frames),
        Rows=40,
        Columns=48,
        SamplesPerPixel=3,
        PlanarConfiguration=0,
        PhotometricInterpretation="RGB",
        NumberOfFrames=2,
    )
    row = manifest_row(1, bus_file="clip", cdfi_file="clip", bus_frame="2", cdfi_frame="1")
    second = manifest_row(2, bus_file="a.jpg", cdfi_file="b.png", bus_frame="", cdfi_frame="1")
    files = {"manifest.csv": manifest_text([row, second]).encode(), "clip": dicom}
    files |= {"a.jpg": encoded(frames[0], "JPEG"), "b.png": encoded(frames[1])}
    cases = list(read_cohort(write_folder(tmp_path, files)))
    assert np.array_equal(decode_rgb(cases[0].bus_png), frames[1])
    assert np.array_equal(decode_rgb(cases[0].cdfi_png), frames[0])
    assert np.array_equal(decode_rgb(cases[1].cdfi_png), frames[1])


def test_the_manifest_is_refused_before_any_case(tmp_path):
    files = source_files(3, changes={2: {"etiology": "flu"}, 3: {"cdfi_file": "nowhere.png"}})
    source = write_folder(tmp_path, files)
    with pytest.raises(ImportRefused) as caught:
        next(read_cohort(source))
    assert [(p.file, p.row, p.column) for p in caught.value.problems] == [
        ("manifest.csv", 3, "etiology"),
        ("manifest.csv", 4, "cdfi_file"),
    ]
    assert str(caught.value).startswith(
        'manifest.csv, row 3, column etiology: "flu" is not allowed'
    )
    assert "Traceback" not in str(caught.value)


def test_problems_of_source_and_manifest_come_together(tmp_path):
    files = source_files(2, changes={2: {"age": "old"}}) | {"../evil.png": b""}
    problems = refused(write_zip(tmp_path / "source.zip", files))
    assert [(p.file, p.column) for p in problems] == [("../evil.png", ""), ("manifest.csv", "age")]


def test_every_bad_image_is_listed_after_the_good_cases_before_it(tmp_path):
    files = source_files(4)
    files[BUS] = b"GIF89a"
    files[CDFI] = files[CDFI][:50]
    files["images/case-004_bus.png"] = encoded(picture(width=20))
    cases = read_cohort(write_folder(tmp_path, files))
    assert next(cases).row.case_id == "case-001"
    with pytest.raises(ImportRefused) as caught:
        next(cases)
    assert [(p.file, p.row, p.column) for p in caught.value.problems] == [
        (BUS, 3, "bus_file"),
        (CDFI, 3, "cdfi_file"),
        ("images/case-004_bus.png", 5, "bus_file"),
    ]
    first = str(caught.value.problems[0])
    assert first.startswith(f"{BUS} (manifest.csv, row 3, column bus_file): this is not a PNG")


def test_a_file_that_cannot_be_read_is_a_problem_at_its_cell(tmp_path):
    source = build_source(tmp_path, 2)
    with open_source(source) as opened:
        rows = validate_manifest(opened)
        (source / CDFI).unlink()
        with pytest.raises(ImportRefused) as caught:
            list(iter_cases(opened, rows))
    [problem] = caught.value.problems
    assert (problem.file, problem.row, problem.column) == (CDFI, 3, "cdfi_file")


def test_limits_reach_every_part(tmp_path):
    source = build_source(tmp_path / "source", 2)
    archive = write_zip(tmp_path / "source.zip", source_files(2))
    for path in (source, archive):
        assert "more than 1 case" in str(refused(path, limits=Limits(max_rows=1))[0])
        assert len(refused(path, limits=Limits(max_pixels=100))) == 4
        assert len(refused(path, limits=Limits(max_file_bytes=100))) >= 4
        assert "more than 3 files" in str(refused(path, limits=Limits(max_entries=3))[0])


def test_memory_does_not_grow_with_the_cohort(tmp_path):
    def peak(cases: int) -> int:
        source = build_source(tmp_path / str(cases), cases)
        tracemalloc.start()
        for _ in read_cohort(source):
            pass
        _, top = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return top

    peak(1)
    image_bytes = 40 * 48 * 3
    assert peak(60) - peak(2) < 58 * image_bytes / 2


def test_nothing_is_written_to_the_source(tmp_path):
    source = build_source(tmp_path, 2)
    before = {path: path.stat().st_mtime_ns for path in source.rglob("*")}
    list(read_cohort(source))
    assert {path: path.stat().st_mtime_ns for path in source.rglob("*")} == before


def test_needs_no_django():
    code = "import sys, readerstudy.imaging; sys.exit('django' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (Problem("wrong"), "wrong"),
        (Problem("wrong", file="a.png"), "a.png: wrong"),
        (Problem("wrong", file="manifest.csv", row=3), "manifest.csv, row 3: wrong"),
        (
            Problem("wrong", file="manifest.csv", row=3, column="age"),
            "manifest.csv, row 3, column age: wrong",
        ),
        (Problem("wrong", row=3, column="age"), "row 3, column age: wrong"),
        (
            Problem("wrong", file="a\n\x1b[31m.png", row=3, column="bus_file"),
            r"a\n\x1b[31m.png (manifest.csv, row 3, column bus_file): wrong",
        ),
    ],
)
def test_a_problem_reads_as_one_line(problem, text):
    assert str(problem) == text


def test_a_refusal_reads_as_one_line_a_problem():
    refusal = ImportRefused([Problem("one", file="a"), Problem("two")])
    assert refusal.problems == (Problem("one", file="a"), Problem("two"))
    assert str(refusal) == "a: one\ntwo"
