"""Files as machines and people make them: the right picture, a refusal by name, or a finding.

Never a false picture in silence. Each file is written by programs that share no code with ours.
"""

import struct
from itertools import product

import numpy as np
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from readerstudy.imaging import UnreadableImage
from readerstudy.imaging.colours import rgb_of_ybr
from readerstudy.imaging.deidentified_image import DeidentifiedImage, deidentify_image
from readerstudy.imaging.findings import COLOURS, FRAMES, SHAPE, STRETCHED
from tests.imaging.independent_files import (
    by_dcmtk,
    by_gdcm,
    by_pydicom_rle,
    chunk,
    dicom,
    disc,
    frame_of,
    grey_dicom,
    in_dicom,
    item,
    jpeg,
    marked_jpeg,
    pillow,
    png,
    region,
    relabelled,
    rgb_jpeg,
    segments,
    smooth,
    turned,
    ultrasound,
    with_segment,
    ybr,
)

GENERIC = "damaged, incomplete or malformed"
SMOOTH, ULTRASOUND = smooth(1), ultrasound(2)
GREY = SMOOTH[..., 0]
IDS = [(0, 1, 2), (1, 2, 3), tuple(b"RGB")]
MARKERS = [{"jfif": jfif, "adobe": adobe} for jfif, adobe in product((False, True), (None, 0, 1))]
LABELS = ["RGB", "YBR_FULL", "YBR_FULL_422"]


def kinds(image: DeidentifiedImage) -> set[str]:
    return {doubt.kind for doubt in image.findings.doubts}


def assert_shows(data: bytes, right: np.ndarray, *, levels: int = 2, **options) -> None:
    """The right picture, or the doubt COLOURS with it as one of two readings."""
    image = deidentify_image(data, **options)
    readings = [image.rgb, *([rgb_of_ybr(image.rgb)] if COLOURS in kinds(image) else [])]
    assert image.rgb.shape[:2] == right.shape[:2]
    if right.ndim == 2:
        right = right[..., np.newaxis]
    apart = min(np.abs(each.astype(int) - right).max() for each in readings)
    assert apart <= levels, f"{apart} levels off, with no word of it but {kinds(image)}"


def assert_refused(data: bytes, *words: str, **options) -> None:
    """Refused for a reason that can be told."""
    with pytest.raises(UnreadableImage) as caught:
        deidentify_image(data, **options)
    assert GENERIC not in str(caught.value)
    assert all(word in str(caught.value) for word in words)


def assert_shows_or_refused(data: bytes, right: np.ndarray, **options) -> None:
    try:
        assert_shows(data, right, **options)
    except UnreadableImage:
        assert_refused(data)


