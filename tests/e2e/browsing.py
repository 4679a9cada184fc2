"""People in a real Chromium, watched: no page may break the policy or speak to another host."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, expect

from readerstudy.diagnosis import Etiology
from tests.services.build import PASSWORD
from tests.services.site import Site

VIEWPORT = {"width": 1280, "height": 720}
_STATUS = re.compile(r"Failed to load resource: the server responded with a status of (\d+)")
_TELL = "document.addEventListener('securitypolicyviolation', event => tellViolation(" \
        "`${event.violatedDirective} ${event.blockedURI} ${document.URL}`));"  # fmt: skip
_numbers = count(1)


class Watch:
    """What went wrong in a browser context, in words."""

    def __init__(self, context: BrowserContext, address: str):
        self.problems: list[str] = []
        self.refusals: list[int] = []
        self.cuts = 0
        self._host = urlsplit(address).netloc
        context.expose_function("tellViolation", lambda text: self.problems.append(f"CSP: {text}"))
        context.add_init_script(_TELL)
        context.on("console", self._console)
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type not in ("error", "warning"):
            return
        if refused := _STATUS.search(message.text):
            self.refusals.append(int(refused[1]))
        elif message.text.startswith("Failed to load resource: net::"):
            self.cuts += 1
        else:
            self.problems.append(f"{message.type}: {message.text} ({message.page.url})")

    def _request(self, request) -> None:
        if urlsplit(request.url).netloc != self._host:
            self.problems.append(f"request to another host: {request.url}")


@contextmanager
def window(
    browser: Browser, address: str, *, refusals=(), troubled: bool = False, **options
) -> Iterator[Page]:
    """A browser context of its own with one page; it must end without a problem.

    ``refusals`` are the HTTP error statuses that are expected, in order. Where the line or the
    server is ``troubled`` on purpose, failed requests of any kind are no problem.
    """
    context = browser.new_context(base_url=address, viewport=VIEWPORT, **options)
    context.set_default_timeout(15_000)
    watch = Watch(context, address)
    page = context.new_page()
    try:
        yield page
    finally:
        context.close()
    assert not watch.problems, "\n".join(watch.problems)
    if not troubled:
        assert watch.refusals == list(refusals)
        assert watch.cuts == 0


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    """By the form, from wherever the site sends a stranger."""
    page.goto("/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="My studies")).to_be_visible()


def enter(page: Page, slug: str) -> None:
    """From my studies to the study's current case, by its button."""
    page.goto("/")
    card = page.locator(
        "section.card", has=page.get_by_role("heading", name=f"Study {slug}", exact=True)
    )
    with page.expect_navigation():  # and until its scripts run
        card.get_by_role("link", name="Continue reading").click()


def age(page: Page) -> int:
    """The age that the case page shows: by it a test knows the case."""
    return int(page.locator(".baseline dt:text-is('Age') + dd").inner_text().split()[0])


def code(page: Page) -> str:
    """The opaque code of the case on the page."""
    return page.locator("#diagnosis").get_attribute("action").rstrip("/").split("/")[-1]


def choose(page: Page, etiology: Etiology) -> None:
    """Click benign or malignant, then the etiology."""
    page.get_by_role("radio", name=etiology.malignancy.label).check()
    page.get_by_role("radio", name=etiology.label).check()


def give(page: Page) -> None:
    """Click the button that submits what was chosen, whatever follows."""
    button = page.get_by_role("button", name=re.compile("^Submit"))
    button.click(no_wait_after=True)


def submit(page: Page) -> None:
    """Click the button that submits what was chosen, and wait for what follows."""
    go_on(page, page.get_by_role("button", name=re.compile("^Submit")))


def keep(page: Page) -> None:
    """Keep the stage-1 diagnosis, and wait for what follows."""
    go_on(page, page.get_by_role("button", name=re.compile("^Keep")))


def go_on(page: Page, button: Locator) -> None:
    """Click, and wait until this case is off the screen: the next page may come without a load."""
    read = code(page)
    button.click()
    expect(page.locator(f"#diagnosis[action*='{read}']")).to_have_count(0)


def images_painted(page: Page) -> None:
    """Both images have arrived and have a size on the page."""
    page.wait_for_function(
        "() => [...document.querySelectorAll('.pane img')].length === 2 &&"
        " [...document.querySelectorAll('.pane img')].every("
        "   i => i.complete && i.naturalWidth > 0 && i.clientWidth > 100 && i.clientHeight > 75)"
    )


def heatmaps_drawn(page: Page, *, level: int) -> None:
    """Both overlays bear this level's map, in pixels, each as large as its image."""
    page.wait_for_function(
        """level => {
          const maps = [...document.querySelectorAll("canvas.overlay")];
          const box = element => JSON.stringify(element.getBoundingClientRect());
          return maps.length === 2 && maps.every(map =>
            map.dataset.drawn === map.getAttribute(`data-level-${level}`)
            && box(map) === box(map.parentElement.querySelector("img")));
        }""",
        arg=level,
    )
    for canvas in page.locator("canvas.overlay").all():
        assert canvas.evaluate(
            "c => c.getContext('2d').getImageData(0, 0, c.width, c.height).data"
            "      .filter((_, i) => i % 4 === 3).some(alpha => alpha > 0)"
        )


def fits_the_width(page: Page) -> None:
    """Nothing to scroll sideways."""
    widths = page.evaluate(
        "[document.scrollingElement.scrollWidth, document.documentElement.clientWidth]"
    )
    assert widths[0] <= widths[1]


def screenshot(page: Page, name: str) -> None:
    """Keep a picture, if a folder for pictures is named in READERSTUDY_SCREENSHOTS."""
    folder = os.environ.get("READERSTUDY_SCREENSHOTS")
    if folder:
        path = Path(folder) / f"{next(_numbers):02}-{name}.png"
        page.screenshot(path=path, full_page=True)


def go(page: Page, selector: str) -> None:
    """Click what leads to another page."""
    with page.expect_navigation():
        page.locator(selector).click()


def fill(page: Page, **values: str) -> None:
    for name, value in values.items():
        page.locator(f"main [name={name}]").fill(value)


def last_link(site: Site, to: str) -> str:
    """The link of the newest mail to this person, from where the site keeps its mail."""
    mails = [
        message_from_bytes(raw, policy=policy.default)
        for path in sorted((site.folder / "mail").iterdir(), key=lambda p: p.stat().st_mtime)
        for raw in path.read_bytes().split(b"\n" + b"-" * 79 + b"\n")
        if raw.strip()
    ]
    text = [each for each in mails if each["To"] == to][-1].get_content()
    return re.findall(r"http://\S+", text)[0]


def look_at_all(page: Page) -> None:
    """Scroll past every image of a page of the review, until the page says that all were viewed."""
    previews = page.locator("[data-image] svg.preview").all()
    left = page.locator("#left")
    for viewed, preview in enumerate(previews, start=1):
        preview.scroll_into_view_if_needed()
        # Neighbours can be viewed together: this many are left, or fewer.
        fewer = "|".join(str(number) for number in range(1, len(previews) - viewed + 1)) or "none"
        expect(left).to_have_text(re.compile(f"^(({fewer}) not viewed yet|All images viewed)"))
