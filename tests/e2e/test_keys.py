"""A whole case by keyboard alone, with the reader's own keys or with none."""

import json

import pytest
from playwright.sync_api import Locator, Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import enter, heatmaps_drawn, images_painted, screenshot, sign_in, window
from tests.services.site import Site

pytestmark = pytest.mark.e2e


def _open(page: Page, slug: str) -> None:
    sign_in(page, "kim")
    enter(page, slug)
    _ready(page)


def _ready(page: Page) -> None:
    """The shortcuts are there, and the diagnosis can be submitted."""
    images_painted(page)
    expect(page.get_by_role("toolbar", name="Images")).to_be_visible()
    expect(page.locator(".send-chosen")).to_be_enabled()


def _is_at(page: Page, *, stage: int, number: int) -> None:
    expect(page.locator(".where")).to_contain_text(f"Stage {stage}")
    expect(page.locator(".where")).to_contain_text(f"Case {number} of")
    _ready(page)


def _stored(site: Site, slug: str) -> list[tuple[int, str]]:
    return [(stage, etiology) for _, stage, _, _, etiology in site.readings(slug)]


def _radio(page: Page, name: str) -> Locator:
    return page.get_by_role("radio", name=name)


def _dialog(page: Page) -> Locator:
    page.get_by_role("button", name="Keyboard shortcuts").click()
    return page.get_by_role("dialog", name="Keyboard shortcuts")


def _change(dialog: Locator, action: str, key: str) -> None:
    dialog.get_by_role("button", name=f"Change: {action}", exact=True).click()
    expect(dialog.get_by_role("status")).to_contain_text(f"Press the new key for “{action}”")
    dialog.page.keyboard.press(key)


def test_a_case_takes_three_keys_alone_and_one_with_the_ai(browser, served):
    site, address = served
    with window(browser, address) as page:
        _open(page, "keyed")
        for key in ("m", "4", "Enter"):
            page.keyboard.press(key)
        _is_at(page, stage=2, number=1)
        screenshot(page, "keys-stage-2")
        page.keyboard.down("h")
        page.wait_for_timeout(400)
        page.keyboard.up("h")
        page.keyboard.press("k")
        _is_at(page, stage=1, number=2)
        for key in ("b", "2", "Enter"):
            page.keyboard.press(key)
        _is_at(page, stage=2, number=2)
        page.keyboard.press("8")  # the other level's maps
        heatmaps_drawn(page, level=2)
        for key in ("m", "3", "Enter"):
            page.keyboard.press(key)
        expect(page.get_by_role("heading", name="You have read all cases")).to_be_visible()
    assert _stored(site, "keyed") == [
        (1, Etiology.METASTATIC),
        (2, Etiology.METASTATIC),
        (1, Etiology.TUBERCULOUS),
        (2, Etiology.LYMPHOMA),
    ]
    _what_was_shown_is_told(site)


def _what_was_shown_is_told(site: Site) -> None:
    told = site.rows(
        "SELECT t.exposure, t.events FROM reading_trace t JOIN reading_reading g"
        " ON g.id = t.reading_id JOIN reading_assignment a ON a.id = g.assignment_id"
        " JOIN reading_reader r ON r.id = a.reader_id JOIN cohorts_study s ON s.id = r.study_id"
        " WHERE s.slug = 'keyed' AND a.stage = 2 ORDER BY g.id"
    )
    first, second = [
        ({span["level"]: span for span in json.loads(shown)}, json.loads(events))
        for shown, events in told
    ]
    assert first[0].keys() == {0, 1}
    assert first[0][0]["ms"] >= 300, "the time in which the map was held away"
    assert (first[0][1]["opacity"], first[0][1]["colour_map"]) == (50, "inferno")
    assert [detail for _, name, detail in first[1] if name == "overlay-held"] == ["hidden", "shown"]
    assert 2 in second[0]


def test_enter_submits_once_wherever_the_focus_is_and_however_long_it_is_held(browser, served):
    site, address = served
    with window(browser, address) as page:
        _open(page, "enter-once")
        sent = []
        page.on("request", lambda request: sent.append(request.method))
        spots = (_radio(page, "Lymphoma"), page.locator(".pane").first, page.locator("body"))
        for number, spot in enumerate(spots, start=1):
            _is_at(page, stage=1, number=number)
            page.keyboard.press("m")
            page.keyboard.press("3")
            spot.focus()
            for _ in range(6):  # from the second on these are repeats, as of a key that is held
                page.keyboard.down("Enter")
                page.wait_for_timeout(200)
            page.keyboard.up("Enter")
            _is_at(page, stage=1, number=number + 1)
            assert sent.count("POST") == number
        held = 6 * ["3"]
        page.keyboard.press("m")
        for key in held:
            page.keyboard.down(key)
        expect(_radio(page, "Lymphoma")).to_be_checked()
    assert _stored(site, "enter-once") == 3 * [(1, Etiology.LYMPHOMA)]


