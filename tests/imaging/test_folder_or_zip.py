"""Folders and ZIP archives: every file that can be named, and nothing beyond."""

import os
import stat
import struct
import warnings
import zipfile

import pytest

from readerstudy.imaging import ImportRefused, Limits, open_source
from readerstudy.imaging.file_names import name_fault
from tests.imaging.example_files import source_files, write_folder, write_zip

FILES = {"manifest.csv": b"a,b", "images/one.png": b"one", "two.png": b"two"}
MIB = 2**20


def refusal(path, *, limits=None, read="") -> str:
    """What opening the source, and reading this file, is refused with."""
    with pytest.raises(ImportRefused) as caught, open_source(path, limits=limits) as source:
        source.read(read, 100 * MIB)
    return str(caught.value)


def problems(path, *, limits=None) -> list[str]:
    with open_source(path, limits=limits) as source:
        return [str(problem) for problem in source.problems]


@pytest.fixture(params=["folder", "zip"])
def good(request, tmp_path):
    if request.param == "folder":
        return write_folder(tmp_path / "source", FILES)
    return write_zip(tmp_path / "source.zip", FILES)


def test_lists_and_reads_every_file(good):
    with open_source(good) as source:
        assert source.names() == FILES.keys()
        assert {name: source.read(name, 3) for name in FILES} == FILES
        assert source.problems == ()


def test_reads_no_more_than_the_limit(good):
    with (
        open_source(good) as source,
        pytest.raises(ImportRefused, match=r"two\.png: is larger than the 2 bytes"),
    ):
        source.read("two.png", 2)


@pytest.mark.parametrize("name", ["Two.png", "../two.png", "/etc/passwd", "images", "", "a\0b"])
def test_reads_only_names_that_it_lists(good, name):
    with open_source(good) as source, pytest.raises(ImportRefused):
        source.read(name, 100)


def test_names_the_near_miss(good):
    with open_source(good) as source:
        assert 'there is "two.png"' in source.missing("TWO.PNG")
        assert source.missing("two.png") == ""


def test_refuses_too_many_files(good):
    assert "more than 2 files" in refusal(good, limits=Limits(max_entries=2))


@pytest.mark.parametrize("content", [b"", b"PK\x05\x06", b"no archive", b"PK\x03\x04" * 99])
def test_refuses_what_is_no_archive(tmp_path, content):
    path = tmp_path / "source.zip"
    path.write_bytes(content)
    assert "is not a ZIP archive, or is damaged" in refusal(path)


@pytest.mark.parametrize("path", ["nowhere", "nul\0byte"])
def test_refuses_a_path_with_nothing_there(tmp_path, path):
    assert "no folder or ZIP file" in refusal(tmp_path / path)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("../a", "outside the folder"),
        ("a/../../b", "outside the folder"),
        ("/a", "absolute"),
        ("C:/a", "absolute"),
        ("c:a", "absolute"),
        ("a\\b", "backslash"),
        ("..\\a", "backslash"),
        ("a\0b", "control"),
        ("a\nb", "control"),
        ("a//b", "empty"),
        ("./a", "empty"),
        ("", "no name"),
        ("a" * 2000, "longer"),
        ("images/a..b.png", ""),
        ("Bilder/Ä.png", ""),
    ],
)
def test_knows_names_that_leave_the_folder(name, fault):
    assert fault in name_fault(name)
    assert bool(fault) == bool(name_fault(name))


