"""What a reader does to the images is seen on the screen: by geometry and by pixels."""

import base64
import io
import math
import re

import numpy as np
import pytest
from matplotlib import colormaps
from PIL import Image
from playwright.sync_api import Locator, Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import (
    choose,
    enter,
    fits_the_width,
    heatmaps_drawn,
    images_painted,
    screenshot,
    sign_in,
    window,
)
from tests.servers import wait_until
from tests.services.source import BUS_MM_PER_PIXEL

pytestmark = pytest.mark.e2e

BUS, CDFI = 0, 1
TABLET = {"has_touch": True, "is_mobile": False}


def _open(page: Page, slug: str = "viewed") -> None:
    sign_in(page, "vera")
    enter(page, slug)
    expect(page.get_by_role("toolbar", name="Images")).to_be_visible()
    images_painted(page)
    _settled(page)


def _aided(page: Page) -> None:
    """To the case's stage 2, reading its stage 1 if that is to be done."""
    _open(page, "viewed-aided")
    if "Stage 1" in page.locator(".where").inner_text():
        choose(page, Etiology.LYMPHOMA)
        page.get_by_role("button", name="Submit").click()
        expect(page.locator(".where")).to_contain_text("Stage 2")
    heatmaps_drawn(page, level=1)
    _settled(page)


def _settled(page: Page) -> None:
    """What was asked for has been drawn."""
    page.evaluate("() => new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))")


def _press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)
    _settled(page)


def _pane(page: Page, which: int) -> Locator:
    return page.locator(".pane").nth(which)


def _middle(page: Page, which: int) -> tuple[float, float]:
    box = _pane(page, which).bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def _drag(page: Page, which: int, dx: float, dy: float, *, button: str = "left") -> None:
    x, y = _middle(page, which)
    page.mouse.move(x, y)
    page.mouse.down(button=button)
    page.mouse.move(x + dx, y + dy, steps=4)
    page.mouse.up(button=button)
    _settled(page)


def _place(page: Page, which: int) -> np.ndarray:
    """Left, top, width and height of the image in its pane, in CSS pixels."""
    return np.array(
        _pane(page, which).evaluate(
            "pane => { const p = pane.getBoundingClientRect();"
            " const i = pane.querySelector('img').getBoundingClientRect();"
            " return [i.left - p.left, i.top - p.top, i.width, i.height]; }"
        )
    )


def _close(one: np.ndarray, other: np.ndarray, within: float = 1.01) -> bool:
    """Alike but for what places are rounded to: a pixel of the screen."""
    return bool(np.abs(one - other).max() < within)


def _pixels(page: Page, which: int) -> np.ndarray:
    """What the screen shows of a pane, above its scale bar and without its edge: (H, W, 3)."""
    shot = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    left, top, right, bottom = _inner(page, which)
    return np.array(shot, float)[top:bottom, left:right]


