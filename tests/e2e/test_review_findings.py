"""The reviewer's page with each kind of finding, in a real browser at four widths: everything fits,
both pictures of a choice are seen whole, and the answers lead to an approval."""

import numpy as np
import pytest
from PIL import Image as PillowImage
from playwright.sync_api import Page, expect

from tests import servers
from tests.e2e.browsing import screenshot, sign_in, window
from tests.imaging.example_files import RGB_DICOM, dicom_bytes, encoded, region, write_folder
from tests.services.site import Site, Sketch
from tests.studies.test_picture_findings import (
    COLOURED,
    jpeg,
    random_picture,
    sources,
    unmarked_jpeg,
)

SLUG = "found"
WIDTHS = {390: 844, 1024: 768, 1440: 900, 2560: 1440}
CENTIMETRES = {"PhysicalUnitsXDirection": 3, "PhysicalUnitsYDirection": 3}


def oblong() -> bytes:
    shape = CENTIMETRES | {"PhysicalDeltaX": 0.01, "PhysicalDeltaY": 0.02}
    return dicom_bytes(
        random_picture(5).tobytes(), **RGB_DICOM,
        SequenceOfUltrasoundRegions=[region((0, 0, 47, 39), **shape)], PixelAspectRatio=[1, 1],
    )  # fmt: skip


def clip() -> bytes:
    frames = b"".join(random_picture(seed).tobytes() for seed in (60, 61, 62))
    return dicom_bytes(frames, **RGB_DICOM, SequenceOfUltrasoundRegions=[region((0, 0, 47, 39))])


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    """A draft with a finding of each kind, and its address."""
    site = Site(tmp_path_factory.mktemp("found"))
    site.build(Sketch(SLUG, cases=0, steps=()))
    twice, large = random_picture(40), PillowImage.fromarray(random_picture(41))
    changes = {
        "case-001_bus": unmarked_jpeg(COLOURED, converted=True),
        "case-001_cdfi": encoded(np.zeros((40, 48, 3), np.uint8)),
        "case-002_bus": oblong(),
        "case-002_cdfi": encoded(np.repeat(random_picture(9)[..., :1], 3, axis=2)),
        "case-003_bus": clip(),
        "case-003_cdfi": encoded(twice),
        "case-004_bus": encoded(np.asarray(large.resize((240, 200)))),
        "case-004_cdfi": jpeg(twice),
    }
    source = write_folder(site.folder / "source", sources(5, changes))
    site.manage("import_cohort", SLUG, "hidden-cohort", str(source))
    with servers.gunicorn(site.env) as address:
        yield site, address


def open_queue(page: Page) -> None:
    sign_in(page, "root")
    page.goto("/admin/cohorts/cohort/")
    page.get_by_role("link", name="Review").click()
    expect(page.get_by_role("heading", name=f"Images of {SLUG} / hidden-cohort")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_all_of_it_fits_the_window_and_pictures_are_whole(browser, found, width):
    with window(browser, found[1]) as page:
        page.set_viewport_size({"width": width, "height": WIDTHS[width]})
        open_queue(page)
        card = page.locator("[data-image]").first
        expect(card.get_by_text("choose the right one")).to_be_visible()
        overflow = page.evaluate(
            "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow <= 0
        pictures = page.locator(".pair img, .colours img, .frames img")
        assert pictures.count() >= 2 * 1 + 2 + 3
        for picture in pictures.all():
            picture.scroll_into_view_if_needed()
            expect(picture).to_have_js_property("complete", True)
            box = picture.bounding_box()
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
            assert box["width"] >= 80
            assert box["height"] >= 40
            assert picture.evaluate("image => image.naturalWidth") > 0
        screenshot(page, f"review-findings-{width}")


def test_the_reviewer_answers_and_approves(browser, found):
    site, address = found
    with window(browser, address) as page:
        open_queue(page)
        pair = page.locator(".pairs .card").first
        expect(pair).to_contain_text("They looked the same")
        pair.get_by_label("Why both may stand").fill("Two nodes of one patient.")
        pair.get_by_role("button", name="Both may stand").click()
        expect(page.get_by_text("may both stand.")).to_be_visible()
        assert page.locator(".pairs").count() == 0
        page.get_by_label("Converted from YCbCr").first.check()
        page.get_by_role("button", name="Use this picture").click()
        expect(page.get_by_text("are settled. Review the result.")).to_be_visible()
        black = page.locator("[data-image]", has=page.get_by_text("The picture is black"))
        black.get_by_label("Reviewed: nothing identifies the patient").check()
        page.get_by_role("button", name="Approve the ticked images").click()
        expect(page.get_by_text("can't be approved yet. Answer what was found")).to_be_visible()
        black.get_by_label("Looked at: the image is right nevertheless").check()
        black.get_by_label("Reviewed: nothing identifies the patient").check()
        page.get_by_role("button", name="Approve the ticked images").click()
        expect(page.get_by_text("1 image approved.")).to_be_visible()
    answered = "SELECT answered_by FROM cohorts_imagefinding WHERE kind = %s"
    assert site.rows(answered, "black") == [("root",)]
    assert site.rows(answered, "colours") == [("root",)]
    assert site.rows("SELECT answer FROM cohorts_similarimages") == [("Two nodes of one patient.",)]