def test_enter_keeps_its_own_meaning_on_a_button(browser, served):
    site, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        page.keyboard.press("m")
        page.keyboard.press("3")
        page.get_by_role("button", name="Clear").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("radio", name="Malignant")).not_to_be_checked()
        page.get_by_role("button", name="Invert").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
        page.get_by_role("button", name="Invert").click()  # by mouse: the focus does not go there
        page.keyboard.press("Space")
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
        page.wait_for_timeout(300)
    assert _stored(site, "rekeyed") == []


def test_nothing_fires_while_somebody_types(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        page.get_by_text("The image quality is insufficient").click()
        note = page.get_by_label("Note (optional)")
        note.press_sequentially("bim 13?")
        expect(note).to_have_value("bim 13?")
        page.locator(".pane").first.click()  # done with typing
        page.keyboard.press("i")
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("Space")
        expect(note).to_have_value("bim 13?")
        page.get_by_label("Reason").focus()
        page.keyboard.press("b")
        expect(page.locator("input[name=malignancy]:checked")).to_have_count(0)
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
        expect(page.get_by_role("dialog")).to_have_count(0)
        page.locator(".pane").first.focus()
        page.keyboard.press("Control+i")
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("b")
        expect(_radio(page, "Benign")).to_be_checked()


def test_arrows_pan_and_change_no_diagnosis_that_was_clicked(browser, served):
    """Native radios take arrows; who clicked one with the mouse means the image."""
    _, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        box = "() => document.querySelector('.pane img').getBoundingClientRect().left"
        _radio(page, "Malignant").click()
        _radio(page, "Lymphoma").click()
        before = page.evaluate(box)
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(100)
        assert page.evaluate(box) > before
        expect(_radio(page, "Lymphoma")).to_be_checked()
        page.keyboard.press("Shift+Tab")  # to the radios by key: there the arrows are theirs
        page.keyboard.press("ArrowLeft")
        expect(_radio(page, "Benign")).to_be_checked()


def test_digits_go_by_their_place_and_letters_by_what_is_written_on_them(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        names = page.evaluate(
            "async () => { const { nameOf } = await import('/static/reading/key-names.js');"
            " const press = (key, code, shiftKey = false) => nameOf({ key, code, shiftKey });"
            " return [press('!', 'Digit1', true), press('1', 'Digit1', true),"
            "  press('&', 'Digit1'), press('1', 'Numpad1'), press('B', 'KeyB'),"
            "  press('и', 'KeyB'), press('Process', 'KeyB'), press('a', 'KeyQ'),"
            "  press('+', 'Equal', true), press(' ', 'Space'), press('ArrowUp', 'ArrowUp', true),"
            "  press('Shift', 'ShiftLeft', true)]; }"
        )
        assert names == [
            *("Shift+1", "Shift+1", "1", "1", "b", "b", "b", "a"),
            *("+", "Space", "Shift+ArrowUp", ""),
        ]


def test_keys_are_listed_changed_kept_and_given_back(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        dialog = _dialog(page)
        for action in ("Invert", "Zoom in", "Benign", "Lymphoma", "Submit and continue", "Clear"):
            expect(dialog.get_by_role("rowheader", name=action, exact=True)).to_be_visible()
        screenshot(page, "keys-dialog")
        said = dialog.get_by_role("status")
        _change(dialog, "Invert", "w")
        expect(said).to_contain_text("W is already used for “Window”. Nothing was changed")
        page.keyboard.press("b")
        expect(said).to_contain_text("B is reserved for the diagnosis")
        page.keyboard.press("F5")
        expect(said).to_contain_text("F5 is reserved for the browser")
        page.keyboard.press("x")
        expect(said).to_have_text("“Invert” now has the key X.")
        _change(dialog, "Benign", "i")  # free since then
        expect(said).to_have_text("“Benign” now has the key I.")
        _change(dialog, "Fit", "Escape")
        expect(said).to_have_text("")
        dialog.get_by_role("button", name="Close").click()
        page.reload()
        _ready(page)
        invert = page.get_by_role("button", name="Invert")
        page.keyboard.press("x")
        expect(invert).to_have_attribute("aria-pressed", "true")
        page.keyboard.press("b")
        expect(_radio(page, "Benign")).not_to_be_checked()
        page.keyboard.press("i")
        expect(_radio(page, "Benign")).to_be_checked()
        expect(invert).to_have_attribute("aria-pressed", "true")
        expect(invert).to_have_attribute("aria-keyshortcuts", "x")
        dialog = _dialog(page)
        dialog.get_by_role("button", name="Restore default keys").click()
        page.keyboard.press("Escape")
        page.keyboard.press("i")
        expect(invert).to_have_attribute("aria-pressed", "false")


def test_a_key_that_submits_in_stage_2_is_given_to_nothing_in_stage_1(browser, served):
    """Nor is it anything's that had it before this was so: "k" keeps a diagnosis for good."""
    site, address = served
    with window(browser, address) as page:
        _open(page, "given-away")
        dialog = _dialog(page)
        said = dialog.get_by_role("status")
        _change(dialog, "Fit", "k")
        expect(said).to_contain_text("K is reserved for the diagnosis")
        for key in ("7", "h", "Shift+1", "c"):
            page.keyboard.press(key)
            expect(said).to_contain_text(f"{key[-1].upper()} is reserved for the diagnosis")
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")
        _store_own_key(page, action="invert", key="k")
        invert = page.get_by_role("button", name="Invert")
        page.keyboard.press("k")
        expect(invert).to_have_attribute("aria-pressed", "false")
        page.keyboard.press("i")
        expect(invert).to_have_attribute("aria-pressed", "true")
        for key in ("m", "3", "Enter"):
            page.keyboard.press(key)
        _is_at(page, stage=2, number=1)
        assert _unkept(page) == []
        page.keyboard.press("k")
        expect(page.get_by_role("heading", name="You have read all cases")).to_be_visible()
    assert _stored(site, "given-away") == [(1, Etiology.LYMPHOMA), (2, Etiology.LYMPHOMA)]


def test_an_own_key_of_stage_2_is_given_to_nothing_in_stage_1(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        _store_own_key(page, action="keep", key="j")
        dialog = _dialog(page)
        _change(dialog, "Fit", "j")
        expect(dialog.get_by_role("status")).to_contain_text("J is reserved for the diagnosis")


def _store_own_key(page: Page, *, action: str, key: str) -> None:
    """As an earlier visit left it."""
    page.evaluate(
        "async (own) => {"
        " const { saveSettings } = await import('/static/reading/reader-settings.js');"
        " saveSettings('keys', { off: false, own }); }",
        {action: key},
    )
    page.reload()
    _ready(page)


def _unkept(page: Page) -> list[str]:
    """The standard keys of what is beside the images that another action could have."""
    return page.evaluate(
        "async () => { const { Bindings } = await import('/static/reading/bindings.js');"
        " const bindings = new Bindings(document);"
        " const fit = document.querySelector('[data-action=fit]');"
        " const all = document.querySelectorAll('#diagnosis [data-key], [data-action^=overlay],"
        " [data-action=hide-map]');"
        " return [...all].map((each) => each.dataset.key)"
        ".filter((key) => !bindings.isKeptFrom(fit, key)); }"
    )


def test_all_can_be_switched_off(browser, served):
    _, address = served
    with window(browser, address) as page:
        _open(page, "rekeyed")
        hints = page.locator("kbd.hint")
        assert hints.count() > 10
        dialog = _dialog(page)
        dialog.get_by_label("Use shortcuts").uncheck()
        page.keyboard.press("Escape")
        expect(hints).to_have_count(0)
        for key in ("b", "i", "?", "+"):
            page.keyboard.press(key)
        page.reload()
        _ready(page)
        page.keyboard.press("b")
        expect(_radio(page, "Benign")).not_to_be_checked()
        expect(page.get_by_role("dialog")).to_have_count(0)
        expect(page.get_by_role("button", name="Invert")).to_have_attribute("aria-pressed", "false")
        _dialog(page).get_by_label("Use shortcuts").check()
        page.keyboard.press("Escape")
        page.keyboard.press("b")
        expect(_radio(page, "Benign")).to_be_checked()
