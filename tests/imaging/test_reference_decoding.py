"""Any file that pydicom and GDCM can write comes out as pydicom decodes it, or is refused by name.

READERSTUDY_DECODED is the number of files in all: 150 unless it says otherwise. The reference is
what pydicom makes of the same values in their plainest form: uncompressed, little-endian, pixel by
pixel, each value in the lowest bits. Half of the pictures look like ultrasound.
"""

import io
import os
import random
from dataclasses import dataclass, field

import numpy as np
import pydicom
import pytest
from pydicom.pixels import (
    apply_color_lut,
    apply_modality_lut,
    apply_voi_lut,
    convert_color_space,
    pixel_array,
)
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from readerstudy.imaging import UnreadableImage
from readerstudy.imaging.colours import rgb_of_ybr
from readerstudy.imaging.deidentified_image import deidentify_image
from readerstudy.imaging.findings import COLOURS, FRAMES
from tests.imaging.independent_files import (
    GDCM_SYNTAXES,
    by_gdcm,
    by_pydicom_rle,
    dicom,
    item,
    relabelled,
    smooth,
    ultrasound,
    ybr,
)

FILES = int(os.environ.get("READERSTUDY_DECODED", "150"))
PART = 25
PARTS = -(-FILES // PART)
TOLERANCE = 2
LEAST_DECODED = 0.7
"""Of the files, so that refusing is no way out."""
GENERIC = "damaged, incomplete or malformed"

_UNWRITTEN = ("PALETTE COLOR", RLELossless)
GREYS, COLOURED = ("MONOCHROME1", "MONOCHROME2"), ("RGB", "YBR_FULL", "YBR_FULL_422")
NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian)
SYNTAXES = (*NATIVE * 3, *(RLELossless,) * 6, *GDCM_SYNTAXES)


@dataclass
class Sample:
    """A file, and what it was made of."""

    seed: int
    rng: random.Random
    photometric: str = ""
    syntax: str = ""
    allocated: int = 8
    stored: int = 8
    shift: int = 0
    """Bits below the value, in the file but not in the reference."""
    is_signed: bool = False
    planar: int = 0
    frames: int = 1
    declares_frames: bool = True
    transform: dict = field(default_factory=dict)
    size: tuple[int, int] = (40, 40)

    def __str__(self) -> str:
        kept = {name: value for name, value in vars(self).items() if name not in ("rng",)}
        kept["transform"] = list(self.transform)
        return ", ".join(f"{name}={value}" for name, value in kept.items())


