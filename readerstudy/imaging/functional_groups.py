"""What an enhanced multi-frame DICOM file says of a frame, laid where other files have it."""

from pydicom.dataset import Dataset

from readerstudy.imaging.dicom_attributes_read import items_of

SHARED, PER_FRAME = "SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"
_GROUPS = {
    "FrameVOILUTSequence": ("WindowCenter", "WindowWidth", "VOILUTFunction", "VOILUTSequence"),
    "PixelValueTransformationSequence": (
        "RescaleIntercept", "RescaleSlope", "ModalityLUTSequence",
    ),
    "PixelMeasuresSequence": ("PixelSpacing",),
}  # fmt: skip


def apply_functional_groups(dataset: Dataset, *, index: int) -> None:
    """Give a data set what its functional groups say of frame ``index``, from 0.

    Of a frame counts before of all frames, and either before what stands outside (PS3.3 C.7.6.16).
    """
    for item in (*list(items_of(dataset, SHARED))[:1], *_of_frame(dataset, index)):
        for group, keywords in _GROUPS.items():
            for values in list(items_of(item, group))[:1]:
                _lay_over(dataset, values, keywords)


def _lay_over(dataset: Dataset, values: Dataset, keywords: tuple[str, ...]) -> None:
    """All of a group at once: of what it leaves out, nothing holds that stood elsewhere."""
    for keyword in keywords:
        dataset.pop(keyword, None)
    for element in values:
        dataset[element.tag] = element


def _of_frame(dataset: Dataset, index: int) -> list[Dataset]:
    return list(items_of(dataset, PER_FRAME))[index : index + 1]
