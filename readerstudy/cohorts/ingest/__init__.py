"""Read a cohort from a folder or a ZIP archive: ``manifest.csv`` and PNG, JPEG or DICOM images.

Plain Python, without Django, and without side effects: nothing is written. All or nothing:
the source is good as a whole, or an `ImportRefused` lists every problem found, each with its
file, row and column.

The whole of it, in bounded memory::

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

The data walks one way: `sources` (bytes of named files) → `table` (checked cells) → `manifest`
(rows) → `pixels` (RGB arrays of PNG and JPEG; DICOM by `dicom`, with `whitelist`, `codestream`,
`greyscale`, `spacing` and `apart`) → `deidentify` (what of them may be stored, by `regions` and
`lettering`) → `reader` (cases).
"""

from readerstudy.cohorts.ingest.boxes import Box
from readerstudy.cohorts.ingest.deidentify import Findings, Frame
from readerstudy.cohorts.ingest.limits import Limits
from readerstudy.cohorts.ingest.manifest import ManifestRow, read_manifest
from readerstudy.cohorts.ingest.pixels import decode, encode_png
from readerstudy.cohorts.ingest.problems import (
    MANIFEST_NAME,
    ImportRefused,
    Problem,
    UnreadableImage,
)
from readerstudy.cohorts.ingest.reader import (
    CasePixels,
    DecodedCase,
    iter_cases,
    iter_pixels,
    read_cohort,
    validate,
)
from readerstudy.cohorts.ingest.sources import Source, open_source

__all__ = [
    "MANIFEST_NAME",
    "Box",
    "CasePixels",
    "DecodedCase",
    "Findings",
    "Frame",
    "ImportRefused",
    "Limits",
    "ManifestRow",
    "Problem",
    "Source",
    "UnreadableImage",
    "decode",
    "encode_png",
    "iter_cases",
    "iter_pixels",
    "open_source",
    "read_cohort",
    "read_manifest",
    "validate",
]