def drawn(seed: int) -> Sample:
    """The sample of this number: the same each time."""
    rng = random.Random(seed)
    one = Sample(seed, rng)
    one.photometric = rng.choice((*GREYS, "MONOCHROME2", "PALETTE COLOR", *COLOURED))
    one.syntax = rng.choice(SYNTAXES)
    one.size = rng.randint(33, 90), rng.randint(33, 90)
    one.frames = rng.choice((1, 1, 2, 3))
    one.declares_frames = one.frames > 1 and rng.random() < 0.6
    one.planar = rng.randint(0, 1)
    if one.photometric == "YBR_FULL_422":
        one.planar, one.syntax = 0, rng.choice(NATIVE)
        one.size, one.declares_frames = (one.size[0], one.size[1] // 2 * 2), one.frames > 1
        return one
    if one.syntax in GDCM_SYNTAXES:  # which fails where the bytes of a frame are an odd number
        one.size = one.size[0], one.size[1] // 2 * 2
    one.allocated = 8 if one.photometric == "YBR_FULL" else rng.choice((8, 8, 16))
    one.stored = rng.choice((9, 10, 12, 14, 16)) if one.allocated == 16 else 8
    if one.syntax not in GDCM_SYNTAXES and rng.random() < 0.3:
        one.shift = one.allocated - one.stored
    if one.photometric in (*GREYS, "PALETTE COLOR"):
        # pydicom writes no signed palette as RLE.
        one.is_signed = rng.random() < 0.3 and (one.photometric, one.syntax) != _UNWRITTEN
        make = _palette if one.photometric == "PALETTE COLOR" else _grey_transform
        one.transform = make(one)
    return one


def _grey_transform(one: Sample) -> dict:
    """A window, a rescaling, tables, or nothing."""
    least, greatest = _range(one)
    span, made = greatest - least, {}
    if one.rng.random() < 0.3:
        made |= {"RescaleSlope": one.rng.choice((0.5, 1, 2)), "RescaleIntercept": -37}
        least, span = least * made["RescaleSlope"] - 37, span * made["RescaleSlope"]
    if one.rng.random() < 0.4:
        made["WindowCenter"] = round(least + span * one.rng.uniform(0.2, 0.8), 1)
        made["WindowWidth"] = round(max(2, span * one.rng.uniform(0.05, 1.2)), 1)
        made["VOILUTFunction"] = one.rng.choice(("LINEAR", "LINEAR_EXACT", "SIGMOID"))
    elif not made and one.rng.random() < 0.4:
        table = item()
        first, count = max(least, -2000), min(span + 1, 3000)
        table.add_new("LUTDescriptor", "SS" if one.is_signed else "US", [count, first, 16])
        table.add_new("LUTData", "US", [at * 65535 // count for at in range(count)])
        made["VOILUTSequence"] = [table]
    return made


def _palette(one: Sample) -> dict:
    """Three random tables, of fewer entries than there are values at times.

    Those of 8 bits have at most 256 entries: pydicom counts modulo 256 in longer ones.
    """
    least, _greatest = _range(one)
    count = one.rng.choice((256, 200, 78)) if one.allocated == 8 else one.rng.choice((256, 5000))
    first, bits = least + one.rng.choice((0, 0, 20)), one.rng.choice((one.allocated, 16))
    made = {}
    for colour in ("Red", "Green", "Blue"):
        table = np.random.default_rng(one.rng.randrange(10**9)).integers(0, 2**bits, count)
        table[0] = 2**bits - 1
        data = table.astype("u1" if bits == 8 else "<u2").tobytes()
        made[f"{colour}PaletteColorLookupTableDescriptor"] = [count, first, bits]
        made[f"{colour}PaletteColorLookupTableData"] = data + b"\0" * (len(data) % 2)
    return made


def _range(one: Sample) -> tuple[int, int]:
    half = 2 ** (one.stored - 1)
    return (-half, half - 1) if one.is_signed else (0, 2 * half - 1)


def values_of(one: Sample) -> np.ndarray:
    """Stored values of all frames, (frames, height, width) or one axis more."""
    height, width = one.size
    make = ultrasound if one.seed % 2 else smooth
    pictures = [make(one.seed + at, width=width, height=height) for at in range(one.frames)]
    if one.photometric.startswith("YBR"):
        pictures = [ybr(each) for each in pictures]
    pixels = np.stack(pictures).astype(np.int64)
    if one.photometric not in COLOURED:
        pixels = pixels[..., 0]
    scaled = pixels * (2**one.stored - 1) // 255
    return scaled + _range(one)[0]


def packed(one: Sample, values: np.ndarray, *, shift: int, planar: int, big: bool) -> bytes:
    """The values as a file holds them."""
    if one.photometric == "YBR_FULL_422":
        pairs = values.reshape(-1, 2, 3)
        differences = pairs[:, :, 1:].mean(axis=1).astype(np.int64)
        values = np.concatenate([pairs[:, :, 0], differences], axis=1)
    elif planar and one.photometric in COLOURED:
        values = np.moveaxis(values, -1, 1)
    mask = 2**one.allocated - 1
    kind = np.uint8 if one.allocated == 8 else np.dtype(">u2" if big else "<u2")
    return ((values << shift) & mask).astype(kind).tobytes()


def plain_elements(one: Sample) -> dict:
    """Elements that all writings of the sample have."""
    return {
        "Rows": one.size[0],
        "Columns": one.size[1],
        "SamplesPerPixel": 3 if one.photometric in COLOURED else 1,
        "PhotometricInterpretation": one.photometric,
        "BitsAllocated": one.allocated,
        "BitsStored": one.stored,
        "PixelRepresentation": int(one.is_signed),
        "NumberOfFrames": one.frames,
    }


def plain_file(one: Sample, values: np.ndarray) -> bytes:
    """The sample in its plainest form."""
    data = packed(one, values, shift=0, planar=0, big=False)
    return dicom(data, **plain_elements(one) | one.transform)


def file_of(one: Sample, values: np.ndarray) -> bytes:
    """The sample as it was drawn."""
    if one.syntax in GDCM_SYNTAXES:
        return without_count(one, compressed(one, values))
    native = ExplicitVRLittleEndian if one.syntax == RLELossless else one.syntax
    is_big = native == ExplicitVRBigEndian
    high = {"HighBit": one.shift + one.stored - 1}
    elements = plain_elements(one) | big_palettes(one, is_big=is_big) | high
    if one.photometric in COLOURED:
        elements["PlanarConfiguration"] = one.planar
    pixels = packed(one, values, shift=one.shift, planar=one.planar, big=is_big)
    if one.syntax != RLELossless:
        return without_count(one, dicom(pixels, syntax=native, **elements))
    # pydicom mixes up the planes of several frames, and drops the bits above Bits Stored.
    pixels = packed(one, values, shift=one.shift, planar=0, big=False)
    written = {"PlanarConfiguration": 0, "BitsStored": one.allocated, "HighBit": one.allocated - 1}
    data = by_pydicom_rle(dicom(pixels, **elements | written))
    told = {key: elements[key] for key in written if key in elements}
    return without_count(one, relabelled(data, **told))


def compressed(one: Sample, values: np.ndarray) -> bytes:
    """By GDCM, to which a palette is grey: it aborts where it does not like one."""
    elements = plain_elements(one)
    grey = {} if one.photometric in COLOURED else {"PhotometricInterpretation": "MONOCHROME2"}
    data = dicom(packed(one, values, shift=0, planar=0, big=False), **elements | grey)
    label = {"PhotometricInterpretation": one.photometric}
    return relabelled(by_gdcm(data, one.syntax), **label | one.transform)


def big_palettes(one: Sample, *, is_big: bool) -> dict:
    """Tables are words: their bytes change places in a big-endian file."""
    if not is_big or one.photometric != "PALETTE COLOR":
        return one.transform
    return {
        name: np.frombuffer(value, "<u2").astype(">u2").tobytes()
        if name.endswith("Data")
        else value
        for name, value in one.transform.items()
    }


def without_count(one: Sample, data: bytes) -> bytes:
    """The file, which does not say how many frames it has unless the sample does."""
    if one.declares_frames:
        return data
    dataset = pydicom.dcmread(io.BytesIO(data))
    dataset.pop("NumberOfFrames", None)
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def reference(data: bytes, *, index: int) -> np.ndarray:
    """The frame as pydicom decodes it, (H, W, 3)."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    kind = dataset.PhotometricInterpretation
    if kind == "YBR_FULL_422":
        return pixel_array(dataset, index=index)
    stored = pixel_array(dataset, index=index, raw=True)
    stored = stored if dataset.SamplesPerPixel == 3 else stored.astype(np.int64)  # no overflow
    if kind == "PALETTE COLOR":
        rgb = apply_color_lut(stored, dataset)
        return rgb >> 8 if rgb.dtype == np.uint16 else rgb
    if dataset.SamplesPerPixel == 3:
        upper = (stored >> (dataset.BitsStored - 8)).astype(np.uint8)
        return upper if kind == "RGB" else convert_color_space(upper, "YBR_FULL", "RGB")
    grey = _grey_reference(stored, dataset)
    return np.repeat(grey[..., np.newaxis], 3, axis=2)


def _grey_reference(stored: np.ndarray, dataset) -> np.ndarray:
    half = 2 ** (dataset.BitsStored - 1)
    ends = (-half, half - 1) if dataset.PixelRepresentation else (0, 2 * half - 1)
    slope, intercept = dataset.get("RescaleSlope", 1), dataset.get("RescaleIntercept", 0)
    low, high = (float(end * slope + intercept) for end in ends)
    if "VOILUTSequence" in dataset:
        low, high = 0, 65535
    with np.errstate(over="ignore"):
        shown = apply_voi_lut(apply_modality_lut(stored, dataset), dataset)
    grey = np.clip((shown.astype(float) - low) / (high - low) * 255, 0, 255)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def fault_of(one: Sample) -> tuple[str, bool]:
    """(what is wrong with the reading of the sample, whether it was decoded)."""
    values = values_of(one)
    index = one.rng.randrange(one.frames)
    expected = reference(plain_file(one, values), index=index)
    try:
        image = deidentify_image(file_of(one, values), frame=index + 1)
    except UnreadableImage as refusal:
        return (f"refused: {refusal}" if GENERIC in str(refusal) else ""), False
    kinds = {doubt.kind for doubt in image.findings.doubts}
    if one.frames > 1 and not one.declares_frames and FRAMES not in kinds:
        return "frames that the file does not declare were not found", True
    readings = [image.rgb, *([rgb_of_ybr(image.rgb)] if COLOURS in kinds else [])]
    if any(reading.shape != expected.shape for reading in readings):
        return f"{image.rgb.shape} in place of {expected.shape}", True
    apart = min(np.abs(reading.astype(float) - expected).max() for reading in readings)
    return (f"{apart:.0f} levels from the reference" if apart > TOLERANCE + 0.5 else ""), True


@pytest.mark.slow("as long as READERSTUDY_DECODED says")
@pytest.mark.parametrize("part", range(PARTS))
def test_every_file_is_as_pydicom_decodes_it_or_refused_by_name(part):
    samples = [drawn(seed) for seed in range(part * PART, min(FILES, (part + 1) * PART))]
    outcomes = [(one, *fault_of(one)) for one in samples]
    faults = [f"{fault} ({one})" for one, fault, _decoded in outcomes if fault]
    decoded = sum(was_decoded for _one, _fault, was_decoded in outcomes)
    print(f"{len(samples)} files: {decoded} decoded, {len(samples) - decoded} refused")
    assert not faults, "\n".join(faults)
    assert decoded >= LEAST_DECODED * len(samples)
