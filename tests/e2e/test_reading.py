"""A radiologist reads by clicking, in both designs, with and without JavaScript."""

import pytest
from playwright.sync_api import Page, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import (
    age,
    choose,
    code,
    enter,
    fits_the_width,
    heatmaps_drawn,
    images_painted,
    keep,
    screenshot,
    sign_in,
    submit,
    window,
)
from tests.services.site import Site, truth_by_age

pytestmark = pytest.mark.e2e

CASES = 3
AGES = sorted(truth_by_age(CASES))
FIRST_THOUGHT = dict(
    zip(AGES, (Etiology.REACTIVE, Etiology.LYMPHOMA, Etiology.METASTATIC), strict=True)
)
CHANGED = (AGES[1], Etiology.TUBERCULOUS)  # the one case on which the second thought differs


def _stage_1(page: Page, *, number: int, total: int) -> None:
    """What a stage-1 page shows, and what it does not."""
    expect(page.locator("header")).to_contain_text("Stage 1, without AI")
    expect(page.locator("header")).to_contain_text(f"Case {number} of {total}")
    expect(page.locator("header progress")).to_have_attribute("value", str(number - 1))
    images_painted(page)
    fits_the_width(page)
    for shown in ("Sex", "Female", "Age", "17.5 mm", "Left", "Level III"):
        expect(page.locator(".baseline")).to_contain_text(shown)
    expect(page.locator("canvas")).to_have_count(0)
    assert "CLA-HDM" not in page.content()
    assert "hidden" not in page.locator("body").inner_text()  # ids, cohort, hospital, instrument


def _stage_2(page: Page, *, number: int, total: int, stage_1: Etiology) -> None:
    """What stage 2 adds."""
    expect(page.locator("header")).to_contain_text("Stage 2, with AI")
    expect(page.locator("header")).to_contain_text(f"Case {number} of {total}")
    images_painted(page)
    heatmaps_drawn(page, level=1)
    fits_the_width(page)
    own = page.locator(".aid p").first
    expect(own).to_contain_text(stage_1.malignancy.label)
    expect(own).to_contain_text(stage_1.label)
    expect(page.get_by_text("untrained model", exact=True)).to_be_visible()


def _probabilities(page: Page) -> dict[str, float]:
    labels = page.locator(".probabilities dt").all_inner_texts()
    numbers = page.locator(".probabilities dd").all_inner_texts()
    return {label: float(number) for label, number in zip(labels, numbers, strict=True)}


def _only_the_chosen_branch_is_open(page: Page) -> None:
    lymphoma = page.get_by_role("radio", name=Etiology.LYMPHOMA.label)
    reactive = page.get_by_role("radio", name=Etiology.REACTIVE.label)
    expect(lymphoma).to_be_disabled()
    expect(reactive).to_be_disabled()
    choose(page, Etiology.LYMPHOMA)
    expect(reactive).to_be_disabled()
    page.get_by_role("radio", name="Benign").check()
    expect(lymphoma).to_be_disabled()
    expect(lymphoma).not_to_be_checked()


def test_two_sessions_stopped_and_resumed_in_both(browser, served):
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "anna")
        screenshot(page, "my-studies")
        assert page.get_by_text("0 of 3 read").count() == 2
        enter(page, "walk")
        for number in (1, 2):
            _stage_1(page, number=number, total=CASES)
            _only_the_chosen_branch_is_open(page)
            choose(page, FIRST_THOUGHT[age(page)])
            screenshot(page, f"stage-1-{number}")
            submit(page)
        _stage_1(page, number=3, total=CASES)
        left = code(page), age(page)
    with window(browser, address) as page:
        sign_in(page, "anna")
        expect(page.get_by_text("2 of 3 read")).to_be_visible()
        enter(page, "walk")
        assert (code(page), age(page)) == left
        _stage_1(page, number=3, total=CASES)
        choose(page, FIRST_THOUGHT[age(page)])
        submit(page)
        left = code(page), age(page)
        _read_aided(page, site, number=1)
    with window(browser, address) as page:
        sign_in(page, "anna")
        enter(page, "walk")
        assert (code(page), age(page)) != left
        for number in (2, 3):
            _read_aided(page, site, number=number)
        expect(page.get_by_role("heading", name="You have read all cases")).to_be_visible()
        screenshot(page, "end")
    _six_readings(site)


def _read_aided(page: Page, site: Site, *, number: int) -> None:
    """Read a case of stage 2: keep the first thought, but for one case."""
    shown = age(page)
    first = FIRST_THOUGHT[shown]
    _stage_2(page, number=number, total=CASES, stage_1=first)
    _shows_what_the_model_said(page, site, shown)
    screenshot(page, f"stage-2-{number}")
    if shown == CHANGED[0]:
        choose(page, CHANGED[1])
        screenshot(page, "stage-2-changing")
        submit(page)
    else:
        expect(page.get_by_role("button", name=f"Keep: {first.label}")).to_be_visible()
        keep(page)


