"""Image files and tables from outside, read without trust: a folder or a ZIP archive of PNG, JPEG
and DICOM files, checked, decoded, and stripped of what may name a patient.

Plain Python, without Django, and without side effects: nothing is written. What is wrong is a
`Problem` with its file, row and column; an `ImportRefused` lists every problem found.

The data flows one way: `folder_or_zip` (bytes of named files) → `csv_table` (checked cells) →
`pixels` (RGB arrays; `png` and `jpeg` by themselves, DICOM by `dicom`: frames by `dicom_frames`,
what they hold by `dicom_samples`, and then `colours`, `palettes` or `lookup_tables`) →
`deidentified_image` (what of them may be stored, by `ultrasound_regions`, `spacing` and
`burned_in_text`, and the `findings` that a person must answer). Pictures are compared by
`likeness`. A whole cohort is read by ``studies/read_cohort.py``.

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
