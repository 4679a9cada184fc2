"""A figure as a file, the same bytes each time: SVG, PNG, PDF."""

from io import BytesIO
from typing import TYPE_CHECKING, Literal, get_args

from analysis.figures import theme

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Format = Literal["svg", "png", "pdf"]
FORMATS: tuple[str, ...] = get_args(Format)
UNDATED = {"svg": {"Date": None}, "png": {}, "pdf": {"CreationDate": None}}


def render(figure: "Figure", format: Format) -> bytes:
    """The figure as it was drawn, by a function of this package.

    Text is outlines in an SVG and embedded fonts in a PDF. Nothing tells when it was made.
    Raises KeyError for another format.
    """
    file = BytesIO()
    with theme.applied():
        figure.savefig(file, format=format, dpi=theme.DPI, metadata=UNDATED[format])
    return file.getvalue()
