"""A figure as a file, the same bytes each time: SVG, PNG, PDF."""

from io import BytesIO
from typing import TYPE_CHECKING

from analysis.figures import theme
from analysis.run_file_names import FIGURE_FORMATS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = FIGURE_FORMATS
UNDATED = {"svg": {"Date": None}, "png": {}, "pdf": {"CreationDate": None}}


def render(figure: "Figure", format: str) -> bytes:
    """The figure as it was drawn, by a function of this package.

    Text is outlines in an SVG and embedded fonts in a PDF. Nothing tells when it was made.
    Raises KeyError for another format.
    """
    file = BytesIO()
    with theme.applied():
        figure.savefig(file, format=format, dpi=theme.DPI, metadata=UNDATED[format])
    return file.getvalue()
