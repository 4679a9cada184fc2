"""No byte of what is not pixels survives an import: in no file, no row, no log and no message.

`READERSTUDY_EXAMPLES` sets how many files are tried of each kind.
"""

import logging
import os
import tempfile
import zlib
from functools import partial
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readerstudy.audit.models import AuditEvent
from readerstudy.imaging import ImportRefused, UnreadableImage
from readerstudy.imaging.deidentified_image import deidentify_image
from readerstudy.imaging.pixels import encode_png
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import Case, Cohort, Image, Study
from readerstudy.studies.read_cohort import read_cohort
from readerstudy.studies.review.models import CandidateFrame, ImageReview
from tests.imaging.example_files import source_files, write_folder
from tests.imaging.marked_files import marked_dicom, marked_jpeg, marked_png, png_chunks

pytestmark = pytest.mark.slow("as long as READERSTUDY_EXAMPLES says")

EXAMPLES = int(os.environ.get("READERSTUDY_EXAMPLES", "12"))
KINDS = {
    "png": partial(marked_png, mode="RGB"),
    "png with alpha": partial(marked_png, mode="RGBA"),
    "png with a palette": partial(marked_png, mode="P"),
    "jpeg": marked_jpeg,
    "dicom": marked_dicom,
    "dicom clip": partial(marked_dicom, frames=3),
    "dicom jpeg": partial(marked_dicom, compressed=True),
}
# Long and uneven enough that no pixels have it by chance.
MARKERS = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=4, max_size=10).map(
    "QX7VKZ".__add__
)
SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]


class Marks:
    """Gives markers that begin alike, and knows whether one is left anywhere."""

    def __init__(self, stem: str):
        self.stem = stem.encode()
        self.count = 0

    def __call__(self) -> bytes:
        self.count += 1
        return self.stem + b"%04d" % self.count

    def left_in(self, data: bytes) -> bool:
        wide = (self.stem.decode().encode(code) for code in ("utf-16-le", "utf-16-be"))
        backwards = self.stem[::-1]
        return any(form in data for form in (self.stem, backwards, *wide))


def is_bare(png: bytes) -> bool:
    """Whether a PNG has pixels and nothing else, in its chunks and in its stream."""
    kinds = [kind for kind, _ in png_chunks(png)]
    stream = zlib.decompressobj()
    lines = stream.decompress(b"".join(body for kind, body in png_chunks(png) if kind == b"IDAT"))
    head = png_chunks(png)[0][1]
    width, height = (int.from_bytes(head[at : at + 4]) for at in (0, 4))
    return (
        kinds == [b"IHDR", *[b"IDAT"] * (len(kinds) - 2), b"IEND"]
        and head[8:] == bytes([8, 2, 0, 0, 0])
        and len(lines) == height * (1 + 3 * width)
        and not stream.unused_data
        and png_chunks(png)[-1][1] == b""
    )


def everything_stored(media_root: Path) -> bytes:
    """Every value of every row that an import writes, and every stored file with its name."""
    rows = [
        repr(tuple(row))
        for model in (Study, Cohort, Case, Image, ImageReview, CandidateFrame, AuditEvent)
        for row in model.objects.values_list()
    ]
    files = [path for path in media_root.rglob("*") if path.is_file()]
    return "\n".join([*rows, *map(str, files)]).encode() + b"".join(f.read_bytes() for f in files)


@pytest.mark.parametrize("kind", KINDS)
@given(stem=MARKERS)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
def test_nothing_but_pixels_survives(kind, stem, caplog):
    marks = Marks(stem)
    data = KINDS[kind](marks)
    assert marks.count > 8
    assert marks.left_in(data)
    with caplog.at_level(logging.DEBUG):
        found = deidentify_image(data)
    pngs = [encode_png(found.rgb), *(frame.png for frame in found.findings.frames)]
    for png in pngs:
        assert is_bare(png)
        assert not marks.left_in(png)
        lines = b"".join(body for name, body in png_chunks(png) if name == b"IDAT")
        assert not marks.left_in(zlib.decompress(lines))
    assert not marks.left_in(found.rgb.tobytes())
    told = (found.findings.needs_crop, found.findings.boxes, found.mm_per_pixel, caplog.text)
    assert not marks.left_in(repr(told).encode())


@pytest.mark.parametrize("kind", KINDS)
@given(stem=MARKERS, data=st.data())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=SLOW)
def test_no_message_and_no_log_quotes_a_damaged_file(kind, stem, data, caplog):
    marks = Marks(stem)
    whole = KINDS[kind](marks)
    patch = data.draw(st.sampled_from([b"", b"\0", b"\xff" * 4, marks()]))
    at = data.draw(st.integers(0, min(len(whole), 3000)))
    end = data.draw(st.one_of(st.just(len(whole)), st.integers(0, len(whole))))
    damaged = (whole[:at] + patch + whole[at + len(patch) :])[:end]
    with caplog.at_level(logging.DEBUG):
        try:
            deidentify_image(damaged)
        except UnreadableImage as error:
            assert not marks.left_in(str(error).encode())  # noqa: PT017 - either outcome is right
    assert not marks.left_in(caplog.text.encode())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.django_db
@given(stem=MARKERS)
@settings(max_examples=max(EXAMPLES // 6, 2), deadline=None, suppress_health_check=SLOW)
def test_nothing_but_pixels_is_stored(kind, stem, caplog, media_root):
    marks = Marks(stem)
    files = source_files(1)
    for name in [name for name in files if name.endswith(".png")]:
        files[name] = KINDS[kind](marks)
    with transaction.atomic(), tempfile.TemporaryDirectory() as folder:
        study = Study.objects.create(slug="study", title="Study")
        cohort = Cohort.objects.create(study=study, name="internal")
        with caplog.at_level(logging.DEBUG):
            import_cohort(cohort=cohort, source=write_folder(Path(folder) / "source", files))
        assert Image.objects.count() == 2
        assert not marks.left_in(everything_stored(media_root))
        assert not marks.left_in(caplog.text.encode())
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("place", "put", "told"),
    [
        (b"1.2.840.10008.1.2.1\0", b"1.2.34567.8901.2345\0", "not a standard one"),
        (b"CS\x04\0RGB ", b"CS\x04\0DOE ", "not a standard name"),
    ],
    ids=["transfer syntax", "colours"],
)
def test_a_refusal_names_the_place_and_quotes_nothing_of_the_file(place, put, told, tmp_path):
    files = source_files(1)
    [name, _] = [name for name in files if name.endswith(".png")]
    good = marked_dicom(Marks("MARKER"))
    assert place in good
    files[name] = good.replace(place, put)
    with pytest.raises(ImportRefused) as caught:
        list(read_cohort(write_folder(tmp_path, files)))
    [problem] = caught.value.problems
    assert (problem.file, problem.row, problem.column) == (name, 2, "bus_file")
    assert told in problem.message
    assert not any(word in str(caught.value) for word in ("MARKER", "DOE", "34567"))
