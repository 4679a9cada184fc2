"""PostgreSQL restarts under an open case page: it says so, waits, and goes on; nothing is lost."""

import pytest
from playwright.sync_api import expect

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.e2e.browsing import choose, give, images_painted, sign_in, window
from tests.e2e.faults import outbox, says
from tests.services.site import Site, Sketch

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow("a site is built and read on a PostgreSQL of its own"),
]
SLUG = "restarted"


class Switch:
    """Turns a cluster on and off."""

    def __init__(self, cluster: servers.Cluster):
        self._cluster = cluster
        self._running = None

    def on(self) -> None:
        self._running = self._cluster.running()
        self._running.__enter__()

    def off(self) -> None:
        if self._running:
            self._running.__exit__(None, None, None)
            self._running = None


@pytest.fixture(scope="module")
def restarted(tmp_path_factory):
    with servers.postgres_cluster() as cluster:
        database = Switch(cluster)
        site = Site(tmp_path_factory.mktemp(SLUG), {"DATABASE_URL": cluster.url})
        database.on()
        try:
            site.build(Sketch(SLUG, cases=2, readers=("rita", "rosa")))
            with servers.gunicorn(site.env) as address:
                yield site, database, address
        finally:
            database.off()


def test_the_page_waits_out_a_restart_of_the_database(browser, restarted):
    site, database, address = restarted
    with window(browser, address, troubled=True) as page:
        sign_in(page, "rita")

        first = iter([database.off])

        def go_away_first(route):
            next(first, lambda: None)()
            route.continue_()

        page.route("**/*.png", go_away_first)
        page.goto(f"/read/{SLUG}/", wait_until="commit")
        expect(page.locator("#image-waits")).to_be_visible()
        expect(page.locator("#image-error")).to_be_hidden()
        database.on()
        images_painted(page)
        expect(page.locator("#image-waits")).to_be_hidden()

        choose(page, Etiology.LYMPHOMA)
        expect(page.get_by_role("button", name="Submit")).to_be_enabled()
        database.off()
        give(page)
        says(page, "The database is unavailable")
        assert outbox(page) == 1
        database.on()
        expect(page.get_by_text("Case 2 of 2")).to_be_visible(timeout=60_000)
        images_painted(page)
        assert outbox(page) == 0
    assert site.value("SELECT count(*) FROM reading_reading") == 1


def test_a_page_asked_for_meanwhile_comes_by_itself(browser, restarted):
    _site, database, address = restarted
    with window(browser, address, troubled=True) as page:
        sign_in(page, "rosa")
        database.off()
        page.goto(f"/read/{SLUG}/")
        expect(page.get_by_text("This page retries automatically")).to_be_visible()
        database.on()
        expect(page.get_by_text("Case 1 of 2")).to_be_visible(timeout=60_000)
