"""Everything that a reader's browser gets or can get, at each point of both designs, holds nothing
of the truth, of where a case came from, of another reader, and nothing of the AI before its time.

``tests/rules/test_blinding.py`` compares what the server answers byte for byte; here a browser
walks, and is looked through: addresses, headers, bodies, pixels, storage, caches, source maps.
"""

import re
import struct
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise

import pytest
from playwright.sync_api import APIResponse, Error, Page, Route, expect

from readerstudy.diagnosis import Etiology
from tests.e2e.browsing import age, choose, enter, images_painted, keep, sign_in, submit, window
from tests.services.site import SEQUENTIAL, TWO_SESSION, Site
from tests.services.source import FIRST_AGE

pytestmark = pytest.mark.e2e

CASES = 2
# What the studies' builders gave to all that must stay hidden, and the names of other people.
HIDDEN = re.compile(
    r"hidden[- ](?:\d|cohort|hospital|instrument)|needle|biopsy|patholog|images/|media/|\.sqlite"
    r"|olga-other|\bR2\b",
    re.IGNORECASE,
)
OF_THE_AI = re.compile(r"heatmap|CLA-HDM|p_malignant|suggestion|probabilit", re.IGNORECASE)
ADDRESS = re.compile(r"""["'`(](/[\w./-]+|\./[\w./-]+\.js|[\w-]+\.css)["'`)]""")
HEADERS = {"cache-control", "connection", "content-disposition", "content-encoding",
           "content-language", "content-length", "content-security-policy", "content-type",
           "cross-origin-opener-policy", "date", "expires", "keep-alive", "location",
           "referrer-policy", "server", "set-cookie", "transfer-encoding", "vary",
           "x-content-type-options", "x-frame-options", "allow"}  # fmt: skip
OF_FILES = {"access-control-allow-origin", "etag", "last-modified"}


@dataclass
class Look:
    """What the browser got, and what was found wrong in it."""

    site: Site
    maps: set[str]  # digests of all heatmaps
    aided: bool = False
    found: list[str] = field(default_factory=list)
    kinds: set[str] = field(default_factory=set)

    def between(self, route: Route) -> None:
        """Stands between the browser and the server."""
        try:
            response = route.fetch(max_redirects=0)
            body = response.body()
        except Error:  # the page that asked is gone: nobody gets it
            route.abort()
            return
        self.at(response, body)
        route.fulfill(response=response, body=body)

    def at(self, response: APIResponse, body: bytes) -> None:
        """An answer, whether the page asked for it or the crawler."""
        url, headers = response.url, response.headers
        is_file = "/static/" in url
        self._text(f"address {url}", re.sub(r"https?://[^/]+", "", url))
        known = HEADERS | (OF_FILES if is_file else set())
        self.found += [f"header {name} of {url}" for name in headers if name not in known]
        self._text(f"headers of {url}", "\n".join(f"{k}: {v}" for k, v in headers.items()))
        if not is_file and "no-store" not in headers.get("cache-control", ""):
            self.found.append(f"{url} may be cached")
        if 300 <= response.status < 400:
            return
        kind = headers.get("content-type", "").split(";")[0]
        self.kinds.add(kind)
        if kind == "image/png":
            self._picture(url, body)
        elif not is_file:
            self._text(f"body of {url}", body.decode())
        elif b"sourceMappingURL" in body:
            self.found.append(f"{url} names a source map")

    def _text(self, where: str, text: str) -> None:
        for word in HIDDEN.findall(text):
            self.found.append(f"{word!r} in the {where}")
        if not self.aided and "/static/" not in where:
            for word in OF_THE_AI.findall(text):
                self.found.append(f"{word!r} in the {where}, before its time")

    def _picture(self, url: str, body: bytes) -> None:
        if chunks(body) - {"IHDR", "IDAT", "IEND", "PLTE"}:
            self.found.append(f"{url} holds {chunks(body)}")
        if not self.aided and sha256(body).hexdigest() in self.maps:
            self.found.append(f"{url} is a heatmap, before its time")

    def crawl(self, page: Page) -> int:
        """Ask for every address that the page and its scripts name; how many."""
        texts = [page.content()]
        scripts = page.evaluate("performance.getEntriesByType('resource').map(entry => entry.name)")
        texts += [page.request.get(url).text() for url in scripts if re.search(r"\.(js|css)$", url)]
        named = {match for text in texts for match in ADDRESS.findall(text)}
        named |= {f"{url}.map" for url in scripts if url.endswith((".js", ".css"))}
        for address in sorted(named):
            if address.startswith(("/", "http")) and "sign-out" not in address:
                response = page.request.get(address, max_redirects=0)
                if address.endswith(".map"):
                    assert response.status == 404, address
                self.at(response, response.body())
        return len(named)

    def storage(self, page: Page) -> None:
        """What the browser keeps."""
        kept = page.evaluate(
            """async () => JSON.stringify([
              {...localStorage}, {...sessionStorage}, document.cookie, await caches.keys(),
              (await indexedDB.databases()).map(each => each.name),
              history.state, window.name, document.referrer])"""
        )
        self._text("browser's storage", kept)


def chunks(png: bytes) -> set[str]:
    """The names of a PNG's chunks."""
    names, at = set(), 8
    while at < len(png):
        (length,) = struct.unpack(">I", png[at : at + 4])
        names.add(png[at + 4 : at + 8].decode())
        at += 12 + length
    return names


def _maps(site: Site) -> set[str]:
    rows = site.rows("SELECT png FROM inference_heatmap")
    return {sha256(bytes(png)).hexdigest() for (png,) in rows}


STAGES = {TWO_SESSION: [1] * CASES + [2] * CASES, SEQUENTIAL: [1, 2] * CASES}


@pytest.mark.parametrize("design", STAGES)
def test_whatever_a_browser_can_fetch_tells_nothing(browser, served, design):
    site, address = served
    look = Look(site, _maps(site))
    assert look.maps
    with window(browser, address, troubled=True) as page:
        page.route("**", look.between)
        sign_in(page, "olga")
        enter(page, f"crawl-{design}".replace("_", "-"))
        for stage, following in pairwise([*STAGES[design], 2]):
            assert page.get_by_text(f"Stage {stage}, with").count() == 1
            images_painted(page)
            page.wait_for_timeout(800)  # what the page fetches ahead has come
            assert look.crawl(page) > 20
            look.storage(page)
            look.aided = following == 2
            _read(page, aided=stage == 2)
        expect(page.get_by_role("heading", name="You have read all cases")).to_be_visible()
        look.storage(page)
    assert look.found == []
    assert {"text/html", "application/json", "image/png", "text/javascript"} <= look.kinds


def _read(page: Page, *, aided: bool) -> None:
    assert age(page) >= FIRST_AGE
    if aided:
        keep(page)
    else:
        choose(page, Etiology.TUBERCULOUS)
        submit(page)


def test_the_codes_of_stage_2_are_not_those_of_stage_1_and_were_drawn_with_them(served):
    """Nothing can be learnt from when an assignment was made: all were, as the study opened."""
    site, _ = served
    rows = site.rows(
        "SELECT a.id, a.code FROM reading_assignment a JOIN reading_reader r ON r.id = a.reader_id"
        " JOIN cohorts_study s ON s.id = r.study_id WHERE s.slug = %s ORDER BY a.id",
        "crawl-two-session",
    )
    ids = [number for number, _ in rows]
    assert ids == list(range(ids[0], ids[0] + 4 * CASES))  # one batch: two readers, two stages
    assert len({code for _, code in rows}) == 4 * CASES
