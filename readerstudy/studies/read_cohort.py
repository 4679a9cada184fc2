"""A whole source of a cohort, read case by case in bounded memory.

All or nothing: the source is good as a whole, or an `ImportRefused` lists every problem found::

    with transaction.atomic():
        for case in read_cohort(path):      # raises ImportRefused at the start or at the end
            save(case.row, case.bus_png, case.cdfi_png)

A refusal may come after cases have been yielded, since images are decoded one by one; leaving the
loop by the exception is what undoes them. To know the number of cases first, take the two steps
by themselves::

    with open_source(path) as source:
        rows = validate(source)             # all problems of the manifest and of file names
        for case in iter_cases(source, rows):   # all problems of the images, at the end
            ...
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from readerstudy.imaging.deidentified_image import (
    DeidentifiedImage,
    ImageFindings,
    deidentify_image,
)
from readerstudy.imaging.folder_or_zip import Source, open_source
from readerstudy.imaging.likeness import thumbnail
from readerstudy.imaging.pixels import encode_png
from readerstudy.imaging.problems import ImportRefused, Problem, UnreadableImage
from readerstudy.imaging.source_limits import Limits
from readerstudy.studies.read_manifest import ManifestRow, read_manifest


@dataclass(frozen=True, kw_only=True, slots=True)
class DecodedCase:
    """A case and its two images, as PNG files that carry pixels and nothing else.

    Millimetres per pixel are the manifest's, or else what the DICOM file tells; None if unknown.
    The findings are what a person must know who looks at the image before it is read.
    """

    row: ManifestRow
    bus_png: bytes
    cdfi_png: bytes
    bus_mm_per_pixel: float | None = None
    cdfi_mm_per_pixel: float | None = None
    bus_findings: ImageFindings
    cdfi_findings: ImageFindings
    bus_thumbnail: bytes
    cdfi_thumbnail: bytes


def read_cohort(path: str | Path, *, limits: Limits | None = None) -> Iterator[DecodedCase]:
    """Yield every case of the folder or ZIP archive at `path`, in the manifest's order.

    One case is in memory at a time. What has been yielded is worth keeping only once the
    iteration has ended without an error: until then stage it.

    Raises
    ------
    ImportRefused
        Before the first case, with all problems of source and manifest; or at the end, with all
        problems of the images.
    """
    with open_source(path, limits=limits) as source:
        yield from iter_cases(source, validate_manifest(source))


def validate_manifest(source: Source, *, truth: bool = True) -> list[ManifestRow]:
    """The rows of the manifest in its order, checked together with the files that they name.

    Images are not decoded here: that is slow, and the work of `iter_cases`. Without `truth` the
    manifest has no columns of it.

    Raises
    ------
    ImportRefused
        With all problems of source and manifest.
    """
    rows, problems = read_manifest(source, truth=truth)
    if problems := [*source.problems, *problems]:
        raise ImportRefused(problems)
    return rows


def iter_cases(source: Source, rows: Iterable[ManifestRow]) -> Iterator[DecodedCase]:
    """Yield each row with its images, as `iter_pixels` does, encoded anew."""
    for case in iter_pixels(source, rows):
        yield DecodedCase(
            row=case.row,
            bus_png=encode_png(case.bus.rgb),
            cdfi_png=encode_png(case.cdfi.rgb),
            bus_mm_per_pixel=case.bus.mm_per_pixel,
            cdfi_mm_per_pixel=case.cdfi.mm_per_pixel,
            bus_findings=case.bus.findings,
            cdfi_findings=case.cdfi.findings,
            bus_thumbnail=thumbnail(case.bus.rgb),
            cdfi_thumbnail=thumbnail(case.cdfi.rgb),
        )


def iter_pixels(source: Source, rows: Iterable[ManifestRow]) -> Iterator["CasePixels"]:
    """Yield each row with its decoded images.

    From the first unreadable image on nothing more is yielded, but all further images are still
    looked at, so that the refusal at the end is complete, up to the limit of problems.

    Raises
    ------
    ImportRefused
        At the end, with all problems of the images.
    """
    problems: list[Problem] = []
    for row in rows:
        bus = _image(source, row, "bus", problems)
        cdfi = _image(source, row, "cdfi", problems)
        if not problems:
            yield CasePixels(row, bus, cdfi)
        if len(problems) >= source.limits.max_problems:
            break
    if problems:
        raise ImportRefused(problems)


@dataclass(frozen=True, slots=True)
class CasePixels:
    """A case and its two images as pixels, with what there is to say of them."""

    row: ManifestRow
    bus: DeidentifiedImage
    cdfi: DeidentifiedImage


def _image(
    source: Source, row: ManifestRow, kind: str, problems: list[Problem]
) -> DeidentifiedImage | None:
    """The row's image of this kind; None where a problem was noted instead."""
    column = f"{kind}_file"
    name, frame = getattr(row, column), getattr(row, f"{kind}_frame")
    try:
        data = source.read(name, source.limits.max_file_bytes)
        image = deidentify_image(data, frame=frame, in_colour=kind == "cdfi", limits=source.limits)
        spacing = getattr(row, f"{kind}_mm_per_pixel")
        return replace(image, mm_per_pixel=spacing) if spacing else image
    except ImportRefused as refused:
        problems += [replace(p, row=row.row, column=column) for p in refused.problems]
    except UnreadableImage as error:
        problems.append(Problem(str(error), file=name, row=row.row, column=column))
    return None
