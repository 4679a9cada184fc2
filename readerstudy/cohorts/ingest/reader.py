"""A whole source, read case by case in bounded memory."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from readerstudy.cohorts.ingest.deidentify import Cleaned, Findings, clean
from readerstudy.cohorts.ingest.limits import Limits
from readerstudy.cohorts.ingest.manifest import ManifestRow, read_manifest
from readerstudy.cohorts.ingest.pixels import encode_png
from readerstudy.cohorts.ingest.problems import ImportRefused, Problem, UnreadableImage
from readerstudy.cohorts.ingest.sources import Source, open_source


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
    bus_findings: Findings
    cdfi_findings: Findings


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
        yield from iter_cases(source, validate(source))


def validate(source: Source, *, truth: bool = True) -> list[ManifestRow]:
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
    bus: Cleaned
    cdfi: Cleaned


def _image(source: Source, row: ManifestRow, kind: str, problems: list[Problem]) -> Cleaned | None:
    """The row's image of this kind; None where a problem was noted instead."""
    column = f"{kind}_file"
    name, frame = getattr(row, column), getattr(row, f"{kind}_frame")
    try:
        data = source.read(name, source.limits.max_file_bytes)
        image = clean(data, frame=frame, limits=source.limits)
        spacing = getattr(row, f"{kind}_mm_per_pixel")
        return replace(image, mm_per_pixel=spacing) if spacing else image
    except ImportRefused as refused:
        problems += [replace(p, row=row.row, column=column) for p in refused.problems]
    except UnreadableImage as error:
        problems.append(Problem(str(error), file=name, row=row.row, column=column))
    return None
