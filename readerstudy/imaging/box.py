"""A rectangle of pixels."""

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np


class Box(NamedTuple):
    """Pixels from `left` up to, not including, `right`, and so down; (0, 0) is the top left."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return max(self.right - self.left, 0)

    @property
    def height(self) -> int:
        return max(self.bottom - self.top, 0)

    @property
    def area(self) -> int:
        return self.width * self.height

    def clamped(self, width: int, height: int) -> "Box":
        """What of it lies inside a picture of this size; its area may be 0."""
        return Box(
            min(max(self.left, 0), width),
            min(max(self.top, 0), height),
            min(max(self.right, 0), width),
            min(max(self.bottom, 0), height),
        )

    def around(self, other: "Box") -> "Box":
        """The least box that holds both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )

    def cut(self, pixels: "np.ndarray") -> "np.ndarray":
        """A copy of these pixels of a picture (H, W, ...)."""
        return pixels[self.top : self.bottom, self.left : self.right].copy()