def _shows_what_the_model_said(page: Page, site: Site, shown: int) -> None:
    [(malignant, tuberculous, metastatic)] = site.rows(
        "SELECT p.p_malignant, p.p_tuberculous, p.p_metastatic FROM inference_prediction p"
        " JOIN cohorts_case c ON c.id = p.case_id JOIN cohorts_cohort h ON h.id = c.cohort_id"
        " JOIN cohorts_study s ON s.id = h.study_id WHERE s.slug = 'walk' AND c.age = %s",
        shown,
    )
    expected = {"Benign": 1 - malignant, "Malignant": malignant}
    if malignant < 0.5:
        expected |= {Etiology.REACTIVE.label: 1 - tuberculous}
        expected |= {Etiology.TUBERCULOUS.label: tuberculous}
    else:
        expected |= {Etiology.LYMPHOMA.label: 1 - metastatic}
        expected |= {Etiology.METASTATIC.label: metastatic}
    assert _probabilities(page) == pytest.approx(expected, abs=0.00051)


def _six_readings(site: Site) -> None:
    ages = {f"hidden-{number}": shown for number, shown in enumerate(AGES)}
    stored = [
        (stage, ages[case_id], malignancy, etiology)
        for _, stage, case_id, malignancy, etiology in site.readings("walk")
    ]
    assert [stage for stage, *_ in stored] == [1, 1, 1, 2, 2, 2]
    second_thought = FIRST_THOUGHT | dict([CHANGED])
    assert sorted(stored) == sorted(
        (stage, shown, etiology.malignancy, etiology)
        for stage, thought in ((1, FIRST_THOUGHT), (2, second_thought))
        for shown, etiology in thought.items()
    )


def test_sequential_stage_2_follows_each_case_and_its_overlay_can_be_set(browser, served):
    site, address = served
    with window(browser, address) as page:
        sign_in(page, "anna")
        enter(page, "pairs")
        for number in (1, 2):
            _stage_1(page, number=number, total=2)
            shown, stage_1_code = age(page), code(page)
            choose(page, Etiology.TUBERCULOUS)
            submit(page)
            assert age(page) == shown
            assert code(page) != stage_1_code
            _stage_2(page, number=number, total=2, stage_1=Etiology.TUBERCULOUS)
            _overlay_can_be_set(page, opacity=(0.5, 0.8)[number - 1])  # kept from case to case
            keep(page)
        expect(page.get_by_role("heading", name="You have read all cases")).to_be_visible()
    stored = [(stage, case_id) for _, stage, case_id, *_ in site.readings("pairs")]
    assert [stage for stage, _ in stored] == [1, 2, 1, 2]
    assert stored[0][1] == stored[1][1] != stored[2][1] == stored[3][1]


def _overlay_can_be_set(page: Page, *, opacity: float) -> None:
    overlay = page.locator("canvas.overlay").first
    expect(overlay).to_have_css("opacity", str(opacity))
    page.get_by_label("Opacity").fill("80")
    expect(overlay).to_have_css("opacity", "0.8")
    page.get_by_role("radio", name="Level 2").check()
    heatmaps_drawn(page, level=2)
    screenshot(page, "overlay-level-2")
    page.get_by_role("radio", name="Off").check()
    expect(overlay).to_be_hidden()
    page.get_by_role("radio", name="Level 1").check()
    expect(overlay).to_be_visible()
    heatmaps_drawn(page, level=1)


def test_a_case_can_be_read_without_javascript(browser, served):
    site, address = served
    with window(browser, address, refusals=[400], java_script_enabled=False) as page:
        sign_in(page, "anna")
        enter(page, "plain")
        page.get_by_role("radio", name="Malignant").check()
        page.get_by_role("button", name="Submit and continue").click()
        expect(page.get_by_role("alert")).to_contain_text("Choose benign or malignant")
        expect(page.get_by_role("radio", name="Malignant")).to_be_checked()
        choose(page, Etiology.METASTATIC)
        submit(page)
        expect(page.locator("header")).to_contain_text("Stage 2, with AI")
        assert "The heatmaps need JavaScript" in page.content()
        expect(page.locator(".probabilities meter")).to_have_count(4)
        screenshot(page, "stage-2-without-javascript")
        keep(page)
        expect(page.get_by_role("heading", name="You have read all cases")).to_be_visible()
    assert [(stage, etiology) for _, stage, _, _, etiology in site.readings("plain")] == [
        (1, Etiology.METASTATIC),
        (2, Etiology.METASTATIC),
    ]
