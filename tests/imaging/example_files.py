"""Small sources for import tests: pictures, DICOM files, manifests, folders and ZIP archives."""

import csv
import io
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, UltrasoundImageStorage, generate_uid

from readerstudy.diagnosis import Etiology

COLUMNS = (
    "case_id",
    "bus_file",
    "cdfi_file",
    "sex",
    "age",
    "diameter_mm",
    "location",
    "neck_level",
    "pathologic_method",
    "etiology",
    "instrument",
)
PATIENT = "DOE^JANE^SECRET"


def picture(seed: int = 0, *, width: int = 48, height: int = 40) -> np.ndarray:
    """A reproducible picture, (height, width, 3) uint8, smooth and different for each seed.

    Its colours are a tint: neither those of Doppler, nor those of none.
    """
    y, x = np.mgrid[0:height, 0:width]
    planes = [127 + 40 * np.sin((x * (3 + k) + y * (5 - k) + seed * 17) / 40 + k) for k in range(3)]
    return np.stack(planes, axis=2).astype(np.uint8)


def encoded(pixels: np.ndarray, kind: str = "PNG", **options) -> bytes:
    """`pixels` as an image file of this kind, by Pillow."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, kind, **options)
    return file.getvalue()


def dicom_bytes(pixel_data: bytes, *, syntax: str = ExplicitVRLittleEndian, **elements) -> bytes:
    """A DICOM file that names a patient; `elements` are keywords of its data set."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=["test"])
    dataset.SOPClassUID = UltrasoundImageStorage
    dataset.PatientName = PATIENT
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.PixelRepresentation = 0
    for keyword, value in elements.items():
        setattr(dataset, keyword, value)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelData = pixel_data
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    dataset["PixelData"].VR = "OB" if compressed or dataset.BitsAllocated == 8 else "OW"
    dataset["PixelData"].is_undefined_length = compressed
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def manifest_row(number: int, **changes: str) -> dict[str, str]:
    """The cells of case `number`, counted from 1, with `changes` made."""
    etiologies = list(Etiology)
    row = {
        "case_id": f"case-{number:03}",
        "bus_file": f"images/case-{number:03}_bus.png",
        "cdfi_file": f"images/case-{number:03}_cdfi.png",
        "sex": ("female", "male")[number % 2],
        "age": str(20 + number % 60),
        "diameter_mm": f"{8 + number % 30}.5",
        "location": ("left", "right")[number % 2],
        "neck_level": ("II", "IIb", "IV", "supraclavicular")[number % 4],
        "pathologic_method": ("needle_biopsy", "excisional_biopsy")[number % 2],
        "etiology": str(etiologies[number % len(etiologies)]),
        "instrument": "Maker Model 7",
    }
    return row | changes


def manifest_text(rows: list[dict[str, str]]) -> str:
    """A manifest with these rows; its columns are the first row's."""
    file = io.StringIO()
    writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else COLUMNS)
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue()


def source_files(cases: int = 3, *, changes: dict[int, dict[str, str]] | None = None) -> dict:
    """The files of a good source, name to bytes; `changes` maps a case's number to its cells."""
    numbers = range(1, cases + 1)
    rows = [manifest_row(number, **(changes or {}).get(number, {})) for number in numbers]
    files = {"manifest.csv": manifest_text(rows).encode()}
    for number in numbers:
        row = manifest_row(number)
        files[row["bus_file"]] = encoded(picture(2 * number))
        files[row["cdfi_file"]] = encoded(picture(2 * number + 1))
    return files


def write_folder(folder: Path, files: dict[str, bytes]) -> Path:
    """Write `files` under `folder`, and return it."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def write_zip(path: Path, files: dict[str, bytes], *, top: str = "") -> Path:
    """Write `files` into a ZIP archive, each name prefixed with `top`, and return its path."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(top + name, data)
    return path


def build_source(folder: Path, cases: int = 3) -> Path:
    """Write a good source of `cases` cases under `folder`, and return the folder."""
    return write_folder(folder, source_files(cases))


RGB_DICOM = {
    "Rows": 40,
    "Columns": 48,
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
}


def region(
    corners: tuple[int, int, int, int] | None, *, kind: int = 1, data: int = 1, **elements
) -> Dataset:
    """An ultrasound region with these corners, as DICOM counts them; None leaves them out."""
    item = Dataset()
    item.RegionSpatialFormat, item.RegionDataType = kind, data
    for name, value in zip(("MinX0", "MinY0", "MaxX1", "MaxY1"), corners or (), strict=False):
        setattr(item, f"RegionLocation{name}", value)
    for keyword, value in elements.items():
        setattr(item, keyword, value)
    return item
