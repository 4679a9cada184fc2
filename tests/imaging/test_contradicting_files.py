"""Files that contradict themselves, or are damaged where a decoder says nothing of it: the right
picture, a refusal by name, or a finding. Never a false picture in silence."""

import struct
import zlib

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
)

from readerstudy.imaging.deidentified_image import deidentify_image
from readerstudy.imaging.findings import COLOURS, PLANES, SHAPE
from tests.imaging.independent_files import (
    by_dcmtk,
    by_gdcm,
    chunk,
    dicom,
    frame_of,
    grey_dicom,
    in_dicom,
    item,
    jpeg,
    pillow,
    relabelled,
    segments,
    smooth,
    ultrasound,
    ybr,
)
from tests.imaging.test_true_pictures import assert_refused, assert_shows, kinds

SMOOTH, ULTRASOUND = smooth(1), ultrasound(2)
GREY = SMOOTH[..., 0]
LOSSLESS = (JPEGLossless, JPEGLosslessSV1)
GREY_16 = {"BitsAllocated": 16, "BitsStored": 12}
TWELVE = (GREY.astype("<u2") * 16 + 7).tobytes()


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_of(rows: bytes, *extra: bytes, depth: int = 8, kind: int = 2) -> bytes:
    """A PNG of 160 by 120 with these rows, packed, whatever they are."""
    header = struct.pack(">IIBBBBB", 160, 120, depth, kind, 0, 0, 0)
    parts = [
        chunk(b"IHDR", header),
        *extra,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    return SIGNATURE + b"".join(parts)


class TestBytes:
    """How samples lie in the file."""

    @pytest.mark.parametrize("columns", [160, 159])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_big_endian_words_of_8_bit_samples(self, channels, columns):
        """DCMTK writes samples of 8 bits in words of 16, where it comes from implicit VR."""
        pixels = (SMOOTH if channels == 3 else GREY)[:, :columns]
        made = dicom if channels == 3 else grey_dicom
        implicit = by_dcmtk(made(pixels.tobytes(), Columns=columns), "dcmconv", "+ti")
        assert_shows(by_dcmtk(implicit, "dcmconv", "+tb"), pixels)

    def test_big_endian_words_of_a_clip_whose_frames_are_odd(self):
        frames = [GREY[:119, at : at + 159] for at in (0, 1)] + [GREY[1:, 1:]]
        data = grey_dicom(b"".join(f.tobytes() for f in frames), Columns=159, Rows=119,
                          NumberOfFrames=3)  # fmt: skip
        swapped = by_dcmtk(by_dcmtk(data, "dcmconv", "+ti"), "dcmconv", "+tb")
        for number, right in enumerate(frames, start=1):
            assert_shows(swapped, right, frame=number)

    @pytest.mark.parametrize("says", [0, 1])
    def test_planes_where_pixels_are_said_and_the_reverse(self, says):
        pixels = np.moveaxis(ULTRASOUND, -1, 0) if says == 0 else ULTRASOUND
        image = deidentify_image(dicom(pixels.tobytes(), PlanarConfiguration=says))
        assert PLANES in kinds(image)

    @pytest.mark.parametrize("pixels", [SMOOTH, ULTRASOUND], ids=["colourful", "ultrasound"])
    @pytest.mark.parametrize("says", [0, 1])
    def test_where_it_is_said_rightly_nothing_is_asked(self, says, pixels):
        lying = np.moveaxis(pixels, -1, 0) if says else pixels
        image = deidentify_image(dicom(lying.tobytes(), PlanarConfiguration=says), in_colour=True)
        assert kinds(image) == set()

    def test_subsampled_pixels_said_to_lie_by_plane(self):
        samples = ybr(SMOOTH).reshape(120, 80, 6)
        packed = np.stack([samples[..., at] for at in (0, 3, 1, 2)], axis=-1).tobytes()
        elements = {"PhotometricInterpretation": "YBR_FULL_422"}
        assert_refused(dicom(packed, PlanarConfiguration=1, **elements), "by plane")
        right = deidentify_image(dicom(packed, PlanarConfiguration=0, **elements)).rgb
        data = dicom(packed, PlanarConfiguration=None, **elements)
        assert_shows(data, right)


class TestColours:
    def test_a_clip_is_asked_about_if_one_of_its_frames_is_doubtful(self):
        """Of the middle frame nothing can be told; of the others it is plain that it is false."""
        frames = [ybr(ULTRASOUND), ybr(SMOOTH), ybr(ULTRASOUND)]
        data = dicom(b"".join(frame.tobytes() for frame in frames), NumberOfFrames=3)
        image = deidentify_image(data)
        assert COLOURS in kinds(image)
        stored = [pillow(frame.png).astype(int) for frame in image.findings.frames]
        assert all(np.abs(a - b).max() == 0 for a, b in zip(stored, frames, strict=True))
        assert np.abs(image.rgb.astype(int) - frames[1]).max() == 0

    @pytest.mark.parametrize("factors", [b"\1\1\2\1\2\1", b"\1\1\2\2\2\2"])
    def test_jpeg_2000_of_channels_that_differ_in_size(self, factors):
        frame = bytearray(frame_of(by_gdcm(dicom(SMOOTH.tobytes()), JPEG2000Lossless)))
        for at in range(3):
            frame[43 + 3 * at : 45 + 3 * at] = factors[2 * at : 2 * at + 2]
        data = in_dicom(bytes(frame), "YBR_FULL", JPEG2000Lossless)
        assert_refused(data, "different sizes")


class TestShape:
    def test_a_clip_whose_frames_differ_in_shape_is_asked_about(self):
        pixels = {"NumberOfFrames": 3}
        shapes = [item(PixelMeasuresSequence=[item(PixelSpacing=[high, 0.1])])
                  for high in (0.2, 0.1, 0.1)]  # fmt: skip
        image = deidentify_image(
            dicom(3 * SMOOTH.tobytes(), PerFrameFunctionalGroupsSequence=shapes, **pixels)
        )
        assert SHAPE in kinds(image)


class TestDamage:
    """A decoder that only warns, or keeps silent."""

    @pytest.mark.parametrize("syntax", LOSSLESS)
    @pytest.mark.parametrize(
        "pixels",
        [dicom(SMOOTH.tobytes()), grey_dicom(GREY.tobytes()), grey_dicom(TWELVE, **GREY_16)],
        ids=["colours", "8 bits", "12 bits"],
    )
    def test_lossless_jpeg(self, pixels, syntax):
        option = "+el" if syntax == JPEGLossless else "+e1"
        sound = by_dcmtk(pixels, "dcmcjpeg", option)
        frame = frame_of(sound).rstrip(b"\0")
        at = len(frame) // 2
        assert deidentify_image(sound).rgb.shape == (120, 160, 3)
        for damaged in (
            frame[:at] + b"\xff\xd9",
            frame[:at] + bytes(len(frame) - at),
            frame[:at] + b"\xff\xd9" * 20 + frame[at + 40 :],
        ):
            assert_refused(relabelled(sound, PixelData=encapsulate([damaged])))

    @pytest.mark.parametrize("size", [600, 2000])
    def test_jpeg_2000_with_a_hole(self, size):
        noise = np.random.default_rng(1).integers(0, 256, (120, 160), np.uint8)
        frame = frame_of(by_gdcm(grey_dicom(noise.tobytes()), JPEG2000Lossless))
        at = len(frame) // 2
        damaged = frame[:at] + bytes(size) + frame[at + size :]
        assert_refused(grey_dicom(encapsulate([damaged]), syntax=JPEG2000Lossless), "part of it")

    @pytest.mark.parametrize("marker", [0xC9, 0xCA])
    def test_arithmetic_coding_is_refused_as_that(self, marker):
        parts = segments(jpeg(GREY))
        frame = next(at for at, part in enumerate(parts) if part[1] == 0xC0)
        parts[frame] = bytes([0xFF, marker]) + parts[frame][2:]
        for data in (b"".join(parts), in_grey(b"".join(parts))):
            assert_refused(data, "arithmetic")

    @pytest.mark.parametrize("scans", [1, 2, 4])
    def test_a_thumbnails_scans_are_not_those_of_the_picture(self, scans):
        parts = segments(jpeg(SMOOTH, progressive=True))
        starts = [at for at, part in enumerate(parts) if part[1] == 0xDA]
        thumbnail = b"Exif\0\0" + jpeg(SMOOTH[::4, ::4])
        companion = b"\xff\xe1" + struct.pack(">H", 2 + len(thumbnail)) + thumbnail
        part = parts[0] + companion + b"".join(parts[1 : starts[scans]]) + b"\xff\xd9"
        assert_refused(part)

    @pytest.mark.parametrize("rows", [121, 200])
    def test_a_png_of_more_rows_than_it_says(self, rows):
        many = np.concatenate([SMOOTH, SMOOTH])[:rows]
        assert_refused(png_of(b"".join(b"\0" + row.tobytes() for row in many)), "more rows")


class TestGrey:
    @pytest.mark.parametrize("depth", [2, 4])
    def test_a_transparent_grey_of_few_bits(self, depth):
        """It is matched with the stored values, not with those of 8 bits that they become."""
        values = (GREY >> (8 - depth)).astype(np.uint8)
        per_byte = 8 // depth
        shifts = np.arange(per_byte)[::-1] * depth
        packed = (values.reshape(120, -1, per_byte) << shifts).sum(axis=2).astype(np.uint8)
        rows = b"".join(b"\0" + row.tobytes() for row in packed)
        transparent = int(np.bincount(values.ravel()).argmax())
        companion = chunk(b"tRNS", struct.pack(">H", transparent))
        data = png_of(rows, companion, depth=depth, kind=0)
        right = np.where(values == transparent, 0, values * 255.0 / (2**depth - 1))
        assert_shows(data, np.rint(right))

    def test_a_transparent_colour_of_16_bits_is_refused_as_that(self):
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in SMOOTH)
        companion = chunk(b"tRNS", struct.pack(">3H", 200, 100, 50))
        data = png_of(rows, companion, depth=16)
        assert_refused(data, "transparent colour")

    @pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
    def test_12_bits_that_are_compressed_as_16(self, syntax):
        """As GDCM and DCMTK write them."""
        assert_shows(by_gdcm(grey_dicom(TWELVE, **GREY_16), syntax), GREY, levels=2)

    @pytest.mark.parametrize("option", [("dcmcjpeg", "+e1"), ("dcmcjpls",)])
    def test_12_bits_by_dcmtk(self, option):
        assert_shows(by_dcmtk(grey_dicom(TWELVE, **GREY_16), *option), GREY, levels=2)

    def test_greater_values_than_the_header_allows(self):
        data = by_gdcm(grey_dicom(TWELVE, BitsAllocated=16, BitsStored=16), JPEGLSLossless)
        frame = frame_of(data)
        described = {"BitsAllocated": 16, "BitsStored": 10}
        assert_refused(grey_dicom(encapsulate([frame]), syntax=JPEGLSLossless, **described))

    @pytest.mark.parametrize("bits", [8, 16])
    def test_a_look_up_table_of_other_bits_than_it_says(self, bits):
        entries = np.arange(4096) if bits == 8 else np.arange(4096) // 2
        table = item(LUTDescriptor=[4096, 0, bits], LUTData=entries.astype("<u2").tobytes())
        data = grey_dicom(TWELVE, VOILUTSequence=[table], **GREY_16)
        assert_refused(data, "look-up table")

    def test_a_table_whose_first_value_is_negative_and_written_without_sign(self):
        signed = (GREY.astype("<i2") * 16 - 2048).tobytes()
        table = item(LUTData=np.arange(4096).astype("<u2").tobytes())
        table.add_new("LUTDescriptor", "US", [4096, 65536 - 2048, 12])
        data = grey_dicom(signed, VOILUTSequence=[table], PixelRepresentation=1, **GREY_16)
        assert_shows(data, GREY)

    def test_the_window_of_a_frame_replaces_the_table_of_all(self):
        table = item(
            LUTDescriptor=[4096, 0, 12], LUTData=np.arange(4096)[::-1].astype("<u2").tobytes()
        )
        window = item(FrameVOILUTSequence=[item(WindowCenter=2048, WindowWidth=4096)])
        data = grey_dicom(
            TWELVE, VOILUTSequence=[table], PerFrameFunctionalGroupsSequence=[window], **GREY_16
        )
        assert_shows(data, GREY)

    def test_two_directions_at_once(self):
        data = grey_dicom(GREY.tobytes(), PresentationLUTShape="INVERSE")
        assert_refused(data, "Presentation LUT Shape")
        inverse = {"PresentationLUTShape": "INVERSE", "PhotometricInterpretation": "MONOCHROME1"}
        assert_shows(grey_dicom(GREY.tobytes(), **inverse), 255 - GREY)


def in_grey(encoded: bytes) -> bytes:
    return grey_dicom(encapsulate([encoded]), syntax=JPEGBaseline8Bit)