class TestFolder:
    def test_refuses_links_that_leave_the_folder(self, tmp_path):
        folder = write_folder(tmp_path / "source", FILES)
        (tmp_path / "secret.png").write_bytes(b"secret")
        (folder / "link.png").symlink_to(tmp_path / "secret.png")
        (folder / "up").symlink_to(tmp_path)
        (folder / "gone.png").symlink_to(folder / "nothing.png")
        found = problems(folder)
        assert len(found) == 3
        assert sum("outside the folder" in problem for problem in found) == 2
        assert "gone.png: is a link, but not to a file" in "".join(found)
        assert "outside the folder" in refusal(folder, read="link.png")
        assert "no file" in refusal(folder, read="up/secret.png")

    def test_follows_links_within_the_folder(self, tmp_path):
        folder = write_folder(tmp_path / "source", FILES)
        (folder / "three.png").symlink_to("two.png")
        with open_source(folder) as source:
            assert source.read("three.png", 10) == b"two"
            assert source.problems == ()

    def test_refuses_a_file_swapped_for_a_link_after_listing(self, tmp_path):
        folder = write_folder(tmp_path / "source", FILES)
        (tmp_path / "secret.png").write_bytes(b"secret")
        with open_source(folder) as source:
            (folder / "two.png").unlink()
            (folder / "two.png").symlink_to(tmp_path / "secret.png")
            with pytest.raises(ImportRefused, match="outside the folder"):
                source.read("two.png", 100)

    def test_says_what_cannot_be_read(self, tmp_path):
        folder = write_folder(tmp_path / "source", FILES)
        with open_source(folder) as source:
            (folder / "two.png").unlink()
            with pytest.raises(ImportRefused, match=r"two\.png: cannot be read: No such file"):
                source.read("two.png", 100)

    def test_leaves_pipes_alone(self, tmp_path):
        folder = write_folder(tmp_path / "source", FILES)
        os.mkfifo(folder / "pipe.png")
        assert "no file" in refusal(folder, read="pipe.png")

    def test_ignores_what_macos_leaves(self, tmp_path):
        folder = write_folder(tmp_path / "source", FILES | {".DS_Store": b"", "__MACOSX/a": b""})
        with open_source(folder) as source:
            assert source.names() == FILES.keys()


