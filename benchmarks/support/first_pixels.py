"""From the click on submit to the next case's first pixels, in a real Chromium."""

from urllib.parse import urlsplit

from playwright.sync_api import sync_playwright

from tests.e2e.conftest import FLAGS, chromium

SETTLED_MS = 1500  # the next images are here, and the button is open
CLICK = """() => new Promise((resolve) => {
  const read = document.querySelector("main");
  const begin = performance.now();
  document.querySelector(".send-chosen").click();
  const look = () => {
    const images = [...document.querySelectorAll(".pane img")];
    const isNext = document.querySelector("main") !== read;
    if (isNext && images.every((image) => image.complete && image.naturalWidth)) {
      requestAnimationFrame(() => resolve(performance.now() - begin));
    } else {
      requestAnimationFrame(look);
    }
  };
  look();
})"""


def first_pixels_ms(address: str, *, slug: str, cookie: dict[str, str], cases: int) -> list[float]:
    """Milliseconds of each submit, for somebody signed in by this cookie."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        context = browser.new_context(viewport={"width": 1280, "height": 720})
        host = urlsplit(address).hostname
        context.add_cookies([{**cookie, "domain": host, "path": "/"}])
        page = context.new_page()
        page.goto(f"{address}/read/{slug}/")
        found = []
        for _ in range(cases):
            page.wait_for_timeout(SETTLED_MS)
            page.locator("input[name=malignancy]").first.check()
            page.locator("input[name=etiology]").first.check()
            found.append(page.evaluate(CLICK))
        browser.close()
    return found