def _inner(page: Page, which: int) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what `_pixels` shows, in pixels of the screen."""
    box, density = _pane(page, which).bounding_box(), page.evaluate("devicePixelRatio")
    edges = (
        box["x"] + 2,
        box["y"] + 2,
        box["x"] + box["width"] - 2,
        box["y"] + box["height"] - 40,
    )
    return tuple(round(edge * density) for edge in edges)


def _source(page: Page, which: int) -> np.ndarray:
    """The image as the server sent it, (H, W, 3) float."""
    address = page.locator(".pane img").nth(which).get_attribute("src")
    return np.array(Image.open(io.BytesIO(page.request.get(address).body())), float)


def test_linked_images_stay_in_step_and_unlinked_ones_do_not(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page)
        fitted = _place(page, BUS)
        assert _close(fitted, _place(page, CDFI))
        _press(page, "+", "+", "ArrowRight", "ArrowUp")
        moved = _place(page, BUS)
        assert moved[2] == pytest.approx(fitted[2] * 1.25**2, abs=0.1)
        assert _close(moved, _place(page, CDFI))
        page.get_by_role("button", name="Linked").click()
        _drag(page, CDFI, 60, 0, button="middle")
        assert _close(_place(page, BUS), moved, within=0.01)
        assert _close(_place(page, CDFI), moved + np.array([60, 0, 0, 0]))
        _press(page, "-")  # the image that was used last
        assert _close(_place(page, BUS), moved, within=0.01)
        assert _place(page, CDFI)[2] == pytest.approx(moved[2] / 1.25, abs=0.1)
        screenshot(page, "viewer-unlinked")
        page.get_by_role("button", name="Linked").click()
        _settled(page)
        assert _close(_place(page, BUS), _place(page, CDFI))
        assert _place(page, BUS)[2] == pytest.approx(moved[2] / 1.25, abs=0.1)


def test_images_of_different_sizes_show_the_same_part(browser, served):
    _, address = served
    with window(browser, address) as page:
        other = io.BytesIO()
        Image.new("RGB", (300, 360), "grey").save(other, "PNG")
        page.route(
            re.compile(r"/cdfi\.png$"),
            lambda route: route.fulfill(body=other.getvalue(), content_type="image/png"),
        )
        _open(page)
        fitted = [_place(page, which)[2:] for which in (BUS, CDFI)]
        assert not np.allclose(*fitted)
        page.mouse.move(*(np.array(_middle(page, CDFI)) + np.array([40, 25])))
        page.mouse.wheel(0, -400)
        _drag(page, BUS, 30, -12, button="middle")
        views = []
        for which in (BUS, CDFI):
            left, top, width, height = _place(page, which)
            side = _pane(page, which).bounding_box()["width"]
            views.append(
                [width / fitted[which][0], (side / 2 - left) / width, (side / 2 - top) / height]
            )
        assert views[BUS][0] > 1.5
        assert np.allclose(*views, atol=0.004)


def test_the_mouse_does_what_ohif_taught(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page)
        fitted = _place(page, BUS)
        spot = np.array([60, -40])
        x, y = np.array(_middle(page, BUS)) + spot
        on_image = (np.array(_place_of(page, x, y)) - fitted[:2]) / fitted[2:]
        page.mouse.move(x, y)
        page.mouse.wheel(0, -300)
        _settled(page)
        grown = _place(page, BUS)
        assert grown[2] > 1.3 * fitted[2]
        assert _close(grown[:2] + on_image * grown[2:], np.array(_place_of(page, x, y)))
        menus = "() => { window.menus = []; addEventListener('contextmenu',"
        page.evaluate(f"{menus} event => window.menus.push(event.defaultPrevented)) }}")
        _drag(page, BUS, 0, 50, button="right")
        assert _place(page, BUS)[2] == pytest.approx(grown[2] * math.exp(0.5), rel=0.01)
        assert page.evaluate("window.menus").count(False) == 0
        page.mouse.dblclick(*_middle(page, BUS))
        _settled(page)
        assert _close(_place(page, BUS), fitted, within=0.01)
        page.get_by_role("button", name="Pan", exact=True).click()
        _drag(page, BUS, 35, 20)
        assert _close(_place(page, BUS), fitted + np.array([35, 20, 0, 0]))
        page.get_by_role("button", name="Zoom", exact=True).click()
        _drag(page, BUS, 0, -50)
        assert _place(page, BUS)[2] == pytest.approx(fitted[2] * math.exp(-0.5), rel=0.01)
        _press(page, "Space")
        assert _close(_place(page, BUS), fitted, within=0.01)
        page.get_by_role("button", name="Window", exact=True).click()


def _place_of(page: Page, x: float, y: float) -> tuple[float, float]:
    """A place of the page as one of the BUS pane."""
    box = _pane(page, BUS).bounding_box()
    return x - box["x"], y - box["y"]


@pytest.mark.parametrize("density", [1, 2])
def test_at_1_to_1_each_image_pixel_is_one_pixel_of_the_screen(browser, served, density):
    _, address = served
    with window(browser, address, device_scale_factor=density) as page:
        _open(page)
        _press(page, "o")
        box = page.locator(".pane img").first.bounding_box()
        x, y, width, height = (box[side] * density for side in ("x", "y", "width", "height"))
        source = _source(page, BUS)
        assert (height, width) == pytest.approx(source.shape[:2], abs=0.01)
        screen = np.array(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), float)
        # The emulation of a dense screen places boxes by CSS pixels: half of them are one off.
        x, y = round(x) + 200, round(y) + 150
        seen = [screen[y : y + 200, x + off : x + off + 220] for off in range(density)]
        assert any(np.array_equal(each, source[150:350, 200:420]) for each in seen)
        screenshot(page, f"viewer-actual-size-at-density-{density}")


def test_window_and_level_change_the_greys_and_keep_the_hues(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page)
        _press(page, "o")
        plain = {which: _pixels(page, which) for which in (BUS, CDFI)}
        assert np.ptp(plain[BUS]) > 90
        _drag(page, BUS, -100, 20)
        expect(page.locator(".readout").first).to_contain_text("W 155 L 148")
        for which in (BUS, CDFI):
            assert np.abs(_pixels(page, which) - _windowed(plain[which], 155, 147.5)).max() < 2
        _press(page, "Space", "o", "i")
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
        assert np.abs(_pixels(page, BUS) - (255 - plain[BUS])).max() < 2
        flow = _pixels(page, CDFI)[plain[CDFI][..., 0] - plain[CDFI][..., 1] > 100]
        assert len(flow) > 1000
        assert (flow[:, 0] > flow[:, 1:].max(axis=1) + 100).all(), "inverted, red flow is not red"
        screenshot(page, "viewer-inverted")
        _press(page, "Space", "o")
        for which in (BUS, CDFI):
            assert np.array_equal(_pixels(page, which), plain[which])


def _windowed(pixels: np.ndarray, width: float, level: float) -> np.ndarray:
    """Greys through the window; colours by what it does to their mean."""
    mean = pixels.mean(axis=2, keepdims=True)
    return np.clip(pixels - mean + (mean - level + width / 2) / width * 255, 0, 255)


def test_the_scale_bar_tells_the_length_that_it_has(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page)
        bar = page.locator(".scale-bar").first
        told = set()
        for _ in range(8):
            number, unit = bar.inner_text().split()
            told.add(f"{number} {unit}")
            mm = float(number) * {"mm": 1, "cm": 10}[unit]
            pixels = bar.locator("i").bounding_box()["width"] / (_place(page, BUS)[2] / 640)
            assert pixels * BUS_MM_PER_PIXEL == pytest.approx(mm, rel=0.01)
            assert 40 < bar.locator("i").bounding_box()["width"] <= 120
            _press(page, "+")
        assert {"1 cm", "5 mm", "2 mm"} <= told
        expect(page.locator(".scale-bar").nth(CDFI)).to_be_hidden()  # its spacing is not known


def test_fingers_pinch_drag_and_pan(browser, served):
    _, address = served
    with window(browser, address, **TABLET) as page:
        page.set_viewport_size({"width": 1024, "height": 768})
        _open(page)
        fitted = _place(page, BUS)
        x, y = _middle(page, BUS)
        touch = page.context.new_cdp_session(page)
        _touch(touch, [(x - 20, y), (x + 20, y)], [(x - 40, y + 10), (x + 40, y + 10)])
        _settled(page)
        pinched = _place(page, BUS)
        assert pinched[2] == pytest.approx(2 * fitted[2], rel=0.02)
        assert pinched[1] + pinched[3] / 2 == pytest.approx(fitted[1] + fitted[3] / 2 + 10, abs=2)
        assert _close(pinched, _place(page, CDFI))
        expect(page.locator(".readout").first).not_to_contain_text("W")  # no window was meant
        _touch(touch, [(x, y)], [(x, y - 40)])
        expect(page.locator(".readout").first).to_contain_text("L 88")
        assert page.evaluate("scrollY") == 0
        fits_the_width(page)
        screenshot(page, "viewer-tablet")


def _touch(session, start: list[tuple], end: list[tuple], *, steps: int = 8) -> None:
    """Fingers go down, move together and leave the glass."""
    for step in range(steps + 1):
        points = [
            {"x": a[0] + (b[0] - a[0]) * step / steps, "y": a[1] + (b[1] - a[1]) * step / steps}
            for a, b in zip(start, end, strict=True)
        ]
        kind = "touchMove" if step else "touchStart"
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})


def test_the_heatmap_stays_on_its_image_and_out_of_the_window(browser, served):
    _, address = served
    with window(browser, address) as page:
        _aided(page)
        _press(page, "+", "+", "ArrowLeft", "i")
        heatmaps_drawn(page, level=1)  # also: each lies exactly over its image
        for pane in page.locator(".pane").all():
            filters = pane.evaluate(
                "pane => ['img', 'canvas'].map(each =>"
                " getComputedStyle(pane.querySelector(each)).filter)"
            )
            assert filters[0] != "none"
            assert filters[1] == "none"
        screenshot(page, "viewer-heatmap-zoomed")
        page.get_by_role("button", name="Linked").click()
        _drag(page, CDFI, 40, 40, button="right")
        page.get_by_role("radio", name="Level 2").check()
        heatmaps_drawn(page, level=2)
        page.get_by_role("button", name="Linked").click()


def test_the_heatmap_is_gone_while_it_is_held_away(browser, served):
    _, address = served
    with window(browser, address) as page:
        _aided(page)
        overlays = page.locator("canvas.overlay:visible")
        covered = _pixels(page, BUS)
        page.keyboard.down("h")
        expect(overlays).to_have_count(0)
        bare = _pixels(page, BUS)
        page.keyboard.up("h")
        expect(overlays).to_have_count(2)
        assert np.abs(covered - bare).max() > 30
        assert np.array_equal(_pixels(page, BUS), covered)
        page.get_by_role("button", name="Hold to hide").hover()
        page.mouse.down()
        expect(overlays).to_have_count(0)
        page.mouse.up()
        expect(overlays).to_have_count(2)
        page.keyboard.down("h")
        page.get_by_role("radio", name="Level 2").check()  # arrives while it is held away
        page.wait_for_timeout(300)
        expect(overlays).to_have_count(0)
        page.keyboard.up("h")
        heatmaps_drawn(page, level=2)
        expect(overlays).to_have_count(2)


def test_colour_maps_are_those_that_they_are_called_and_are_kept(browser, served):
    _, address = served
    with window(browser, address) as page:
        _aided(page)
        for name in ("viridis", "inferno", "viridis"):
            page.get_by_label("Colours").select_option(name)
            heatmaps_drawn(page, level=1)
            meant = np.array(colormaps[name].colors) * 255
            # The map of the colours before is drawn until it is drawn anew.
            wait_until(lambda meant=meant: _is_drawn_in(page, meant), what=f"the colours of {name}")
        page.get_by_label("Opacity").fill("80")
        page.reload()
        heatmaps_drawn(page, level=1)
        expect(page.get_by_label("Colours")).to_have_value("viridis")
        expect(page.locator("canvas.overlay").first).to_have_css("opacity", "0.8")


def _is_drawn_in(page: Page, meant: np.ndarray) -> bool:
    """Whether the scale and the map have these colours, (256, 3)."""
    drawn = _canvas(page.locator("canvas.overlay").first)
    thick = drawn[..., 3] > 200  # there the colours survive the alpha
    scale = np.abs(_canvas(page.locator(".scale canvas"))[0, :, :3] - meant).max()
    return (
        scale < 8
        and thick.sum() > 100
        and np.abs(drawn[thick][:, :3] - meant[drawn[thick][:, 3]]).max() < 10
    )


def _canvas(canvas: Locator) -> np.ndarray:
    """A canvas's pixels, (H, W, 4) int."""
    png = base64.b64decode(canvas.evaluate("c => c.toDataURL()").split(",")[1])
    return np.array(Image.open(io.BytesIO(png)).convert("RGBA"), int)