class TestZip:
    def test_takes_files_from_a_single_top_folder(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", FILES, top="My cohort/")
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr("__MACOSX/My cohort/._two.png", b"junk")
            archive.writestr(".DS_Store", b"junk")
            archive.mkdir("empty")
        with open_source(path) as source:
            assert source.names() == FILES.keys()
            assert source.read("two.png", 10) == b"two"

    def test_keeps_two_top_folders(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"a/1.png": b"1", "b/2.png": b"2"})
        with open_source(path) as source:
            assert source.names() == {"a/1.png", "b/2.png"}

    @pytest.mark.parametrize("name", ["../evil.png", "/evil.png", "C:/evil.png", "a\\evil.png"])
    def test_refuses_entries_that_leave_the_folder(self, tmp_path, name):
        path = write_zip(tmp_path / "s.zip", FILES | {name: b"evil"})
        [found] = problems(path)
        assert name_fault(name) in found

    def test_refuses_a_name_with_nul(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", FILES | {"x.pngXevil": b"evil"})
        path.write_bytes(path.read_bytes().replace(b"x.pngXevil", b"x.png\0evil"))
        assert "control" in "".join(problems(path))

    def test_refuses_an_entry_without_a_name(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", FILES | {"X": b"nameless"})
        path.write_bytes(path.read_bytes().replace(b"X", b"\0"))
        assert "control" in "".join(problems(path))

    def test_refuses_duplicate_names(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", FILES)
        with warnings.catch_warnings(), zipfile.ZipFile(path, "a") as archive:
            warnings.simplefilter("ignore")
            archive.writestr("two.png", b"other")
        assert problems(path) == ["two.png: is in the ZIP 2 times; keep one of them"]

    def test_refuses_encrypted_entries(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"manifest.csv": b"a,b"})
        data = bytearray(path.read_bytes())
        for signature, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(signature) + offset] |= 1
        path.write_bytes(data)
        assert "manifest.csv: is encrypted" in problems(path)[0]
        assert "is encrypted" in refusal(path, read="manifest.csv")

    def test_refuses_links(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", FILES)
        info = zipfile.ZipInfo("link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        with zipfile.ZipFile(path, "a") as archive:
            archive.writestr(info, "/etc/passwd")
        assert "link.png: is a link" in problems(path)[0]

    @pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    def test_refuses_compression_that_unpacks_without_bound(self, tmp_path, method):
        path = tmp_path / "s.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            archive.writestr("a.png", bytes(100))
        assert "unsupported way" in problems(path)[0]
        assert "unsupported way" in refusal(path, read="a.png")

    def test_refuses_a_bomb_by_its_ratio(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"bomb.png": bytes(8 * MIB)})
        assert "more than 200 times" in problems(path)[0]
        assert "more than 200 times" in refusal(path, read="bomb.png")

    def test_takes_small_files_of_one_colour(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"blank.dcm": bytes(MIB)})
        with open_source(path) as source:
            assert source.problems == ()
            assert source.read("blank.dcm", MIB) == bytes(MIB)

    def test_never_unpacks_a_nested_archive(self, tmp_path):
        inner = write_zip(tmp_path / "inner.zip", {"bomb": bytes(8 * MIB)}).read_bytes()
        path = write_zip(tmp_path / "s.zip", {"inner.zip": inner})
        with open_source(path) as source:
            assert source.names() == {"inner.zip"}
            assert source.read("inner.zip", MIB) == inner

    def test_a_header_that_lies_gets_no_more_bytes_than_allowed(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"bomb.png": bytes(8 * MIB)})
        data = bytearray(path.read_bytes())
        struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 24, 100)
        struct.pack_into("<I", data, data.index(b"PK\x03\x04") + 22, 100)
        path.write_bytes(data)
        assert problems(path) == []
        assert "bomb.png: cannot be unpacked" in refusal(path, read="bomb.png")

    def test_a_packed_size_that_lies_does_not_hide_a_bomb(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"bomb.png": bytes(8 * MIB)})
        data = bytearray(path.read_bytes())
        struct.pack_into("<I", data, data.index(b"PK\x01\x02") + 20, MIB)
        path.write_bytes(data)
        assert "claim more bytes than it has" in problems(path)[0]

    def test_refuses_overlapping_files(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"a.png": os.urandom(2000), "b.png": b"b"})
        data = bytearray(path.read_bytes())
        first = data.index(b"PK\x01\x02")
        second = data.index(b"PK\x01\x02", first + 4)
        data[second + 20 : second + 28] = data[first + 20 : first + 28]
        struct.pack_into("<I", data, second + 42, 0)
        path.write_bytes(data)
        assert "overlap" in problems(path)[0]

    def test_bounds_each_file_and_the_total(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", {"a.png": os.urandom(600), "b.png": os.urandom(600)})
        assert problems(path, limits=Limits(max_total_bytes=1200)) == []
        [total] = problems(path, limits=Limits(max_total_bytes=1199))
        assert "unpacks to more than the 1.2 KiB allowed" in total
        each = problems(path, limits=Limits(max_file_bytes=599))
        assert [problem[:5] for problem in each] == ["a.png", "b.png"]
        with open_source(path, limits=Limits(max_total_bytes=1199)) as source:
            for _ in range(3):  # the same file counts once
                assert len(source.read("a.png", 9999)) == 600
            with pytest.raises(ImportRefused, match="unpacks to more"):
                source.read("b.png", 9999)

    def test_refuses_a_huge_directory_before_loading_it(self, tmp_path, monkeypatch):
        path = write_zip(tmp_path / "s.zip", {f"{'n' * 900}{i}": b"" for i in range(1200)})
        monkeypatch.setattr(zipfile, "ZipInfo", None)  # what each entry would be loaded into
        assert "more than 9 files" in refusal(path, limits=Limits(max_entries=9))

    def test_reads_files_larger_than_a_directory_may_be(self, tmp_path):
        content = os.urandom(3 * MIB)
        path = write_zip(tmp_path / "s.zip", {"a.png": content})
        with open_source(path, limits=Limits(max_entries=9)) as source:
            assert source.read("a.png", 4 * MIB) == content

    def test_refuses_a_damaged_part(self, tmp_path):
        path = write_zip(tmp_path / "s.zip", source_files(1))
        data = bytearray(path.read_bytes())
        data[60:80] = bytes(20)
        path.write_bytes(data)
        assert "manifest.csv: cannot be unpacked" in refusal(path, read="manifest.csv")
