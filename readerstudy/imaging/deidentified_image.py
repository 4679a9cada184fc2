"""An image file to pixels that may be stored, and what a person must know who looks at them.

Whatever is not pixels is left behind. Of a DICOM file the ultrasound regions alone are kept; where
they are not known for sure, the picture stays whole and waits for a box drawn by hand. Every
picture is screened for burned-in text, which finds much and proves nothing: a person looks at
each one before it is read (studies/review).
"""

from dataclasses import dataclass

import numpy as np

from readerstudy.imaging.box import Box
from readerstudy.imaging.burned_in_text import suspected_text
from readerstudy.imaging.dicom import frame_count, says_burned_in
from readerstudy.imaging.pixels import (
    decode_rgb,
    encode_png,
    in_plain_words,
    is_dicom,
    mm_per_pixel,
)
from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.source_limits import Limits
from readerstudy.imaging.ultrasound_regions import NoRegion, PictureResized, require_ultrasound_box

MOST_FRAMES = 40
"""Frames of a clip that are kept until one is chosen; of a longer one, evenly spread."""
MOST_FRAME_PIXELS = 2**25
"""Pixels of all of them together."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frame of a clip, counted from 1, as a bare PNG."""

    number: int
    png: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageFindings:
    """What a person must know who looks at a picture."""

    boxes: tuple[Box, ...] = ()
    """Where text is suspected, in the picture's own pixels."""
    says_burned_in: bool = False
    """Whether the file says that its pixels name the patient."""
    needs_crop: str = ""
    """Why a box must be drawn by hand; blank where none must."""
    frames: tuple[Frame, ...] = ()
    """Those of a clip, where no frame was chosen: the picture is the middle one until then."""


@dataclass(frozen=True, kw_only=True, slots=True)
class DeidentifiedImage:
    """Pixels of an image file and nothing else of it, and what there is to say of them."""

    rgb: np.ndarray  # (H, W, 3) uint8
    mm_per_pixel: float | None
    findings: ImageFindings


def deidentify_image(
    data: bytes, *, frame: int | None = None, limits: Limits | None = None
) -> DeidentifiedImage:
    """The pixels of a PNG, JPEG or DICOM file that may be stored.

    Parameters
    ----------
    data : bytes
        The whole file.
    frame : int, optional
        Which frame of a clip to take, counted from 1. Without it all of a clip's frames, or as
        many as are allowed, are among the findings.
    limits : Limits, optional

    Raises
    ------
    UnreadableImage
        As `decode_rgb` does.
    """
    limits = limits or Limits()
    if not is_dicom(data):
        rgb = decode_rgb(data, frame=frame or 1, limits=limits)
        findings = ImageFindings(boxes=tuple(suspected_text(rgb)))
        return DeidentifiedImage(rgb=rgb, mm_per_pixel=None, findings=findings)
    with in_plain_words("DICOM file"):
        count = 1 if frame else frame_count(data)
        burned_in = says_burned_in(data)
    middle = frame or (count + 1) // 2
    rgb = decode_rgb(data, frame=middle, limits=limits)
    kept, scale = Box(0, 0, rgb.shape[1], rgb.shape[0]), mm_per_pixel(data)
    needs_crop = ""
    try:
        with in_plain_words("DICOM file"):
            kept = require_ultrasound_box(
                data, width=kept.width, height=kept.height, least_side=limits.min_side
            )
    except NoRegion as reason:
        needs_crop = str(reason)
        scale = None if isinstance(reason, PictureResized) else scale
    except UnreadableImage:  # the pixels were sound
        needs_crop = "the ultrasound regions of the file are malformed"
    picture = kept.cut(rgb)
    findings = ImageFindings(
        boxes=tuple(suspected_text(picture)),
        says_burned_in=burned_in,
        needs_crop=needs_crop,
        frames=_frames(data, kept, count=count, limits=limits) if count > 1 else (),
    )
    return DeidentifiedImage(rgb=picture, mm_per_pixel=scale, findings=findings)


def _frames(data: bytes, box: Box, *, count: int, limits: Limits) -> tuple[Frame, ...]:
    most = max(1, min(count, MOST_FRAMES, MOST_FRAME_PIXELS // box.area))
    numbers = np.unique(np.rint(np.linspace(1, count, most)).astype(int)).tolist()
    return tuple(
        Frame(number, encode_png(box.cut(decode_rgb(data, frame=number, limits=limits))))
        for number in numbers
    )