class TestColoursOfJpeg:
    """Kind 1. Where all the markers and labels lie together, only the content can tell."""

    @pytest.mark.parametrize("label", LABELS)
    @pytest.mark.parametrize("ids", IDS)
    @pytest.mark.parametrize("markers", MARKERS, ids=str)
    @pytest.mark.parametrize("is_rgb", [False, True])
    def test_an_ultrasound_picture_whatever_is_said_of_it(self, is_rgb, markers, ids, label):
        encoded = rgb_jpeg(ULTRASOUND) if is_rgb else jpeg(ULTRASOUND)
        right = pillow(encoded)
        changed = marked_jpeg(encoded, ids=ids, **markers)
        assert_shows(in_dicom(changed, label), right, levels=3)
        assert_shows(changed, right, levels=3)

    @pytest.mark.parametrize("label", LABELS)
    @pytest.mark.parametrize("ids", IDS)
    @pytest.mark.parametrize("markers", MARKERS, ids=str)
    @pytest.mark.parametrize("subsampling", [1, 2])
    def test_subsampled_chroma_is_never_rgb(self, subsampling, markers, ids, label):
        encoded = jpeg(SMOOTH, subsampling=subsampling)
        changed = marked_jpeg(encoded, ids=ids, **markers)
        says_rgb = not markers["jfif"] and (
            markers["adobe"] == 0 or (markers["adobe"] is None and ids == tuple(b"RGB"))
        )
        for data in (changed, in_dicom(changed, label)):
            assert (COLOURS in kinds(deidentify_image(data))) is says_rgb
            assert_shows(data, pillow(encoded), levels=3)

    @pytest.mark.parametrize("label", LABELS)
    @pytest.mark.parametrize("subsampling", [1, 2])
    @pytest.mark.parametrize("pixels", [SMOOTH, ULTRASOUND], ids=["colourful", "ultrasound"])
    def test_but_for_one_made_so_on_purpose_which_is_asked_about(self, pixels, subsampling, label):
        plain = jpeg(pixels, mode="YCbCr", subsampling=subsampling)  # as they are, whatever named
        encoded = marked_jpeg(plain, ids=tuple(b"RGB"), adobe=0)
        for data in (encoded, in_dicom(encoded, label)):
            assert COLOURS in kinds(deidentify_image(data))
            assert_shows(data, pillow(encoded), levels=3)

    @pytest.mark.parametrize("label", LABELS)
    @pytest.mark.parametrize("ids", IDS[:2])
    @pytest.mark.parametrize("is_rgb", [False, True])
    def test_without_markers_nothing_is_proven(self, is_rgb, ids, label):
        encoded = rgb_jpeg(SMOOTH) if is_rgb else jpeg(SMOOTH)
        changed = marked_jpeg(encoded, ids=ids)
        for data in (changed, in_dicom(changed, label)):
            assert COLOURS in kinds(deidentify_image(data))
            assert_shows(data, pillow(encoded), levels=3)

    @pytest.mark.parametrize(
        ("is_rgb", "label", "markers"),
        [
            (True, "RGB", {"jfif": True}),
            (True, "RGB", {"adobe": 1}),
            (False, "YBR_FULL", {"adobe": 0}),
        ],
    )
    def test_a_label_that_contradicts_the_marker(self, is_rgb, label, markers):
        encoded = rgb_jpeg(SMOOTH) if is_rgb else jpeg(SMOOTH)
        changed = marked_jpeg(encoded, ids=(1, 2, 3), **markers)
        assert_shows(in_dicom(changed, label), pillow(encoded), levels=3)

    @pytest.mark.parametrize("syntax", [JPEGLossless, JPEGLosslessSV1])
    @pytest.mark.parametrize("label", LABELS[:2])
    @pytest.mark.parametrize("markers", MARKERS, ids=str)
    @pytest.mark.parametrize("is_rgb", [False, True])
    def test_lossless_jpeg_whatever_is_said_of_it(self, is_rgb, markers, label, syntax):
        stored = ULTRASOUND if is_rgb else ybr(ULTRASOUND)
        encoded = frame_of(by_gdcm(dicom(stored.tobytes()), syntax))
        changed = marked_jpeg(encoded, ids=(1, 2, 3), **markers)
        assert_shows(in_dicom(changed, label, syntax), ULTRASOUND)

    @pytest.mark.parametrize("option", ["+e1", "+el", "+eb"])
    @pytest.mark.parametrize("pixels", [SMOOTH, ULTRASOUND], ids=["smooth", "ultrasound"])
    @pytest.mark.parametrize("label", LABELS[:2])
    def test_what_dcmtk_writes(self, label, pixels, option):
        stored = pixels if label == "RGB" else ybr(pixels)
        native = dicom(stored.tobytes(), PhotometricInterpretation=label)
        data = by_dcmtk(native, "dcmcjpeg", *([option] if option != "+eb" else [option, "+cr"]))
        decoded = by_dcmtk(data, "dcmdjpeg")
        right = pixels if option != "+eb" else deidentify_image(decoded).rgb
        assert_shows(data, right, levels=4)

    @pytest.mark.parametrize("label", ["YBR_RCT", "YBR_ICT"])
    def test_jpeg_2000_that_says_transformed_and_is_not(self, label):
        encoded = frame_of(by_gdcm(dicom(ybr(SMOOTH).tobytes()), JPEG2000Lossless))
        assert_shows(in_dicom(encoded, label, JPEG2000Lossless), SMOOTH, levels=3)

    @pytest.mark.parametrize("syntax", [JPEGLosslessSV1, JPEGLSLossless, JPEG2000Lossless])
    def test_planes_are_no_matter_of_compressed_pixels(self, syntax):
        data = by_gdcm(dicom(SMOOTH.tobytes()), syntax)
        assert_shows(relabelled(data, PlanarConfiguration=1), SMOOTH)


