import shutil

import pytest
from playwright.sync_api import sync_playwright

pytest.register_assert_rewrite("tests.e2e.browsing", "tests.e2e.faults", "tests.services.site")

from tests import once  # noqa: E402
from tests.services.site import SEQUENTIAL, Site, Sketch  # noqa: E402

EVERYTHING_ASKED = {
    "information": "You read each case twice.\n\nYou can stop at any time.",
    "asks_profile": True,
    "checks_display": True,
}

MET = ("rita", "rosa")  # who look at pages in English and in Chinese

# Every test has a study of its own, and every module its own reader, here by name.
STUDIES = (
    Sketch("walk", cases=3, readers=("anna",)),
    Sketch("pairs", cases=2, readers=("anna",), design=SEQUENTIAL),
    Sketch("plain", cases=1, readers=("anna",)),
    Sketch("double", cases=2, readers=("boris",)),
    Sketch("impatient", cases=3, readers=("boris",)),
    Sketch("tabs", cases=2, readers=("boris",)),
    Sketch("back", cases=2, readers=("boris",)),
    Sketch("enter-key", cases=1, readers=("boris",)),
    Sketch("overlay", cases=1, readers=("boris",), design=SEQUENTIAL),
    Sketch("crawl-two-session", cases=2, readers=("olga", "olga-other")),
    Sketch("crawl-sequential", cases=2, readers=("olga", "olga-other"), design=SEQUENTIAL),
    Sketch("ahead", cases=2, readers=("pia",)),
    Sketch("ahead-2", cases=2, readers=("pia",)),
    Sketch("viewed", cases=1, readers=("vera",)),
    Sketch("viewed-aided", cases=1, readers=("vera",), design=SEQUENTIAL),
    Sketch("two-views", cases=2, readers=("vera",)),
    Sketch("keyed", cases=2, readers=("kim",), design=SEQUENTIAL),
    Sketch("rekeyed", cases=2, readers=("kim",), design=SEQUENTIAL),
    Sketch("given-away", cases=1, readers=("kim",), design=SEQUENTIAL),
    Sketch("enter-once", cases=4, readers=("kim",)),
    Sketch("prepared", cases=2, readers=("berta",), practice=2, protocol=EVERYTHING_ASKED),
    Sketch("bare", cases=1, readers=("bella",), practice=1, protocol=EVERYTHING_ASKED),
    Sketch("pause", cases=2, readers=("bruno",), protocol={"session_minutes": 20}),
    Sketch("weeks", cases=1, readers=("bianca",), protocol={"washout_days": 14}),
    Sketch("draft", cases=1, readers=("clara",), steps=()),
    Sketch("opened", cases=1, readers=("clara",)),
    Sketch("unread", cases=1, readers=("clara",), steps=("open", "lock", "unblind")),
    Sketch("met", cases=1, readers=MET, investigators=("nina",), practice=1,
           protocol=EVERYTHING_ASKED),
    Sketch("met-rated", cases=1, readers=MET, design=SEQUENTIAL,
           protocol={"confidence": "five_point", "rates_aid": True, "session_minutes": 30}),
    Sketch("met-percent", cases=1, readers=MET, protocol={"confidence": "percent"}),
    Sketch("met-plain", cases=1, readers=MET, protocol={"confidence": "none"}),
    Sketch("met-weeks", cases=1, readers=MET, protocol={"washout_days": 14}),
    Sketch("met-draft", cases=1, readers=MET, steps=()),
    Sketch("met-ended", cases=1, readers=MET, steps=("open", "lock")),
    Sketch("met-analysed", cases=4, readers=("nora", "nils"), investigators=("nina",)),
    Sketch("life", cases=2, readers=("dora",), investigators=("irene", "ivo"), steps=(),
           protocol={"plan_before_opening": True, "unblinding_needs_two": True}),
    Sketch("explored", cases=8, readers=("emil", "ewa"), investigators=("ines",)),
)  # fmt: skip

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str:
    """The machine's Chromium, the one without windows: it takes two thirds of the processor time
    that the other takes. One that is missing is an error."""
    program = shutil.which("chromium-headless-shell")
    if program is None:
        raise FileNotFoundError(
            "Chromium is not installed: apt-get install chromium-headless-shell"
        )
    return program


@pytest.fixture(scope="module")
def browser():
    """The machine's Chromium. One a module: Playwright's event loop must not outlive it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def served() -> tuple[Site, str]:
    """A site on SQLite, as small installations run it, and its address; one for the whole run."""
    site = Site(once.built("browsed-site", lambda folder: Site(folder).build(*STUDIES)))
    return site, once.server("browsed-server", "gunicorn", env=site.env)
