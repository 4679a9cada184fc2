"""What a page must be for everyone: found by axe-core, by Tab, and by looking at sizes.

Each check gives its findings in words; none for a page that is as it must be.
"""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.e2e.browsing import VIEWPORT

STANDARDS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
WINDOWS = ((1280, 720), (1024, 768), (768, 1024))
TARGET_PX = 24
_AXE = Axe()

# Whether an element is there for a person who looks.
_SEEN = (
    "const seen = (e) => e.checkVisibility({ visibilityProperty: true, opacityProperty: true })"
    "  && e.getBoundingClientRect().width > 0;"
    "const told = (e) => `${e.tagName.toLowerCase()}.${e.className} "
    "\"${(e.getAttribute('aria-label') ?? e.textContent).trim().slice(0, 40)}\"`;"
)
# A control within a label is pressed anywhere on the label; a link within a sentence may be low.
_SMALL = (
    "(least) => {" + _SEEN + "  const all = document.querySelectorAll("
    "    'a[href], button, input:not([type=hidden]), select, textarea, summary');"
    "  return [...all].filter((e) => seen(e) && e.tabIndex >= 0)"
    "    .map((e) => [e, (e.closest('label') ?? e).getBoundingClientRect()])"
    "    .filter(([e, box]) => Math.min(box.width, box.height) < least - 0.01"
    "      && !(e.tagName === 'A' && getComputedStyle(e).display === 'inline'"
    "           && e.closest('p, td, li, dd, caption')))"
    "    .map(([e, box]) => `${told(e)} ${box.width.toFixed(1)}x${box.height.toFixed(1)}`);"
    "}"
)
# Text that is wider or higher than the box that hides what is over.
_CUT = (
    "() => {" + _SEEN + "  return [...document.querySelectorAll('body *')].filter((e) => {"
    "    const style = getComputedStyle(e);"
    "    const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());"
    "    if (!hasText || !seen(e) || e.closest('.for-listening')) return false;"
    "    const hides = (o) => o === 'hidden' || o === 'clip';"
    "    return (hides(style.overflowX) && e.scrollWidth > e.clientWidth + 1)"
    "        || (hides(style.overflowY) && e.scrollHeight > e.clientHeight + 1);"
    "  }).map(told);"
    "}"
)
_WIDER = (
    "() => {"
    "  const over = document.scrollingElement.scrollWidth - document.documentElement.clientWidth;"
    "  return over > 0 ? over : 0;"
    "}"
)
_FOCUS = (
    "() => {" + _SEEN + "  const e = document.activeElement;"
    "  if (!e || e === document.body) return null;"
    "  const label = e.closest('label');"
    "  const marked = (each) => {"
    "    const style = getComputedStyle(each);"
    "    return style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2;"
    "  };"
    "  return [told(e), marked(e) || (label && marked(label))];"
    "}"
)


def violations(page: Page, *, within: str | None = None) -> list[str]:
    """What axe-core finds, rule by rule, with the elements it is found on.

    ``within`` is the selector of the part that is looked at, of a page that is not all ours.
    """
    # Without its copies of the style sheets, which the site's policy would refuse: only a rule
    # on locked orientation reads them, and no style sheet here asks for an orientation.
    options = {"runOnly": STANDARDS, "resultTypes": ["violations"], "preload": False}
    found = _AXE.run(page, context=within, options=options).response["violations"]
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found
        for node in rule["nodes"]
    ]


def small_targets(page: Page) -> list[str]:
    return [f"too small: {what}" for what in page.evaluate(_SMALL, TARGET_PX)]


def sideways(page: Page) -> list[str]:
    """Windows in which the page must be scrolled sideways, or hides a part of a text.

    The last one has half the size: as a page at 200 % has it.
    """
    found = []
    width, height = VIEWPORT.values()
    for window in (*WINDOWS, (width // 2, height // 2)):
        page.set_viewport_size(dict(zip(VIEWPORT, window, strict=True)))
        found += _over(page, f"{window[0]}x{window[1]}")
    page.set_viewport_size(VIEWPORT)
    return found


def large_text(page: Page) -> list[str]:
    """What does not fit once the text alone has twice its size, in the smallest of the windows."""
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    found = []
    for window in WINDOWS:
        page.set_viewport_size(dict(zip(VIEWPORT, window, strict=True)))
        found += _over(page, f"text at 200 %, {window[0]}x{window[1]}")
    page.evaluate("document.documentElement.style.fontSize = ''")
    page.set_viewport_size(VIEWPORT)
    return found


def _over(page: Page, where: str) -> list[str]:
    over = page.evaluate(_WIDER)
    cut = [f"{where}: cut off: {what}" for what in page.evaluate(_CUT)]
    return cut + ([f"{where}: {over} px too wide"] if over else [])


def unseen_focus(page: Page, *, most: int = 120) -> list[str]:
    """Elements that Tab leads to and that do not show it."""
    page.evaluate("document.activeElement.blur()")
    met: dict[str, bool] = {}
    for _ in range(most):
        page.keyboard.press("Tab")
        on = page.evaluate(_FOCUS)
        if on is None:
            break
        met[on[0]] = bool(on[1])
    return [f"focus is not seen: {what}" for what, marked in met.items() if not marked]
