"""A bundle that was made to do harm, or was damaged, changes nothing and is refused in words."""

import json
import struct
import zipfile
from pathlib import Path

import pytest
from django.conf import settings

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.exchange.bundles import archive
from readerstudy.exchange.bundles.archive import SUMS
from readerstudy.exchange.bundles.study_import import import_study
from readerstudy.exchange.errors import ExchangeError
from readerstudy.studies.models import Study
from tests.exchange.studies import rewritten

pytestmark = pytest.mark.django_db


def refusal(bundle: Path) -> str:
    """Why the bundle is refused; nothing may have come of it."""
    with pytest.raises(ExchangeError) as refused:
        import_study(bundle, by="root")
    assert not Study.objects.exists()
    assert not User.objects.exists()
    assert not AuditEvent.objects.exists()
    media = Path(settings.MEDIA_ROOT)
    assert not media.exists() or [path for path in media.rglob("*") if path.is_file()] == []
    return str(refused.value)


def cell(table: str, line: int, column: str, told: str, **more: str):
    """Change cells of a CSV table, the row by its line."""

    def change(files: dict[str, bytes]) -> None:
        lines = files[f"tables/{table}.csv"].decode().split("\n")
        cells = lines[line - 1].split(",")
        for name, text in {column: told, **more}.items():
            cells[lines[0].split(",").index(name)] = text
        lines[line - 1] = ",".join(cells)
        files[f"tables/{table}.csv"] = "\n".join(lines).encode()

    return change


def field(table: str, line: int, column: str, told):
    """Change a value of a table of JSON lines."""

    def change(files: dict[str, bytes]) -> None:
        name = f"tables/{table}.jsonl"
        lines = files[name].splitlines()
        row = json.loads(lines[line - 1])
        row[column] = told
        lines[line - 1] = json.dumps(row).encode()
        files[name] = b"\n".join(lines) + b"\n"

    return change


def put(name: str, content: bytes):
    return lambda files: files.update({name: content})


def gone(name: str):
    return lambda files: files.pop(name)


def appended(name: str, content: bytes):
    return lambda files: files.update({name: files[name] + content})


def manifest(**changes):
    def change(files: dict[str, bytes]) -> None:
        told = json.loads(files["manifest.json"]) | changes
        files["manifest.json"] = json.dumps(told).encode()

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (cell("readings", 3, "etiology", "influenza"), "tables/readings.csv, line 3, column etiol"),
        (cell("readings", 3, "etiology", "lymphoma,"), "line 3: the line must have "),
        (cell("readings", 3, "malignancy", "benign", etiology="lymphoma"), "does not accept it"),
        (cell("readings", 3, "submitted_at", "1999-01-01T00:00:00+00:00"), "does not accept it"),
        (cell("readings", 3, "submitted_at", "yesterday"), "column submitted_at: 'yesterday'"),
        (cell("readings", 3, "submitted_at", "2026-01-01T00:00:00"), "column submitted_at"),
        (cell("readings", 3, "confidence", "nan"), "column confidence"),
        (cell("readings", 3, "assignment", "9999"), "no row 9999 in the bundle to refer to"),
        (cell("readings", 3, "id", "7"), "the row's id must be 2"),
        (cell("readings", 3, "quality_note", "x" * 500), "line 3, column quality_note"),
        (cell("cases", 2, "case_id", "../../etc"), "column case_id"),
        (cell("cases", 2, "age", "-1"), "column age"),
        (cell("cases", 2, "diameter_mm", "inf"), "column diameter_mm"),
        (cell("images", 2, "file", "images/2.png"), "belongs to another row"),
        (cell("images", 2, "file", "README.txt"), "is not a file under images/"),
        (cell("images", 2, "sha256", "0" * 64), "SHA-256 differs from that in the row"),
        (cell("heatmaps", 2, "png", "images/1.png"), "is not a file under heatmaps/"),
        (cell("readers", 2, "user", "77"), "no row 77 in the bundle"),
        (cell("readers", 2, "study", "2"), "no row 2 in the bundle"),
        (cell("study", 2, "state", "draft"), "a study that is not yet open can't have such rows"),
        (cell("study", 2, "state", "locked"), "that is not yet unblinded can't have such rows"),
        (cell("study", 2, "state", "forgotten"), "tables/study.csv"),
        (cell("protocol", 2, "unblinding_needs_two", "true"), "not accept the study as unblind"),
        (cell("study", 2, "slug", "other"), "not the one in the manifest"),
        (cell("people", 2, "name", "a b"), "tables/people.csv"),
        (cell("people", 2, "email", "no e-mail"), "tables/people.csv"),
        (cell("reference_standards", 2, "etiology", "lymphoma"), "does not accept it"),
        (cell("assignments", 2, "position", "0"), "does not accept it"),
        (field("predictions", 1, "p_malignant", 0.123), "not the data that Run 1"),
        (field("predictions", 1, "p_malignant", "1"), "column p_malignant"),
        (field("predictions", 1, "case", [1]), "to refer to"),
        (field("runs", 1, "results", ""), "does not accept it"),
        (field("runs", 1, "results", None), "column results"),
        (appended("runs/1-results.json", b" "), "does not match its SHA-256"),
        (appended("protocol/1.json", b" "), "The frozen protocol does not match"),
        (appended("tables/readings.csv", b"\n"), "the line must have "),
        (appended("tables/readings.csv", b"\xff\xfe"), "is not UTF-8"),
        (put("tables/traces.jsonl", b"{"), "is not JSON"),
        (put("tables/traces.jsonl", b"[" * 100_000), "is not JSON"),
        (put("tables/study.csv", b""), "the columns differ"),
        (gone("tables/cases.csv"), "lacks tables/cases.csv"),
        (gone("images/1.png"), "has no file images/1.png"),
        (gone("manifest.json"), "has no file manifest.json"),
        (put("manifest.json", b"[]"), "manifest.json can't be read"),
        (manifest(format=2), "has format 2"),
        (manifest(columns={}), "comes from another version of the software"),
        (manifest(columns=None), "comes from another version of the software"),
        (manifest(study={"slug": ["x"]}), "manifest.json can't be read"),
    ],
)  # fmt: skip
def test_content_that_does_not_hold_together(change, said, origin, tmp_path):
    assert said in refusal(rewritten(origin.plain, tmp_path / "bad.zip", change))


