"""How large an image may be, in pixels."""

from readerstudy.imaging.problems import UnreadableImage
from readerstudy.imaging.source_limits import Limits


def check_size(width: int, height: int, *, limits: Limits) -> None:
    """Raise UnreadableImage if an image of this size, in pixels, is too large or too small."""
    if min(width, height) < limits.min_side:
        side = f"{limits.min_side} by {limits.min_side}"
        raise UnreadableImage(f"{width} by {height} pixels is too small; the minimum is {side}")
    if max(width, height) > limits.max_side:
        side = f"{limits.max_side:,} by {limits.max_side:,}"
        raise UnreadableImage(f"{width} by {height} pixels is too large; the maximum is {side}")
    if width * height > limits.max_pixels:
        most = f"{limits.max_pixels:,} pixels in total"
        raise UnreadableImage(f"{width} by {height} pixels is too large; the maximum is {most}")