class TestShape:
    """Kind 2: a round node on oblong pixels."""

    def assert_round(self, data: bytes, *, mm: float | None) -> None:
        image = deidentify_image(data)
        ys, xs = np.nonzero(image.rgb[..., 0] > 100)
        assert abs(np.ptp(ys) - np.ptp(xs)) <= 2
        assert STRETCHED in kinds(image)
        assert image.mm_per_pixel == (mm if mm is None else pytest.approx(mm))

    @pytest.mark.parametrize(("wide", "high"), [(1, 2), (2, 1)])
    def test_every_way_to_say_it(self, wide, high):
        pixels = disc(wide=wide, high=high).tobytes()
        down, across = 0.1 * high, 0.1 * wide
        regions = [region(across / 10, -down / 10)]
        self.assert_round(grey_dicom(pixels, PixelAspectRatio=[str(high), str(wide)]), mm=None)
        self.assert_round(grey_dicom(pixels, PixelSpacing=[down, across]), mm=0.1)
        self.assert_round(grey_dicom(pixels, SequenceOfUltrasoundRegions=regions), mm=0.1)
        group = item(PixelMeasuresSequence=[item(PixelSpacing=[down, across])])
        self.assert_round(grey_dicom(pixels, SharedFunctionalGroupsSequence=[group]), mm=0.1)

    def test_a_contradiction_must_be_answered(self):
        pixels = disc(wide=1, high=2).tobytes()
        one = {"SequenceOfUltrasoundRegions": [region(0.01, 0.02)]}
        assert SHAPE in kinds(deidentify_image(grey_dicom(pixels, **one, PixelSpacing=[0.1, 0.1])))

    def test_one_malformed_length_does_not_hide_a_sound_one(self):
        pixels = disc(wide=1, high=2).tobytes()
        regions = [region(0.01, 0.02)]
        data = grey_dicom(pixels, PixelSpacing=[0.2, 0.1], SequenceOfUltrasoundRegions=regions)
        image = deidentify_image(data.replace(b"0.2\\0.1 ", b"abc\\0.1 "))
        assert kinds(image) & {STRETCHED, SHAPE}

    def test_each_frame_of_a_clip_has_its_own_shape(self):
        groups = [
            item(PixelMeasuresSequence=[item(PixelSpacing=[down, 0.1])]) for down in (0.1, 0.2, 0.1)
        ]
        pixels = disc(wide=1, high=1).tobytes() * 3
        data = grey_dicom(pixels, NumberOfFrames=3, PerFrameFunctionalGroupsSequence=groups)
        for frame in deidentify_image(data).findings.frames:
            alone = deidentify_image(data, frame=frame.number).rgb
            assert pillow(frame.png).shape == alone.shape


