"""Image files whose right pixels are known, written by pydicom, Pillow, GDCM and DCMTK alone.

Nothing here shares code with what reads them.
"""

import io
import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import gdcm
import numpy as np
import pydicom
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
    UltrasoundImageStorage,
)

GDCM_SYNTAXES = {
    "1.2.840.10008.1.2.4.57": gdcm.TransferSyntax.JPEGLosslessProcess14,
    "1.2.840.10008.1.2.4.70": gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    "1.2.840.10008.1.2.4.80": gdcm.TransferSyntax.JPEGLSLossless,
    "1.2.840.10008.1.2.4.90": gdcm.TransferSyntax.JPEG2000Lossless,
}


def smooth(seed: int, *, width: int = 160, height: int = 120) -> np.ndarray:
    """A picture of soft colours, hardly a pixel grey, (height, width, 3) uint8."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width] / 160
    waves = [rng.uniform(2, 9, 2) @ np.stack([x.ravel(), y.ravel()]) for _ in range(3)]
    planes = [127 + 120 * np.sin(w + rng.uniform(0, 6)) for w in waves]
    return np.stack(planes, axis=1).reshape(height, width, 3).astype(np.uint8)


def ultrasound(seed: int, *, width: int = 160, height: int = 120) -> np.ndarray:
    """Mostly black, a fan of speckle in grey, and two patches of flow in it."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:height, 0:width]
    fan = (np.abs(x - width / 2) < 8 + y * 0.5) & (y > height // 10)
    speckle = rng.integers(15, 140, ((height + 2) // 3, (width + 2) // 3)).repeat(3, 0).repeat(3, 1)
    pixels = np.repeat((speckle[:height, :width] * fan)[..., np.newaxis], 3, axis=2)
    third, half = height // 3, width // 2
    pixels[third : third + 8, half - 6 : half + 6] = (210, 40, 30)
    pixels[2 * third : 2 * third + 8, half - 6 : half + 6] = (30, 60, 215)
    return pixels.astype(np.uint8)


def ybr(rgb: np.ndarray) -> np.ndarray:
    """RGB as luminance and colour differences."""
    return np.asarray(Image.fromarray(rgb).convert("YCbCr"))


def save(dataset: Dataset) -> bytes:
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def dicom(pixel_data: bytes, *, syntax: str = ExplicitVRLittleEndian, **elements) -> bytes:
    """A DICOM file of 120 rows by 160 columns in RGB, unless ``elements`` say otherwise."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UltrasoundImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = "1.2.3.4"
    dataset.StudyInstanceUID, dataset.SeriesInstanceUID = "1.2.3.1", "1.2.3.2"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 120, 160, 3
    dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.PixelRepresentation = 0
    for keyword, value in elements.items():
        put(dataset, keyword, value)
    if "HighBit" not in elements:
        dataset.HighBit = dataset.BitsStored - 1
    if dataset.SamplesPerPixel == 1:
        del dataset.PlanarConfiguration
    dataset.PixelData = pixel_data + b"\0" * (len(pixel_data) % 2)
    compressed = dataset.file_meta.TransferSyntaxUID.is_compressed
    dataset["PixelData"].VR = "OB" if compressed or dataset.BitsAllocated == 8 else "OW"
    dataset["PixelData"].is_undefined_length = compressed
    return save(dataset)


def put(dataset: Dataset, keyword: str, value) -> None:
    """Set an element; a table's descriptor is signed if its first value is below 0."""
    if keyword.endswith("TableDescriptor"):
        dataset.add_new(keyword, "SS" if value[1] < 0 else "US", value)
    else:
        setattr(dataset, keyword, value)


def grey_dicom(pixel_data: bytes, **elements) -> bytes:
    grey = {"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
    return dicom(pixel_data, **grey | elements)


def relabelled(data: bytes, **elements) -> bytes:
    """The file with other elements; None takes one away."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for keyword, value in elements.items():
        if value is None:
            del dataset[keyword]
        else:
            put(dataset, keyword, value)
    return save(dataset)


def item(**elements) -> Dataset:
    """An item of a sequence."""
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def by_gdcm(data: bytes, syntax: str) -> bytes:
    """The file compressed without loss by GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.dcm"), Path(folder, "b.dcm")
        source.write_bytes(data)
        reader = gdcm.ImageReader()
        reader.SetFileName(str(source))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(GDCM_SYNTAXES[syntax]))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        writer.SetFileName(str(target))
        assert writer.Write()
        return target.read_bytes()


def by_dcmtk(data: bytes, program: str, *options: str) -> bytes:
    """What a program of DCMTK makes of the file. It must be there: .ci/install-services."""
    found = shutil.which(program)
    assert found, f"{program} is missing: apt-get install dcmtk"
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "a.dcm"), Path(folder, "b.dcm")
        source.write_bytes(data)
        subprocess.run([found, *options, source, target], check=True, capture_output=True)
        return target.read_bytes()


def by_pydicom_rle(data: bytes) -> bytes:
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.compress(RLELossless, encoding_plugin="pydicom", generate_instance_uid=False)
    return save(dataset)


def frame_of(data: bytes) -> bytes:
    """The first compressed frame of a file."""
    pixels = pydicom.dcmread(io.BytesIO(data)).PixelData
    return next(generate_frames(pixels, number_of_frames=1))


def jpeg(pixels: np.ndarray, *, mode: str = "", **options) -> bytes:
    """By Pillow, hardly with loss and not subsampled unless asked for."""
    file = io.BytesIO()
    size = pixels.shape[1::-1]
    image = Image.frombytes(mode, size, pixels.tobytes()) if mode else Image.fromarray(pixels)
    image.save(file, "JPEG", **{"quality": 98, "subsampling": 0} | options)
    return file.getvalue()


def pillow(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def segments(encoded: bytes) -> list[bytes]:
    """A JPEG's start, its segments, each scan with what follows it, and its end."""
    parts, position = [encoded[:2]], 2
    while encoded[position + 1] != 0xD9:
        end = position + 2 + int.from_bytes(encoded[position + 2 : position + 4])
        if encoded[position + 1] == 0xDA:
            while encoded[end] != 0xFF or encoded[end + 1] in (0, *range(0xD0, 0xD8)):
                end += 1
        parts.append(encoded[position:end])
        position = end
    return [*parts, encoded[position:]]


def marked_jpeg(encoded: bytes, *, ids: tuple, jfif: bool = False, adobe: int | None = None):
    """The same samples under these component ids and these markers and no other."""
    parts = segments(encoded)
    kept = []
    for part in parts[1:]:
        changed = bytearray(part)
        if part[1] in (0xE0, 0xEE):
            continue
        if part[1] in range(0xC0, 0xC4) and part[9] == 3:
            changed[10], changed[13], changed[16] = ids
        if part[1] == 0xDA and part[4] == 3:
            changed[5], changed[7], changed[9] = ids
        kept.append(bytes(changed))
    head = [b"\xff\xe0\x00\x10JFIF\0\1\1\0\0\1\0\1\0\0"] if jfif else []
    if adobe is not None:
        head.append(b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00" + bytes([adobe]))
    return b"".join([parts[0], *head, *kept])


def with_segment(encoded: bytes, marker: int, payload: bytes) -> bytes:
    """A JPEG with one more segment at its start."""
    length = struct.pack(">H", len(payload) + 2)
    return encoded[:2] + b"\xff" + bytes([marker]) + length + payload + encoded[2:]


def chunk(kind: bytes, payload: bytes, *, crc: int | None = None) -> bytes:
    """A chunk of a PNG."""
    crc = zlib.crc32(kind + payload) if crc is None else crc
    return struct.pack(">I", len(payload)) + kind + payload + struct.pack(">I", crc)


def png(pixels: np.ndarray, *extra: bytes, rows: int | None = None) -> bytes:
    """A PNG of 8 or 16 bits, grey or RGB, with extra chunks, and the first ``rows`` alone."""
    height, width = pixels.shape[:2]
    bits, kind = 8 * pixels.itemsize, 2 if pixels.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    big = pixels.astype(pixels.dtype.newbyteorder(">"))
    lines = zlib.compress(b"".join(b"\0" + line.tobytes() for line in big[:rows]))
    parts = [chunk(b"IHDR", header), *extra, chunk(b"IDAT", lines), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def in_dicom(encoded: bytes, label: str, syntax: str = JPEGBaseline8Bit) -> bytes:
    """A frame in a file with this label for its colours."""
    return dicom(encapsulate([encoded]), syntax=syntax, PhotometricInterpretation=label)


def rgb_jpeg(pixels: np.ndarray) -> bytes:
    return jpeg(pixels, keep_rgb=True)


def disc(*, wide: int, high: int) -> np.ndarray:
    """A round thing on pixels of this shape."""
    y, x = np.mgrid[0:120, 0:160]
    return (((x - 80) * wide) ** 2 + ((y - 60) * high) ** 2 < 60**2).astype(np.uint8) * 200


def region(across: float, down: float) -> Dataset:
    """The whole picture as tissue, with a pixel's centimetres."""
    corners = {"RegionLocationMinX0": 0, "RegionLocationMinY0": 0}
    corners |= {"RegionLocationMaxX1": 159, "RegionLocationMaxY1": 119}
    units = {"PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3}
    deltas = {"PhysicalDeltaX": across, "PhysicalDeltaY": down}
    kind = {"RegionSpatialFormat": 1, "RegionDataType": 1}
    return item(**kind, **corners, **units, **deltas)


def turned() -> bytes:
    """EXIF that says: turn it by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes().removeprefix(b"Exif\0\0")
