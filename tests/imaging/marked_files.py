"""Image files with a marker in every place where something other than pixels can be.

A marker stands for what tells who a patient is. Every maker takes a function that gives the next
marker, so that none stands in two places.
"""

import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRLittleEndian, JPEGBaseline8Bit, UltrasoundImageStorage

from tests.imaging.example_files import RGB_DICOM, encoded, picture, region

Marker = Callable[[], bytes]
SIGNATURE = b"\x89PNG\r\n\x1a\n"


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_chunks(png: bytes) -> list[tuple[bytes, bytes]]:
    """(type, body) of every chunk; the file must end with the last."""
    assert png.startswith(SIGNATURE)
    position, found = len(SIGNATURE), []
    while position < len(png):
        length, kind = struct.unpack_from(">I4s", png, position)
        found.append((kind, png[position + 8 : position + 8 + length]))
        position += 12 + length
    return found


def marked_png(mark: Marker, *, mode: str) -> bytes:
    """A PNG, of mode RGB, RGBA (marks under full transparency) or P (in colours not used)."""
    pixels = picture()
    if mode == "RGBA":
        pixels = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
        hidden = np.frombuffer(mark().ljust(30, b"."), np.uint8)[:30].reshape(10, 3)
        pixels[0, :10, :3], pixels[0, :10, 3] = hidden, 0
        good = encoded(pixels)
    elif mode == "P":
        image = Image.fromarray((pixels[..., 0] // 64).astype(np.uint8), "P")
        image.putpalette(bytes(range(12)) + mark().ljust(60, b"."))
        file = io.BytesIO()
        image.save(file, "PNG")
        good = file.getvalue()
    else:
        good = encoded(pixels)
    head, *rest = png_chunks(good)
    before = [
        chunk(b"iCCP", b"p" + mark() + b"\0\0" + zlib.compress(mark() * 9)),
        chunk(b"sPLT", mark() + b"\0\x08" + mark()),
        chunk(b"tEXt", b"Patient\0" + mark()),
        chunk(b"zTXt", b"Comment\0\0" + zlib.compress(mark())),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + mark()),
        chunk(b"eXIf", exif(mark)),
        chunk(b"prVt", mark()),
    ]
    after = [chunk(b"tEXt", b"Author\0" + mark()), chunk(b"acTx", mark())]
    body = [chunk(*each) for each in rest]
    return b"".join([SIGNATURE, chunk(*head), *before, *body[:-1], *after, body[-1], mark()])


def exif(mark: Marker) -> bytes:
    """EXIF with a description and, as cameras do, a thumbnail with a comment."""
    tags = Image.Exif()
    tags[0x010E] = tags[0x013B] = mark().decode()
    tags[0x9286] = mark()
    return tags.tobytes() + encoded(picture(9), "JPEG", comment=mark())


def marked_jpeg(mark: Marker) -> bytes:
    """A JPEG with every application segment, comments, a thumbnail and trailing bytes."""
    good = encoded(picture(), "JPEG", quality=90)
    segments = [struct.pack(">BBH", 0xFF, 0xFE, 2 + len(text := mark())) + text]
    for number in range(1, 16):
        body = {1: b"Exif\0\0" + exif(mark), 2: b"ICC_PROFILE\0\x01\x01" + mark()}.get(
            number, mark()
        )
        segments.append(struct.pack(">BBH", 0xFF, 0xE0 + number, 2 + len(body)) + body)
    xmp = b"http://ns.adobe.com/xap/1.0/\0" + mark()
    segments.append(struct.pack(">BBH", 0xFF, 0xE1, 2 + len(xmp)) + xmp)
    del segments[14]  # APP14 is Adobe's: it would change the colours
    return good[:2] + b"".join(segments) + good[2:] + mark() + encoded(picture(3)) + mark()


TEXTS = (
    *("PatientName", "PatientID", "PatientComments", "InstitutionName", "OperatorsName"),
    *("StudyDescription", "SeriesDescription", "ReferringPhysicianName", "AccessionNumber"),
    *("StationName", "ImageComments", "DeviceSerialNumber", "ProtocolName", "OtherPatientNames"),
    *("StudyID", "DerivationDescription", "ManufacturerModelName", "PatientAddress"),
)


def marked_dicom(mark: Marker, *, frames: int = 1, compressed: bool = False) -> bytes:
    """A DICOM file that names its patient everywhere, private and nested elements included."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3.4"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit if compressed else ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = mark().decode()[:16]
    dataset.file_meta.PrivateInformationCreatorUID = "1.2.3"
    dataset.file_meta.PrivateInformation = mark() + b" " * (len(mark()) % 2)
    for keyword in TEXTS:
        setattr(dataset, keyword, mark().decode()[:16])
    dataset.PatientBirthDate = "19610324"
    dataset.OtherPatientIDsSequence = [_named(mark)]
    block = dataset.private_block(0x0011, mark().decode(), create=True)
    block.add_new(0x01, "LO", mark().decode())
    block.add_new(0x02, "SQ", [_named(mark)])
    dataset.SequenceOfUltrasoundRegions = [_marked_region(mark)]
    dataset.ICCProfile = _even(mark())
    dataset.add_new(0x60003000, "OW", _even(mark() * 4))  # an overlay
    dataset.add_new(0x60000022, "LO", mark().decode()[:60])
    for keyword, value in RGB_DICOM.items():
        setattr(dataset, keyword, value)
    dataset.BitsAllocated = dataset.BitsStored = 8
    dataset.HighBit, dataset.PixelRepresentation, dataset.NumberOfFrames = 7, 0, frames
    pixels = [picture(seed).tobytes() for seed in range(frames)]
    if compressed:
        dataset.PhotometricInterpretation = "YBR_FULL_422"
        dataset.PixelData = encapsulate([marked_jpeg(mark) for _ in pixels])
        dataset["PixelData"].is_undefined_length = True
    else:
        dataset.PixelData = b"".join(pixels) + _even(mark())  # more than the frames need
    dataset["PixelData"].VR = "OB"
    dataset.DataSetTrailingPadding = _even(mark())
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    data = file.getvalue()
    return mark().ljust(128, b"\0")[:128] + data[128:] + mark()


def _named(mark: Marker) -> Dataset:
    item = Dataset()
    item.PatientID = item.PatientName = mark().decode()[:60]
    return item


def _marked_region(mark: Marker) -> Dataset:
    """A region over the whole picture, with more in it than the standard has."""
    item = region((0, 0, 47, 39))
    item.PatientComments = mark().decode()
    item.private_block(0x0011, "maker", create=True).add_new(0x01, "LO", mark().decode())
    return item


def _even(data: bytes) -> bytes:
    return data + b" " * (len(data) % 2)