class TestFrames:
    """Kind 3."""

    PICTURES = [smooth(seed, width=64, height=48) for seed in (1, 2, 3)]
    SYNTAXES = (JPEGBaseline8Bit, JPEG2000Lossless, JPEGLSLossless, RLELossless)

    def one(self, pixels: bytes, **elements) -> bytes:
        return dicom(pixels, **{"Rows": 48, "Columns": 64} | elements)

    def encoded(self, pixels: np.ndarray, syntax: str) -> bytes:
        if syntax == JPEGBaseline8Bit:
            return jpeg(pixels)
        plain = self.one(pixels.tobytes())
        is_rle = syntax == RLELossless
        return frame_of(by_pydicom_rle(plain) if is_rle else by_gdcm(plain, syntax))

    def assert_all_found(self, data: bytes) -> None:
        image = deidentify_image(data)
        assert [frame.number for frame in image.findings.frames] == [1, 2, 3]
        assert FRAMES in kinds(image)
        for frame, right in zip(image.findings.frames, self.PICTURES, strict=True):
            assert np.abs(pillow(frame.png).astype(int) - right).max() <= 9

    @pytest.mark.parametrize("says", [{}, {"NumberOfFrames": 1}, {"NumberOfFrames": 2}])
    def test_more_than_it_says(self, says):
        self.assert_all_found(self.one(b"".join(p.tobytes() for p in self.PICTURES), **says))

    @pytest.mark.parametrize("syntax", SYNTAXES)
    @pytest.mark.parametrize("has_table", [False, True])
    @pytest.mark.parametrize("fragments", [1, 3])
    @pytest.mark.parametrize("says", [{}, {"NumberOfFrames": 2}])
    def test_more_than_it_says_compressed(self, says, fragments, has_table, syntax):
        encoded = [self.encoded(each, syntax) for each in self.PICTURES]
        pixels = encapsulate(encoded, fragments_per_frame=fragments, has_bot=has_table)
        colours = {"PhotometricInterpretation": "YBR_FULL"} if syntax == JPEGBaseline8Bit else {}
        data = self.one(pixels, syntax=syntax, **says, **colours)
        if syntax == RLELossless and fragments > 1:
            assert_refused(data)  # the standard has one fragment a frame
        else:
            self.assert_all_found(data)

    @pytest.mark.parametrize(
        ("window", "rescale"), [((128, 256), 1), ((64, 128), 1), ((128, 256), 2)]
    )
    @pytest.mark.parametrize("shared", [False, True])
    def test_a_window_and_rescaling_of_functional_groups(self, shared, window, rescale):
        group = item(
            FrameVOILUTSequence=[item(WindowCenter=window[0], WindowWidth=window[1])],
            PixelValueTransformationSequence=[item(RescaleSlope=rescale, RescaleIntercept=0)],
        )
        where = "SharedFunctionalGroupsSequence" if shared else "PerFrameFunctionalGroupsSequence"
        pixels = GREY.astype("<u2").tobytes() * 2
        data = grey_dicom(
            pixels, BitsAllocated=16, BitsStored=16, NumberOfFrames=2, **{where: [group] * 2}
        )
        right = np.clip(GREY * (256.0 * rescale / window[1]), 0, 255)
        assert_shows(data, right, frame=2)

    @pytest.mark.parametrize("high", [11, 13, 15])
    @pytest.mark.parametrize("is_signed", [False, True])
    def test_high_bit(self, high, is_signed):
        values = (GREY.astype(np.int64) * 16 - 2048 * is_signed) << (high - 11)
        pixels = (values & 0xFFFF).astype("<u2").tobytes()
        elements = {"BitsAllocated": 16, "BitsStored": 12, "PixelRepresentation": int(is_signed)}
        assert_shows(grey_dicom(pixels, HighBit=high, **elements), GREY)

    def test_high_bit_of_colours(self):
        pixels = (SMOOTH.astype("<u2") << 8).tobytes()
        assert_shows(dicom(pixels, BitsAllocated=16, BitsStored=12, HighBit=15), SMOOTH)

    def test_ybr_full_422_that_is_not_subsampled(self):
        data = dicom(ybr(SMOOTH).tobytes(), PhotometricInterpretation="YBR_FULL_422")
        assert_shows(data, SMOOTH, levels=3)


class TestDamage:
    """Kind 4."""

    @pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2}], ids=str)
    @pytest.mark.parametrize("share", [0.3, 0.5, 0.9])
    def test_part_of_a_jpeg_that_ends_properly(self, share, options):
        encoded = jpeg(SMOOTH, **options)
        part = encoded[: int(len(encoded) * share)] + b"\xff\xd9"
        assert_refused(part)
        assert_refused(in_dicom(part, "YBR_FULL"))

    @pytest.mark.parametrize("scans", [1, 3, 6])
    def test_a_progressive_jpeg_without_its_last_scans(self, scans):
        encoded = jpeg(SMOOTH, progressive=True)
        parts = segments(encoded)
        at = [place for place, part in enumerate(parts) if part[1] == 0xDA][scans]
        part = b"".join(parts[:at]) + b"\xff\xd9"
        for data in (part, in_dicom(part, "YBR_FULL")):
            assert_shows_or_refused(data, pillow(encoded), levels=4)

    @pytest.mark.parametrize("patch", [b"\xff" * 40, b"\xff\xd9" * 20])
    def test_damage_in_the_middle(self, patch):
        encoded = jpeg(SMOOTH)
        middle = len(encoded) // 2
        changed = encoded[:middle] + patch + encoded[middle + 40 :]
        assert_refused(changed)
        assert_refused(in_dicom(changed, "YBR_FULL"))

    @pytest.mark.parametrize("rows", [1, 60, 119])
    def test_a_sound_png_of_too_few_rows(self, rows):
        with pytest.raises(UnreadableImage):
            deidentify_image(png(SMOOTH, rows=rows))

    @pytest.mark.parametrize("kind", [b"eXIf", b"iCCP", b"tEXt", b"zTXt", b"iTXt", b"pHYs"])
    def test_broken_companions_of_a_png_are_dropped(self, kind):
        sound = {b"eXIf": turned(), b"pHYs": struct.pack(">IIB", 2000, 1000, 1)}
        assert_shows(png(SMOOTH, chunk(kind, b"garbage" * 3)), SMOOTH, levels=0)
        wrong = chunk(kind, sound.get(kind, b"a\0b"), crc=1)
        assert_shows(png(SMOOTH, wrong), SMOOTH, levels=0)

    @pytest.mark.parametrize(
        ("marker", "payload"),
        [(0xE1, b"Exif\0\0garbage"), (0xE2, b"ICC_PROFILE\0\1\2garbage"), (0xE1, b"garbage")],
    )
    def test_broken_companions_of_a_jpeg_are_dropped(self, marker, payload):
        encoded = jpeg(SMOOTH)
        broken = with_segment(encoded, marker, payload)
        assert_shows(broken, pillow(encoded))
        assert_shows(in_dicom(broken, "YBR_FULL"), pillow(encoded))

    def test_a_sound_orientation_is_applied(self):
        right = np.rot90(SMOOTH, -1)
        assert_shows(png(SMOOTH, chunk(b"eXIf", turned())), right, levels=0)
        encoded = jpeg(SMOOTH)
        assert_shows(
            with_segment(encoded, 0xE1, b"Exif\0\0" + turned()), np.rot90(pillow(encoded), -1)
        )


