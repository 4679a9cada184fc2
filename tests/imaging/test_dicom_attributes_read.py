"""Of a DICOM file only what the list names is ever decoded."""

import pytest
from pydicom import dataset as pydicom_dataset
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from readerstudy.imaging.deidentified_image import deidentify_image
from readerstudy.imaging.dicom import read_elements
from readerstudy.imaging.dicom_attributes_read import READ, READ_OF_ITEMS, READ_OF_META, items_of
from tests.imaging.example_files import RGB_DICOM, dicom_bytes, picture, region
from tests.imaging.marked_files import marked_dicom

PATIENT_AND_VISIT = (0x0010, 0x0020, 0x0032, 0x0038, 0x0040)


def marker() -> bytes:
    return b"MARKER"


@pytest.fixture
def decoded(monkeypatch) -> set[int]:
    """The tags of all elements that are turned from bytes into values, nested ones too."""
    tags = set()
    convert = pydicom_dataset.convert_raw_data_element

    def watched(raw, **options):
        tags.add(raw.tag)
        return convert(raw, **options)

    monkeypatch.setattr(pydicom_dataset, "convert_raw_data_element", watched)
    return tags


def listed() -> set[int]:
    nested = {keyword for items in READ_OF_ITEMS.values() for keyword in items}
    return {Tag(keyword) for keyword in {*READ, *READ_OF_META, *nested}}


@pytest.mark.parametrize("options", [{}, {"frames": 3}, {"compressed": True}])
def test_nothing_that_is_not_listed_is_decoded(options, decoded):
    deidentify_image(marked_dicom(marker, **options))
    assert Tag("Rows") in decoded
    assert Tag("RegionLocationMinX0") in decoded
    assert decoded <= listed()


def test_only_what_the_list_names_is_kept():
    dataset = read_elements(marked_dicom(marker), READ)
    assert set(dataset.keys()) <= listed()
    assert set(dataset.file_meta.keys()) == {Tag("TransferSyntaxUID")}
    assert "MARKER" not in repr(list(items_of(dataset, "SequenceOfUltrasoundRegions")))


def test_the_list_has_a_reason_for_each_and_names_no_patient():
    tables = [READ, READ_OF_META, *READ_OF_ITEMS.values()]
    assert all(reason for table in tables for reason in table.values())
    assert not [key for key in READ if Tag(key).group in PATIENT_AND_VISIT]
    nested = {keyword for items in READ_OF_ITEMS.values() for keyword in items}
    assert set(READ_OF_ITEMS) <= {*READ, *nested}


def test_what_is_not_listed_cannot_be_asked_for():
    data = dicom_bytes(picture().tobytes(), **RGB_DICOM)
    with pytest.raises(KeyError, match="not on the list"):
        read_elements(data, ["PatientName"])
    with pytest.raises(KeyError):
        list(items_of(Dataset(), "OtherPatientIDsSequence"))


def test_an_item_has_what_is_listed_alone():
    item = region((0, 0, 9, 9))
    item.PatientName = "MARKER"
    dataset = Dataset()
    dataset.SequenceOfUltrasoundRegions = [item]
    [kept] = items_of(dataset, "SequenceOfUltrasoundRegions")
    assert "PatientName" not in kept
    assert kept.RegionLocationMaxX1 == 9