def test_a_file_that_was_changed_is_named(origin, tmp_path):
    bad = rewritten(origin.plain, tmp_path / "bad.zip", lambda files: None)
    with zipfile.ZipFile(bad) as good, zipfile.ZipFile(tmp_path / "2.zip", "w") as other:
        for name in good.namelist():
            more = b" " if name == "tables/cases.csv" else b""
            other.writestr(name, good.read(name) + more)
    said = refusal(tmp_path / "2.zip")
    assert f"1 files do not match {SUMS}: tables/cases.csv" in said


@pytest.mark.parametrize(
    "name", ["../outside", "/etc/passwd", "a/../../b", "C:\\x", "a\\b", "x\n", "a//b"]
)
def test_a_name_that_leaves_the_bundle(name, origin, tmp_path):
    bad = rewritten(origin.plain, tmp_path / "bad.zip", put(name, b"x"))
    assert "This is not a study bundle" in refusal(bad)


def test_a_file_that_no_checksum_knows(origin, tmp_path):
    bad = rewritten(origin.plain, tmp_path / "bad.zip", lambda files: None)
    with zipfile.ZipFile(bad, "a") as more:
        more.writestr("extra", b"x")
    assert f"differ from those in {SUMS}: extra" in refusal(bad)


def test_a_name_that_is_there_twice(origin, tmp_path):
    bad = rewritten(origin.plain, tmp_path / "bad.zip", lambda files: None)
    with zipfile.ZipFile(bad, "a") as more, pytest.warns(UserWarning, match="Duplicate"):
        more.writestr("README.txt", b"x")
    assert "twice" in refusal(bad)


def test_a_link_is_no_file(origin, tmp_path):
    bad = rewritten(origin.plain, tmp_path / "bad.zip", lambda files: None)
    with zipfile.ZipFile(bad, "a") as more:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        more.writestr(info, "/etc/passwd")
    assert "is not a regular file" in refusal(bad)


def test_a_zip_bomb(origin, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "RATIO_EXEMPT_BYTES", 2**20)
    bad = rewritten(origin.plain, tmp_path / "bad.zip", put("x", bytes(2**28)))
    assert "zip bomb" in refusal(bad)


def test_sizes_that_lie(origin, tmp_path):
    """A directory that claims more bytes than there are, over the same bytes again."""
    bad = rewritten(origin.plain, tmp_path / "bad.zip", put("x", b"x" * 50))
    content = bytearray(bad.read_bytes())
    at = content.rfind(b"PK\x01\x02")
    struct.pack_into("<I", content, at + 20, 2**31)
    bad.write_bytes(content)
    assert "zip bomb" in refusal(bad)


@pytest.mark.parametrize("length", [0, 10, 1000, 50_000])
def test_a_part_of_a_bundle(length, origin, tmp_path):
    bad = tmp_path / "bad.zip"
    bad.write_bytes(origin.plain.read_bytes()[:length])
    assert "is not a ZIP file, or is damaged" in refusal(bad)


@pytest.mark.parametrize("place", range(0, 100, 7))
def test_a_bundle_with_a_damaged_byte(place, origin, tmp_path):
    """It is found; or it lies where the ZIP says again what its directory says, and harms not."""
    content = bytearray(origin.plain.read_bytes())
    content[len(content) * place // 100 + 13] ^= 0x41
    bad = tmp_path / "bad.zip"
    bad.write_bytes(content)
    try:
        imported = import_study(bad, by="root")
    except ExchangeError:
        assert not Study.objects.exists()
    else:
        assert imported.reproduced
        assert imported.differing == ()


def test_no_bundle_at_all(tmp_path):
    assert "can't be opened" in refusal(tmp_path / "nothing.zip")