class TestRareKinds:
    """Kinds 5 and 8."""

    @pytest.mark.parametrize("transform", [0, 2])
    def test_print_colours_are_refused(self, transform):
        encoded = jpeg(np.dstack([SMOOTH, GREY]), mode="CMYK")
        at = encoded.index(b"Adobe") + 11
        data = encoded[:at] + bytes([transform]) + encoded[at + 1 :]
        assert_refused(data, "CMYK")
        assert_refused(in_dicom(data, "RGB"), "has 4")

    @pytest.mark.parametrize("pixels", [GREY, SMOOTH], ids=["grey", "colour"])
    def test_16_bits_keep_their_upper_8(self, pixels):
        assert_shows(png(pixels.astype(np.uint16) * 256 + 77), pixels, levels=0)

    def test_headers_that_are_missing(self):
        data = dicom(SMOOTH.tobytes())
        assert_shows(data[128:], SMOOTH, levels=0)
        assert_shows(data[132:], SMOOTH, levels=0)
        assert_refused(data[data.index(b"\x08\0\x16\0UI") :], "without its header")

    @pytest.mark.parametrize("stored", [8, 12, 16])
    @pytest.mark.parametrize("kind", ["JPEG", "JPEG 2000"])
    def test_a_depth_that_is_not_that_of_the_compressed_samples(self, kind, stored):
        if kind == "JPEG":
            encoded, syntax = jpeg(GREY), JPEGBaseline8Bit
        else:
            syntax = JPEG2000Lossless
            encoded = frame_of(by_gdcm(grey_dicom(GREY.tobytes()), syntax))
        elements = {"BitsAllocated": 16, "BitsStored": stored, "syntax": syntax}
        assert_shows_or_refused(grey_dicom(encapsulate([encoded]), **elements), GREY)

    def test_7_of_8_bits_of_a_colour(self):
        assert_shows_or_refused(dicom((SMOOTH >> 1).tobytes(), BitsStored=7), SMOOTH)

    @pytest.mark.parametrize("keyword", ["SamplesPerPixel", "BitsStored", "PixelRepresentation"])
    def test_what_the_file_lacks_is_named(self, keyword):
        assert_shows_or_refused(relabelled(dicom(SMOOTH.tobytes()), **{keyword: None}), SMOOTH)

    def test_12_bit_jpeg_is_refused_as_that(self):
        pixels = (GREY.astype("<u2") * 16).tobytes()
        data = by_dcmtk(grey_dicom(pixels, BitsAllocated=16, BitsStored=12), "dcmcjpeg", "+ee")
        assert_refused(data, "12")

    def test_deflated_is_refused_as_that(self):
        assert_refused(by_dcmtk(dicom(SMOOTH.tobytes()), "dcmconv", "+td"), "Deflated")

    @pytest.mark.parametrize("filling", [b"\x80" * 500_000, b"\x81\0" * 9, b"\0\0" * 2_000_000])
    def test_run_length_of_nothing(self, filling):
        frame = struct.pack("<16I", 1, 64, *[0] * 14) + filling
        assert_refused(grey_dicom(encapsulate([frame]), syntax=RLELossless), "run-length")
