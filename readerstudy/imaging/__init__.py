"""Image files and tables from outside, read without trust: a folder or a ZIP archive of PNG, JPEG
and DICOM files, checked, decoded, and stripped of what may name a patient.

Plain Python, without Django, and without side effects: nothing is written. What is wrong is a
`Problem` with its file, row and column; an `ImportRefused` lists every problem found.

The data flows one way: `folder_or_zip` (bytes of named files) → `csv_table` (checked cells) →
`pixels` (RGB arrays of PNG and JPEG; DICOM by `dicom`, with `whitelist`, `codestream`,
`lookup_tables`, `spacing` and `decode_subprocess`) → `deidentified_image` (what of them may be
stored, by `regions` and `burned_in_text`). A whole cohort is read by ``studies/read_cohort.py``.

Named here is what needs no decoder; what decodes is imported from its module, by those who do.
"""

from readerstudy.imaging.box import Box
from readerstudy.imaging.folder_or_zip import Source, open_source
from readerstudy.imaging.problems import (
    MANIFEST_NAME,
    ImportRefused,
    Problem,
    UnreadableImage,
)
from readerstudy.imaging.source_limits import Limits

__all__ = [
    "MANIFEST_NAME",
    "Box",
    "ImportRefused",
    "Limits",
    "Problem",
    "Source",
    "UnreadableImage",
    "open_source",
]
