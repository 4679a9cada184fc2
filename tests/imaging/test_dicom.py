"""DICOM: the right colours, checked against decoding that shares no code with ours."""

import io
import struct

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom import examples
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut
from pydicom.uid import (
    MPEG2MPML,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from readerstudy.imaging import Limits, UnreadableImage
from readerstudy.imaging.colours import rgb_of_ybr
from readerstudy.imaging.pixels import decode_picture, decode_rgb, encode_png
from tests.imaging.example_files import PATIENT, dicom_bytes, encoded, picture

PIXELS = picture()
RGB = {"Rows": 40, "Columns": 48, "SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}
RGB |= {"PlanarConfiguration": 0}
GREY = {"Rows": 40, "Columns": 48, "SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2"}
PALETTE = GREY | {"PhotometricInterpretation": "PALETTE COLOR"}


def example(name: str) -> bytes:
    return examples.get_path(name).read_bytes()


def test_file(name: str) -> bytes:
    with open(get_testdata_file(name, download=False), "rb") as file:
        return file.read()


test_file.__test__ = False


def refused(data: bytes, **options) -> str:
    with pytest.raises(UnreadableImage) as caught:
        decode_rgb(data, **options)
    return str(caught.value)


def grey_of(data: bytes) -> np.ndarray:
    """The one plane of a decoded grey image."""
    rgb = decode_rgb(data)
    assert np.array_equal(rgb[..., 0], rgb[..., 1])
    assert np.array_equal(rgb[..., 0], rgb[..., 2])
    return rgb[..., 0]


def lut_item(values: list[int], *, first: int, bits: int) -> Dataset:
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [len(values), first, bits])
    item.add_new("LUTData", "US", values)
    return item


class TestUltrasoundExamples:
    def test_rgb_is_its_raw_bytes(self):
        dataset = examples.rgb_color
        raw = np.frombuffer(dataset.PixelData[: 240 * 320 * 3], np.uint8).reshape(240, 320, 3)
        assert np.array_equal(decode_rgb(example("rgb_color")), raw)

    @pytest.mark.parametrize("frame", [1, 2, 17, 30])
    def test_ybr_frame_is_what_pillow_makes_of_its_jpeg(self, frame):
        dataset = examples.ybr_color
        jpegs = list(generate_frames(dataset.PixelData, number_of_frames=30))
        expected = np.asarray(Image.open(io.BytesIO(jpegs[frame - 1])).convert("RGB"), int)
        assert np.abs(decode_rgb(example("ybr_color"), frame=frame) - expected).max() <= 2

    def test_ybr_frames_differ(self):
        frames = [decode_rgb(example("ybr_color"), frame=n) for n in (1, 17, 30)]
        assert not np.array_equal(frames[0], frames[1])
        assert not np.array_equal(frames[1], frames[2])

    @pytest.mark.parametrize("frame", [0, 31, -1, 10**9])
    def test_refuses_a_frame_that_is_not_there(self, frame):
        assert f"no frame {frame}: this DICOM file has 30" in refused(
            example("ybr_color"), frame=frame
        )

    def test_palette_is_looked_up_value_by_value(self):
        dataset = examples.palette_color
        indices = np.frombuffer(dataset.PixelData, np.uint8)[: 350 * 800]
        tables = [
            struct.unpack("<256H", dataset[f"{colour}PaletteColorLookupTableData"].value)
            for colour in ("Red", "Green", "Blue")
        ]
        expected = [[table[index] // 256 for table in tables] for index in indices.tolist()]
        rgb = decode_rgb(example("palette_color"))
        assert np.array_equal(rgb, np.array(expected, np.uint8).reshape(350, 800, 3))
        assert np.array_equal(rgb, apply_color_lut(dataset.pixel_array, dataset) >> 8)

    def test_jpeg2000_is_what_pillow_makes_of_its_codestream(self):
        [codestream] = generate_frames(examples.jpeg2k.PixelData, number_of_frames=1)
        expected = np.asarray(Image.open(io.BytesIO(codestream)).convert("RGB"))
        assert np.array_equal(decode_rgb(example("jpeg2k")), expected)

    def test_jpeg2000_shows_the_picture_of_the_rgb_original(self):
        # The example is the RGB one at twice its size.
        double = decode_rgb(example("jpeg2k")).astype(float)
        half = double.reshape(240, 2, 320, 2, 3).mean((1, 3))
        original = decode_rgb(example("rgb_color")).astype(float)
        for channel in range(3):
            correlation = np.corrcoef(half[..., channel].ravel(), original[..., channel].ravel())
            assert correlation[0, 1] > 0.99
        assert np.abs(half - original).mean() < 3

    def test_big_endian_bytes_are_put_right(self):
        dataset = pydicom.dcmread(get_testdata_file("ExplVR_BigEnd.dcm", download=False))
        words = np.frombuffer(dataset.PixelData, ">u2" if dataset["PixelData"].VR == "OW" else "u1")
        planes = words.astype("<u2").view(np.uint8) if words.itemsize == 2 else words
        expected = planes[: 3 * 60 * 80].reshape(3, 60, 80).transpose(1, 2, 0)
        assert np.array_equal(decode_rgb(test_file("ExplVR_BigEnd.dcm")), expected)


# One colour chart, written by several toolkits: the colour of each band, ten rows high.
CHART = [
    (255, 0, 0),
    (255, 128, 128),
    (0, 255, 0),
    (128, 255, 128),
    (0, 0, 255),
    (128, 128, 255),
    (0, 0, 0),
    (64, 64, 64),
    (192, 192, 192),
    (255, 255, 255),
]


@pytest.mark.parametrize(
    ("name", "tolerance"),
    [
        ("SC_rgb_rle.dcm", 0),
        ("SC_rgb_rle_2frame.dcm", 0),
        ("SC_rgb_rle_16bit.dcm", 0),
        ("SC_rgb_jpeg_gdcm.dcm", 0),
        ("SC_rgb_jpeg_dcmtk.dcm", 5),
        ("SC_rgb_jpeg_lossy_gdcm.dcm", 2),
        ("SC_rgb_dcmtk_+eb+cr.dcm", 0),
        ("SC_rgb_dcmtk_+eb+cy+n1.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+np.dcm", 5),
        ("SC_rgb_dcmtk_+eb+cy+s4.dcm", 5),
        ("SC_rgb_gdcm_KY.dcm", 0),
        ("SC_rgb_jls_lossy_line.dcm", 2),
        ("SC_ybr_full_422_uncompressed.dcm", 5),
    ],
)
def test_every_encoding_shows_the_same_chart(name, tolerance):
    middles = decode_rgb(test_file(name))[5::10, 50].astype(int)
    assert np.abs(middles - CHART).max() <= tolerance


class TestColour:
    @pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, "1.2.840.10008.1.2.1"])
    def test_both_planar_configurations(self, syntax):
        by_pixel = dicom_bytes(PIXELS.tobytes(), syntax=syntax, **RGB)
        planes = PIXELS.transpose(2, 0, 1).tobytes()
        by_plane = dicom_bytes(planes, syntax=syntax, **RGB | {"PlanarConfiguration": 1})
        assert np.array_equal(decode_rgb(by_pixel), PIXELS)
        assert np.array_equal(decode_rgb(by_plane), PIXELS)

    def test_frames_count_from_1(self):
        frames = [picture(seed) for seed in (1, 2, 3)]
        data = dicom_bytes(b"".join(f.tobytes() for f in frames), **RGB, NumberOfFrames=3)
        for number, expected in enumerate(frames, start=1):
            assert np.array_equal(decode_rgb(data, frame=number), expected)

    @pytest.mark.parametrize("adobe", [False, True])
    @pytest.mark.parametrize("photometric", ["YBR_FULL_422", "YBR_FULL", "RGB"])
    def test_jpeg_is_converted_once(self, adobe, photometric):
        jpeg = encoded(PIXELS, "JPEG", quality=95, subsampling=0)
        expected = np.asarray(Image.open(io.BytesIO(jpeg)), int)
        if adobe:  # in place of the JFIF marker: "the samples are YCbCr"
            marker = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x01"
            jpeg = jpeg[:2] + marker + jpeg[4 + int.from_bytes(jpeg[4:6]) :]
        data = dicom_bytes(
            encapsulate([jpeg]),
            syntax=JPEGBaseline8Bit,
            **RGB | {"PhotometricInterpretation": photometric},
        )
        found = decode_picture(data)
        shown = rgb_of_ybr(found.rgb) if found.in_doubt else found.rgb
        assert np.abs(shown.astype(int) - expected).max() <= 2
        assert found.in_doubt is (photometric == "RGB")  # which the marker contradicts

    def test_16_bit_colours_keep_their_upper_8_of_the_stored_bits(self):
        values = PIXELS.astype(np.uint16) * 16 + 9
        data = dicom_bytes(values.tobytes(), **RGB | {"BitsAllocated": 16, "BitsStored": 12})
        assert np.array_equal(decode_rgb(data), PIXELS)

    @pytest.mark.parametrize("first", [0, 100])
    @pytest.mark.parametrize("wide", [False, True])
    def test_palettes_of_8_and_16_bits(self, first, wide):
        indices = np.arange(40 * 48, dtype=np.uint16).reshape(40, 48)
        tables = np.random.default_rng(0).integers(0, 256, (3, 1000))
        packed = (tables * 256 + 3).astype("<u2") if wide else tables.astype(np.uint8)
        descriptor = [1000, first, 16 if wide else 8]
        elements = PALETTE | {"BitsAllocated": 16, "BitsStored": 16}
        for colour, table in zip(("Red", "Green", "Blue"), packed, strict=True):
            elements[f"{colour}PaletteColorLookupTableDescriptor"] = descriptor
            elements[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
        rgb = decode_rgb(dicom_bytes(indices.tobytes(), **elements))
        for (row, column), index in np.ndenumerate(indices):
            entry = min(max(int(index) - first, 0), 999)
            assert rgb[row, column].tolist() == tables[:, entry].tolist()

    def test_8_bit_colours_in_a_table_that_is_called_16_bit(self):
        elements = dict(PALETTE)
        for colour in ("Red", "Green", "Blue"):
            elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
            table = np.arange(256, dtype="<u2")[::-1]
            elements[f"{colour}PaletteColorLookupTableData"] = table.tobytes()
        indices = PIXELS[..., 0]
        assert np.array_equal(grey_of(dicom_bytes(indices.tobytes(), **elements)), 255 - indices)


class TestGrey:
    @pytest.mark.parametrize(
        "name", ["MR_small_jpeg_ls_lossless.dcm", "MR_small_RLE.dcm", "MR_small_jp2klossless.dcm"]
    )
    def test_lossless_encodings_equal_the_original(self, name):
        uncompressed = decode_rgb(test_file("MR_small.dcm"))
        assert np.array_equal(decode_rgb(test_file(name)), uncompressed)

    @pytest.mark.parametrize(("photometric", "sign"), [("MONOCHROME2", 0), ("MONOCHROME1", 255)])
    def test_8_bits_without_transformation_stay_as_they_are(self, photometric, sign):
        grey = PIXELS[..., 0]
        elements = GREY | {"PhotometricInterpretation": photometric}
        assert np.array_equal(
            grey_of(dicom_bytes(grey.tobytes(), **elements)), np.abs(sign - grey.astype(int))
        )

    def test_16_bits_without_transformation_take_their_full_range(self):
        values = np.linspace(-2048, 2047, 40 * 48).astype(np.int16)
        elements = {"BitsAllocated": 16, "BitsStored": 12, "PixelRepresentation": 1}
        grey = grey_of(dicom_bytes(values.tobytes(), **GREY | elements))
        assert np.array_equal(grey.ravel(), np.rint((values + 2048.0) / 4095 * 255))

    @pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning:pydicom")
    @pytest.mark.parametrize("function", [None, "LINEAR", "LINEAR_EXACT", "SIGMOID"])
    @pytest.mark.parametrize(("center", "width"), [(1500, 2000), (40.5, 80), (600, 1)])
    @pytest.mark.parametrize("slope", [None, 2.5])
    def test_windows_are_as_pydicom_computes_them(self, function, center, width, slope):
        values = np.linspace(0, 4095, 40 * 48).astype(np.uint16).reshape(40, 48)
        elements = GREY | {"BitsAllocated": 16, "BitsStored": 12}
        elements |= {"WindowCenter": center, "WindowWidth": width}
        elements |= {"VOILUTFunction": function} if function else {}
        elements |= {"RescaleSlope": slope, "RescaleIntercept": -100} if slope else {}
        data = dicom_bytes(values.tobytes(), **elements)
        dataset = pydicom.dcmread(io.BytesIO(data))
        low, high = (-100, 4095 * slope - 100) if slope else (0, 4095)
        shown = apply_voi_lut(apply_modality_lut(values, dataset), dataset)
        assert np.abs(grey_of(data) - (shown - low) / (high - low) * 255).max() <= 0.51

    def test_the_first_of_several_windows_is_taken(self):
        grey = PIXELS[..., 0]
        one = dicom_bytes(grey.tobytes(), **GREY, WindowCenter=100, WindowWidth=50)
        two = dicom_bytes(grey.tobytes(), **GREY, WindowCenter=[100, 9], WindowWidth=[50, 9])
        assert np.array_equal(decode_rgb(one), decode_rgb(two))

    def test_look_up_tables_before_windows(self):
        stored = np.arange(40 * 48, dtype=np.uint16) % 300
        modality = [3 * k % 700 for k in range(200)]
        voi = [(k * 5) % 1024 for k in range(600)]
        data = dicom_bytes(
            stored.tobytes(),
            **GREY | {"BitsAllocated": 16, "BitsStored": 16, "PixelRepresentation": 0},
            ModalityLUTSequence=[lut_item(modality, first=50, bits=16)],
            VOILUTSequence=[lut_item(voi, first=10, bits=10)],
            WindowCenter=3,
            WindowWidth=2,
        )
        grey = grey_of(data).ravel()
        for value, shown in zip(stored.tolist(), grey.tolist(), strict=True):
            middle = modality[min(max(value - 50, 0), 199)]
            assert shown == round(voi[min(max(middle - 10, 0), 599)] / 1023 * 255)

    def test_8_bit_tables_longer_than_256_entries(self):
        stored = np.arange(40 * 48, dtype=np.uint16)
        voi = [k // 8 for k in range(1920)]
        elements = GREY | {"BitsAllocated": 16, "BitsStored": 16}
        item = lut_item(voi, first=0, bits=8)
        grey = grey_of(dicom_bytes(stored.tobytes(), **elements, VOILUTSequence=[item]))
        assert grey.ravel().tolist() == voi

    @pytest.mark.parametrize("value", ["1e999", "nan", "-inf"])
    def test_refuses_a_scale_that_is_not_finite(self, value):
        data = dicom_bytes(
            PIXELS[..., 0].tobytes(), **GREY, RescaleSlope=1, RescaleIntercept=123456
        )
        assert data.count(b"123456") == 1
        assert "malformed" in refused(data.replace(b"123456", value.ljust(6).encode()))


class TestRefusals:
    def test_no_patient_survives(self):
        data = dicom_bytes(PIXELS.tobytes(), **RGB, PatientID="SECRET", ICCProfile=b"SECRET")
        assert data.count(b"SECRET") == 3
        assert encode_png(decode_rgb(data + b"SECRET" * 9)) == encode_png(PIXELS)

    def test_messages_name_no_patient(self):
        for cut in range(140, 600, 7):
            message = refused(dicom_bytes(PIXELS.tobytes(), **RGB)[:cut])
            assert PATIENT not in message
            assert "Traceback" not in message

    @pytest.mark.parametrize("name", ["rgb_color", "palette_color", "jpeg2k", "ybr_color"])
    @pytest.mark.parametrize("part", [0.01, 0.4, 0.9])
    def test_truncated_files(self, name, part):
        data = example(name)
        frame = 30 if name == "ybr_color" else 1
        refused(data[: int(len(data) * part)], frame=frame)

    def test_what_has_no_image(self):
        assert "no image" in refused(test_file("reportsi.dcm"))

    @pytest.mark.parametrize("syntax", [DeflatedExplicitVRLittleEndian, MPEG2MPML])
    def test_other_transfer_syntaxes(self, syntax):
        data = dicom_bytes(PIXELS.tobytes(), **RGB)
        head = data.index(b"1.2.840.10008.1.2.1\0")
        new = syntax.encode().ljust(22, b"\0")
        length = struct.pack("<H", len(new))
        data = data[: head - 2] + length + new + data[head + 20 :]
        assert "transfer syntax" in refused(data)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"PhotometricInterpretation": "HSV"}, '"HSV"'),
            ({"PhotometricInterpretation": "YBR_ICT"}, '"YBR_ICT"'),
            ({"PhotometricInterpretation": "MONOCHROME2"}, "samples per pixel 3"),
            ({"PixelPresentation": "COLOR"}, "colours"),
            ({"BitsStored": 9}, "bits per sample"),
            ({"BitsAllocated": 32, "BitsStored": 32}, "bits per sample"),
            ({"Rows": 31}, "too small"),
            ({"Rows": 65535, "Columns": 65535}, "too large"),
            ({"Rows": 41}, "incomplete"),
            ({"NumberOfFrames": 2}, "incomplete"),
        ],
    )
    def test_what_cannot_be_decoded_rightly(self, changes, words):
        assert words in refused(dicom_bytes(PIXELS.tobytes(), **RGB | changes))

    def test_the_size_limit_is_exact(self):
        data = dicom_bytes(PIXELS.tobytes(), **RGB)
        assert decode_rgb(data, limits=Limits(max_pixels=48 * 40)).shape == (40, 48, 3)
        assert "too large" in refused(data, limits=Limits(max_pixels=48 * 40 - 1))

    @pytest.mark.parametrize(
        ("syntax", "kind"), [(JPEGBaseline8Bit, "JPEG"), (JPEG2000Lossless, "JPEG2000")]
    )
    def test_a_compressed_image_larger_than_its_header(self, syntax, kind):
        options = {"no_jp2": True} if kind == "JPEG2000" else {}
        large = encoded(picture(width=480, height=400), kind, **options)
        data = dicom_bytes(encapsulate([large]), syntax=syntax, **RGB)
        assert "its compressed image has 480 by 400" in refused(data)
        other = encapsulate([encoded(PIXELS)])
        assert "but it is not" in refused(dicom_bytes(other, syntax=syntax, **RGB))

    @pytest.mark.parametrize("change", [b"\xee\x00\x40\x00\x40", b"\x10\x00\x41\x00\x40"])
    def test_what_makes_the_decoder_abort_its_process(self, change):
        # The JPEG-LS frame's precision (238 bits) makes GDCM end in std::terminate.
        data = test_file("MR_small_jpeg_ls_lossless.dcm")
        head = b"\xff\xf7\x00\x0b"
        assert data.count(head + b"\x10\x00\x40\x00\x40") == 1
        at = data.index(head) + len(head)
        assert "compressed image" in refused(data[:at] + change + data[at + 5 :])

    def test_a_run_length_bomb(self):
        segment = b"\x81\x00" * 100_000
        starts = [64 + k * len(segment) for k in range(3)]
        header = struct.pack("<16I", 3, *starts, *[0] * 12)
        data = dicom_bytes(encapsulate([header + segment * 3]), syntax=RLELossless, **RGB)
        assert "run-length" in refused(data)

    def test_segmented_palettes(self):
        elements = PALETTE | {"RedPaletteColorLookupTableDescriptor": [256, 0, 16]}
        elements["SegmentedRedPaletteColorLookupTableData"] = b"\1\0\xff\xff\0\0" * 10
        assert "palette" in refused(dicom_bytes(PIXELS[..., 0].tobytes(), **elements))

    def test_a_palette_that_is_too_short(self):
        elements = dict(PALETTE)
        for colour in ("Red", "Green", "Blue"):
            elements[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
            elements[f"{colour}PaletteColorLookupTableData"] = bytes(100)
        assert "incomplete" in refused(dicom_bytes(PIXELS[..., 0].tobytes(), **elements))

    def test_big_endian_refuses_nothing_more(self):
        assert ExplicitVRBigEndian.is_little_endian is False
        assert decode_rgb(test_file("MR_small_bigendian.dcm")).shape == (64, 64, 3)