def test_the_next_case_starts_afresh_but_for_what_a_reader_has_set(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page, "two-views")
        fitted = _place(page, BUS)
        page.get_by_role("button", name="Linked").click()
        _press(page, "+", "+", "i", "f")
        assert page.evaluate("document.fullscreenElement === document.documentElement")
        choose(page, Etiology.LYMPHOMA)
        page.get_by_role("button", name="Submit").click()
        expect(page.locator(".where")).to_contain_text("Case 2 of 2")
        images_painted(page)
        assert page.evaluate("document.fullscreenElement === document.documentElement")
        page.get_by_role("button", name="Full screen").click()
        _settled(page)
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_role("button", name="Linked")).to_have_attribute("aria-pressed", "false")
        assert _close(_place(page, BUS), fitted)
        _press(page, "+")  # once: nothing of the case before listens any more
        assert _place(page, BUS)[2] == pytest.approx(fitted[2] * 1.25, abs=0.1)


def test_images_and_diagnosis_are_seen_together(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page)
        for width, height in ((1280, 720), (1024, 768)):
            page.set_viewport_size({"width": width, "height": height})
            _settled(page)
            fits_the_width(page)
            for part in (".pane >> nth=0", ".pane >> nth=1", ".send-chosen"):
                expect(page.locator(part)).to_be_in_viewport(ratio=1)
            screenshot(page, f"viewer-{width}")
        page.set_viewport_size({"width": 768, "height": 1024})
        page.locator(".send-chosen").scroll_into_view_if_needed()
        fits_the_width(page)
        for part in (".pane >> nth=0", ".pane >> nth=1", ".send-chosen"):
            expect(page.locator(part)).to_be_in_viewport(ratio=1)
        screenshot(page, "viewer-768")


def test_without_javascript_the_images_are_there_and_no_idle_buttons(browser, served):
    _, address = served
    with window(browser, address, java_script_enabled=False) as page:
        sign_in(page, "vera")
        enter(page, "viewed")
        for image in page.locator(".pane img").all():
            expect(image).to_be_visible()
            assert image.bounding_box()["width"] > 400
        expect(page.get_by_role("button", name="Invert")).to_be_hidden()
        screenshot(page, "viewer-without-javascript")
