"""An image file to pixels that may be stored, and what a person must know who looks at them.

Whatever is not pixels is left behind. Of a DICOM file the ultrasound regions alone are kept; where
they are not known for sure, the picture stays whole and waits for a box drawn by hand. Every
picture is screened for burned-in text, which finds much and proves nothing: a person looks at
each one before it is read (studies/review).
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from readerstudy.imaging import findings
from readerstudy.imaging.box import Box
from readerstudy.imaging.burned_in_text import suspected_text
from readerstudy.imaging.colours import RGB
from readerstudy.imaging.dicom import frames_held, says_burned_in
from readerstudy.imaging.findings import Finding
from readerstudy.imaging.image_size_limit import check_size
from readerstudy.imaging.picture import Picture
from readerstudy.imaging.pixels import (
    decode_picture,
    encode_png,
    in_plain_words,
    is_dicom,
    pixel_size,
    stretched,
)
from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.source_limits import Limits
from readerstudy.imaging.spacing import MOST_OBLONG, TOLERANCE, PixelSize
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
    doubts: tuple[Finding, ...] = ()
    """What may be false about it."""

    @property
    def needs_colours(self) -> bool:
        """Whether a person must choose between the picture and `colours.rgb_of_ybr` of it."""
        return any(doubt.kind == findings.COLOURS for doubt in self.doubts)


@dataclass(frozen=True, kw_only=True, slots=True)
class DeidentifiedImage:
    """Pixels of an image file and nothing else of it, and what there is to say of them."""

    rgb: np.ndarray  # (H, W, 3) uint8
    mm_per_pixel: float | None
    findings: ImageFindings


def deidentify_image(
    data: bytes,
    *,
    frame: int | None = None,
    in_colour: bool = False,
    limits: Limits | None = None,
) -> DeidentifiedImage:
    """The pixels of a PNG, JPEG or DICOM file that may be stored.

    Parameters
    ----------
    data : bytes
        The whole file.
    frame : int, optional
        Which frame of a clip to take, counted from 1. Without it all of a clip's frames, or as
        many as are allowed, are among the findings.
    in_colour : bool
        Whether colours are to be expected, as in a Doppler picture.
    limits : Limits, optional

    Raises
    ------
    UnreadableImage
        As `decode_picture` does.
    """
    limits = limits or Limits()
    if is_dicom(data):
        return _of_dicom(data, frame=frame, in_colour=in_colour, limits=limits)
    picture = decode_picture(data, frame=frame or 1, limits=limits)
    size = _plain_size(picture)
    rgb = _square(picture.rgb, size, limits=limits)
    doubts = _doubts(picture, size, rgb, in_colour=in_colour, is_plain=True)
    found = ImageFindings(boxes=tuple(suspected_text(rgb)), doubts=doubts)
    return DeidentifiedImage(rgb=rgb, mm_per_pixel=None, findings=found)


def _of_dicom(
    data: bytes, *, frame: int | None, in_colour: bool, limits: Limits
) -> DeidentifiedImage:
    with in_plain_words("DICOM file"):
        held = frames_held(data, limits=limits)
        burned_in = says_burned_in(data)
    count = 1 if frame else held.count
    middle = frame or (count + 1) // 2
    picture = decode_picture(data, frame=middle, limits=limits)
    size = pixel_size(data, frame=middle)
    kept, needs_crop, is_resized = _kept(data, picture, limits=limits)
    sizes = _sizes_of_frames(data, kept, count=count) if count > 1 else {}
    frames = _frames(data, kept, sizes, limits=limits)
    if frames.in_doubt and not picture.in_doubt:
        picture = replace(
            decode_picture(data, frame=middle, limits=limits, taken_as=RGB), in_doubt=True
        )
    rgb = _square(kept.cut(picture.rgb), size, limits=limits)
    doubts = _doubts(picture, _one_size(size, sizes.values()), rgb, in_colour=in_colour)
    if held.count > (held.declared or 1):
        doubts += (findings.frames_finding(held=held.count, declared=held.declared),)
    if burned_in:
        doubts += (findings.burned_in_finding(),)
    if held.unexplained:
        doubts += (findings.extra_finding(held.unexplained),)
    if held.is_ambiguous:
        doubts += (findings.ambiguous_finding(held.count),)
    found = ImageFindings(
        boxes=tuple(suspected_text(rgb)),
        says_burned_in=burned_in,
        needs_crop=needs_crop,
        frames=frames.frames,
        doubts=doubts,
    )
    differ = any(each != size for each in sizes.values())  # and the chosen one isn't known yet
    scale = None if is_resized or differ else size.mm
    return DeidentifiedImage(rgb=rgb, mm_per_pixel=scale, findings=found)


def _kept(data: bytes, picture: Picture, *, limits: Limits) -> tuple[Box, str, bool]:
    """(what of a picture is kept, why a box must be drawn by hand, whether it was made smaller)."""
    whole = Box(0, 0, picture.rgb.shape[1], picture.rgb.shape[0])
    try:
        with in_plain_words("DICOM file"):
            box = require_ultrasound_box(
                data, width=whole.width, height=whole.height, least_side=limits.min_side
            )
    except NoRegion as reason:
        return whole, str(reason), isinstance(reason, PictureResized)
    except UnreadableImage:  # the pixels were sound
        return whole, "the ultrasound regions of the file are malformed", False
    return box, "", False


def _plain_size(picture: Picture) -> PixelSize:
    """Of a PNG or JPEG, which tells the shape alone."""
    height = picture.pixel_height
    if 1 / (1 + TOLERANCE) <= height <= 1 + TOLERANCE:
        return PixelSize()
    if 1 / MOST_OBLONG <= height <= MOST_OBLONG:
        return PixelSize(height=height)
    return PixelSize(doubt="what it says of the shape of its pixels is not plausible")


def _square(rgb: np.ndarray, size: PixelSize, *, limits: Limits) -> np.ndarray:
    """With square pixels. Raises UnreadableImage if that makes it too large."""
    if size.height == 1:
        return rgb
    across, down = max(1 / size.height, 1.0), max(size.height, 1.0)
    check_size(round(rgb.shape[1] * across), round(rgb.shape[0] * down), limits=limits)
    return stretched(rgb, height=size.height)


def _doubts(
    picture: Picture, size: PixelSize, rgb: np.ndarray, *, in_colour: bool, is_plain: bool = False
) -> tuple[Finding, ...]:
    found = [findings.colours_finding()] if picture.in_doubt else []
    if picture.planes_in_doubt:
        found.append(findings.planes_finding())
    if size.height != 1:
        found.append(findings.stretched_finding(size.height, must_answer=is_plain))
    if size.doubt:
        found.append(findings.shape_finding(size.doubt))
    return (*found, *findings.content_findings(rgb, in_colour=in_colour))


def _sizes_of_frames(data: bytes, box: Box, *, count: int) -> dict[int, PixelSize]:
    """The pixels of the frames of a clip that are kept, by their numbers."""
    most = max(1, min(count, MOST_FRAMES, MOST_FRAME_PIXELS // box.area))
    numbers = np.unique(np.rint(np.linspace(1, count, most)).astype(int)).tolist()
    return {number: pixel_size(data, frame=number) for number in numbers}


def _one_size(size: PixelSize, others: Iterable[PixelSize]) -> PixelSize:
    """What there is to say of the pixels of all the frames of a clip, its picture's being ``size``:
    which one is chosen isn't known yet."""
    sizes = [size, *others]
    if doubt := next((each.doubt for each in sizes if each.doubt), ""):
        return replace(size, doubt=doubt)
    if len({each.height for each in sizes}) > 1:
        return replace(
            size, height=1, doubt="its frames have pixels of several shapes; each was made square"
        )
    return size


@dataclass(frozen=True)
class _Frames:
    frames: tuple[Frame, ...]
    in_doubt: bool = False
    """Whether they are the samples as stored, because of one or another it can't be told what
    those are."""


def _frames(
    data: bytes, box: Box, sizes: dict[int, PixelSize], *, limits: Limits, taken_as: str = ""
) -> _Frames:
    """Frames of a clip, all read in the same way: what is doubtful of one is so of all."""
    found, ways, in_doubt = [], set(), False
    for number, size in sizes.items():
        frame = decode_picture(data, frame=number, limits=limits, taken_as=taken_as)
        ways.add(frame.taken_as)
        in_doubt |= frame.in_doubt
        rgb = _square(box.cut(frame.rgb), size, limits=limits)
        found.append(Frame(number, encode_png(rgb)))
    if not in_doubt and len(ways) < 2:
        return _Frames(tuple(found))
    if taken_as:
        raise UnreadableImage(
            "this DICOM file's frames have their colours stored in several ways; export each frame "
            "as a file of its own"
        )
    again = _frames(data, box, sizes, limits=limits, taken_as=RGB)
    return _Frames(again.frames, in_doubt=True)
