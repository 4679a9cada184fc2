"""A heatmap is its map stretched over the whole image: in its place, smooth, and drawn once.

The pane and the controls are the case page's own; the images and maps are made here. The centre of
cell i of n lies at (i + 0.5) / n of the image; between centres the value is linear, and what is
beyond the outermost has its value.
"""

import base64
import io

import numpy as np
import pytest
from django.template.loader import render_to_string
from PIL import Image
from playwright.sync_api import Page, Route

from readerstudy.diagnosis import Modality
from readerstudy.reading.image_panes import Pane
from tests.e2e.browsing import window

pytestmark = pytest.mark.e2e

MOUNT = """
<link rel="stylesheet" href="/static/site/site.css">
<link rel="stylesheet" href="/static/reading/case.css">
<script type="module">
  import { mountOverlay } from "/static/reading/heatmap-controls.js";
  const { signal } = new AbortController();
  mountOverlay(document.querySelector(".panes"), { signal, note() {}, shown() {} });
</script>
"""
WIDTH, HEIGHT = 640, 480  # of the image under the heatmap whose drawings are counted
# How many pixels have been put on the heatmap's canvas.
COUNT = """
window.put = 0;
const put = CanvasRenderingContext2D.prototype.putImageData;
CanvasRenderingContext2D.prototype.putImageData = function (pixels, ...place) {
  if (this.canvas.matches(".overlay")) window.put += pixels.width * pixels.height;
  return put.call(this, pixels, ...place);
};
"""


def _open(page: Page, *, size: tuple[int, int], maps: tuple[np.ndarray, np.ndarray]) -> None:
    """One pane, with an image of this width and height, under the map of level 1."""
    pane = Pane(
        modality=Modality.BUS,
        image="/made/image.png",
        mm_per_pixel=None,
        heatmaps=("/made/1.png", "/made/2.png"),
    )
    html = "<!doctype html>" + render_to_string("reading/panes.html", {"panes": [pane]}) + MOUNT
    pictures = {
        "image.png": np.zeros(size[::-1], np.uint8),
        "1.png": maps[0],
        "2.png": maps[1],
    }

    def answer(route: Route) -> None:
        name = route.request.url.rsplit("/", 1)[1]
        if name in pictures:
            route.fulfill(body=_png(pictures[name]), content_type="image/png")
        else:
            route.fulfill(body=html, content_type="text/html")

    page.route("**/made/*", answer)
    page.goto("/made/page")
    _wait(page, level=1)


def _png(values: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "PNG")
    return file.getvalue()


def _wait(page: Page, *, level: int) -> None:
    drawn = f"canvas.overlay[data-drawn='/made/{level}.png']:not([hidden])"
    page.locator(drawn).wait_for()


def _values(page: Page) -> np.ndarray:
    """The map as it is drawn, (H, W): its values are the opacities of its pixels."""
    url = page.locator("canvas.overlay").evaluate("canvas => canvas.toDataURL()")
    png = base64.b64decode(url.split(",")[1])
    return np.array(Image.open(io.BytesIO(png)).convert("RGBA"), int)[..., 3]


def _ramp(cells: int) -> np.ndarray:
    """A square map that rises from left to right through all levels."""
    return np.tile(np.linspace(0, 255, cells).round().astype(np.uint8), (cells, 1))


def _centres(cells: int, side: int) -> np.ndarray:
    return (np.arange(cells) + 0.5) / cells * side


def _displacements(line: np.ndarray, *, cells: np.ndarray) -> np.ndarray:
    """Of each level's beginning along a rising line of pixels, in pixels from where it belongs."""
    levels = np.arange(1, 256)
    meant = np.interp(levels - 0.5, cells, _centres(len(cells), len(line)))
    return np.searchsorted(line, levels) - meant


@pytest.mark.parametrize("side", [512, 1024, 2000])
@pytest.mark.parametrize("cells", [5, 7, 16])
def test_each_value_lies_where_the_map_has_it(browser, served, cells, side):
    _, address = served
    ramp = _ramp(cells)
    with window(browser, address) as page:
        _open(page, size=(side, side), maps=(ramp, ramp.T))
        across = _values(page)
        page.get_by_role("radio", name="Level 2").check()
        _wait(page, level=2)
        down = _values(page).T
    for drawn in (across, down):
        assert (drawn == drawn[0]).all()
        assert len(np.unique(drawn)) > 200
        # A level begins between two pixels' centres: half a pixel is the least it can be off by.
        assert np.abs(_displacements(drawn[0], cells=ramp[0])).max() < 0.51


def test_between_the_cells_it_is_bilinear_and_it_reaches_every_edge(browser, served):
    _, address = served
    width, height = 801, 600
    made = np.random.default_rng(1).integers(0, 256, (7, 7)).astype(np.uint8)
    with window(browser, address) as page:
        _open(page, size=(width, height), maps=(made, made))
        drawn = _values(page)
    places = [(np.arange(side) + 0.5, _centres(7, side)) for side in (width, height)]
    wide = np.array([np.interp(*places[0], row) for row in made])
    meant = np.array([np.interp(*places[1], column) for column in wide.T]).T
    assert drawn.shape == (height, width)
    assert np.abs(drawn - meant).max() < 0.51


def test_a_change_is_drawn_once_and_what_changes_nothing_is_not(browser, served):
    _, address = served
    with window(browser, address) as page:
        page.add_init_script(COUNT)
        _open(page, size=(WIDTH, HEIGHT), maps=(_ramp(7), _ramp(7).T))
        assert _drawings(page) == 1
        page.get_by_label("Opacity").fill("80")
        for show in (page.keyboard.down, page.keyboard.up):
            page.get_by_role("button", name="Hold to hide").focus()
            show("Enter")
        assert _drawings(page) == 1, "the canvas is only made more or less opaque, or hidden"
        page.get_by_role("radio", name="Level 2").check()
        _wait(page, level=2)
        assert _drawings(page) == 2
        page.get_by_role("radio", name="Off").check()
        page.get_by_role("radio", name="Level 2").check()
        _wait(page, level=2)
        assert _drawings(page) == 2, "the canvas bears it already"
        page.get_by_label("Colours").select_option("viridis")
        assert _drawings(page) == 3


def _drawings(page: Page) -> float:
    """How often the canvas has been drawn, some frames after what was done last."""
    page.wait_for_timeout(300)
    return page.evaluate("window.put") / (WIDTH * HEIGHT)
