"""Scripts, styles and templates keep to what browsers of autumn 2024 can do.

That is Chrome 130, Firefox 132 (and its long-support 128) and Safari 18.0: a hospital's browser may
be two years behind. The list is kept by hand: what came to the last of them later, found by how it
is spelt. It is no proof: what has no spelling of its own (a new argument, a new reply of an old
function) is not found, nor is what nobody has put on the list. Code of others under
``static/vendor`` is built for ES2020 (its README).
"""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"

LATER = {
    ".js": [
        r"\bIterator\b",  # and its helpers on what a Map or Set hands out, next line
        r"\.(values|keys|entries)\(\)\.(map|filter|take|drop|flatMap|reduce|toArray|some|every|find)\(",
        r"\bPromise\.try\b",
        r"\bRegExp\.escape\b",
        r"\bError\.isError\b",
        r"\bMath\.(sumPrecise|f16round)\b",
        r"\bFloat16Array\b",
        r"\b(fromBase64|toBase64|fromHex|toHex)\(",
        r"\bIntl\.DurationFormat\b",
        r"\bTemporal\b",
        r"\bURLPattern\b",
        r"\bcookieStore\b",
        r"\bnavigation\.\w",
        r"\bscheduler\.\w",
        r"\bstartViewTransition\b",
        r"\bmoveBefore\(",
        r"\brequestClose\(",
        r"\bCloseWatcher\b",
        r"\bscrollend\b",
        r"\bgetOrInsert(Computed)?\(",
        r"\bcaretPositionFromPoint\b",
        r"\bwaitAsync\(",
        r"\btrustedTypes\b",
        r"\bimport\b[^;]*\bwith\s*\{",
        r"^\s*(await )?using \w+ =",
        r"\(\?[ims]*-?[ims]+:",  # flags for a part of a regular expression
        r"\bfetchLater\b",
        r"\bsetHTML\(",
    ],
    ".css": [
        r"\banchor(-name|-scope|-size)?\s*[:(]",
        r"\bposition-(anchor|area|try)",
        r"@scope\b",
        r"@function\b",
        r"@view-transition\b",
        r"@container[^{]*scroll-state",
        r"\bfield-sizing\b",
        r"\binterpolate-size\b",
        r"\bcalc-size\(",
        r"\bsibling-(index|count)\(",
        r":\s*if\(",
        r"::details-content\b",
        r"::(scroll-button|scroll-marker|picker|checkmark)\b",
        r"\b(animation|scroll|view)-timeline\b",
        r"\btext-box(-trim|-edge)?\s*:",
        r"\btext-wrap(-style)?\s*:\s*pretty",
        r"\bcorner-shape\b",
        r"\breading-flow\b",
        r"\binteractivity\s*:",
        r"\bcontrast-color\(",
        r"\bshape\(",
        r":open\b",
        r"\bappearance\s*:\s*base-select",
    ],
    ".html": [
        r"\bcommandfor=",
        r"\bclosedby=",
        r"\bpopover\b",
        r"\binterestfor=",
        r"<selectedcontent\b",
        r"\bhidden=.until-found",
    ],
}
# What may be missing: a browser without it prints the run's closed parts closed, and that is all.
MAY_BE_MISSING = {("site.css", "::details-content")}

FILES = sorted(
    path
    for folder in (STATIC, ROOT / "templates")
    for path in folder.rglob("*")
    if path.suffix in LATER and "vendor" not in path.parts
)


def _later_in(text: str, kind: str) -> list[str]:
    return [hit[0] for rule in LATER[kind] for hit in re.finditer(rule, text, re.MULTILINE)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_uses_nothing_that_came_later(path):
    found = _later_in(path.read_text(), path.suffix)
    assert [hit for hit in found if (path.name, hit) not in MAY_BE_MISSING] == []


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        (".js", "for (const x of map.values().map((y) => y)) {}"),
        (".js", "import data from './a.json' with { type: 'json' };"),
        (".js", "  using file = open();"),
        (".js", "const early = /(?i:abc)/;"),
        (".css", "a { anchor-name: --a; }"),
        (".css", "@scope (.a) { b { color: red; } }"),
        (".html", "<button commandfor='a'>"),
    ],
)
def test_the_list_finds_what_it_names(kind, text):
    assert _later_in(text, kind)


def test_all_of_the_site_is_looked_at():
    assert {path.suffix for path in FILES} == set(LATER)
    assert {"case-page.js", "viewer.css", "base.html"} <= {path.name for path in FILES}
