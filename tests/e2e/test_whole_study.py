"""A whole study by the browser alone: set up, opened, read by two readers, locked, unblinded by two
people, analysed and exported. Its bundle then gives the same bytes on an empty site."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from inference.clahdm import weights
from tests import servers
from tests.e2e.browsing import (
    age,
    choose,
    fill,
    go,
    last_link,
    screenshot,
    sign_in,
    submit,
    window,
)
from tests.services.build import PASSWORD
from tests.services.site import Site, truth_by_age
from tests.services.source import write_source

pytestmark = pytest.mark.e2e

CASES = 2
TRUTH = truth_by_age(CASES)
READERS = {"R1": "rosa@example.org", "R2": "remi@example.org"}
IRENE, DAN = "irene@example.org", "dan@example.org"
OWN = "a password of one's own"
STUDY = "Nodes of two hospitals"
PLAN = {"intervals": {"resamples": 200}}
AT_WORK_MS = 120_000  # a child process starts, and imports torch


@pytest.fixture
def site(tmp_path):
    """An empty site, with the one administrator that a command made."""
    folder = tmp_path / "here"
    folder.mkdir()
    site = Site(folder, {"DJANGO_SUPERUSER_PASSWORD": PASSWORD})
    site.manage("migrate", "-v0")
    site.manage("createsuperuser", "--noinput", "--username=root", "--email=root@example.org")
    return site


def test_from_an_empty_site_to_the_same_tables_elsewhere(browser, site, tmp_path):
    write_source(tmp_path / "cohort", cases=CASES)
    source = shutil.make_archive(str(tmp_path / "cohort"), "zip", tmp_path / "cohort")
    model, card = weights.untrained("tiny", 0)
    weights.save(model, tmp_path / "tiny.safetensors", card=card)
    with servers.gunicorn(site.env) as address, window(browser, address) as root:
        sign_in(root, "root")
        _add_model(root, tmp_path / "tiny.safetensors")
        _add_study(root)
        _invite(root)
        for guest in (*READERS.values(), IRENE, DAN):
            _accept(browser, address, last_link(site, guest))
        with _signed_in(browser, address, DAN) as dan:
            _import(dan, source)
            _review(dan)
        _run_model(root)
        with _signed_in(browser, address, IRENE) as irene:
            _register_plan(irene)
        _step(root, "Open the study")
        for guest in READERS.values():
            with _signed_in(browser, address, guest) as reader:
                _read_all(reader)
        _step(root, "Lock the study")
        _step(root, "Ask for the unblinding", reason="All is read")
        with _signed_in(browser, address, IRENE) as irene:
            _open_study(irene)
            _step(irene, "Confirm the unblinding", password=OWN)
            _analyse(irene)
            bundle = _export(irene, tmp_path)
    here = _taken(site)
    assert len(here) > 50
    with servers.postgres() as url:
        there = Site(tmp_path / "there", {"DATABASE_URL": url})
        there.folder.mkdir()
        there.manage("migrate", "-v0")
        there.manage("import_study", str(bundle))
        assert _taken(there) == here
        there.manage("verify_audit")
    site.manage("verify_audit")


def _save(page: Page, button: str = "Save") -> None:
    page.get_by_role("button", name=button, exact=True).click()
    expect(page.locator(".messagelist li")).to_be_visible()


def _add_model(page: Page, file) -> None:
    page.goto("/admin/inference/modelversion/add/")
    fill(page, name="CLA-HDM", version="1")
    page.locator("[name=weights_file]").set_input_files(file)
    page.get_by_role("button", name="Save", exact=True).click(timeout=AT_WORK_MS)
    expect(page.locator(".messagelist li")).to_be_visible()


def _add_study(page: Page) -> None:
    page.goto("/admin/cohorts/study/add/")
    fill(page, slug="nodes", title=STUDY)
    page.locator("[name=protocol-0-confidence]").select_option("five_point")
    page.locator("[name=protocol-0-unblinding_needs_two]").check()
    page.get_by_text("Add another Cohort").click()
    page.locator("[name=cohort_set-0-name]").fill("north")
    page.locator("[name=studymodel-0-model_version]").select_option(index=1)
    _save(page, "Save and continue editing")
    expect(_line(page, "Cohorts and cases")).to_contain_text("No testing cohort has a case.")
    expect(_line(page, "Readers")).to_contain_text("The study has no reader.")
    screenshot(page, "study-set-up")


def _line(page: Page, title: str):
    """A line of the checklist."""
    return page.locator("#setup tr", has=page.get_by_role("rowheader", name=title, exact=True))


def _invite(page: Page) -> None:
    page.get_by_role("link", name="Invite people").click()
    lines = [f"{mail},,{code},9,junior" for code, mail in READERS.items()]
    page.locator("#readers textarea").fill("\n".join(lines))
    page.locator("#readers input[type=submit]").click()
    expect(page.locator("#people tbody tr")).to_have_count(2)
    for mail, role in ((IRENE, "investigator"), (DAN, "data_manager")):
        page.locator("#member_email").fill(mail)
        page.locator("#member_role").select_option(role)
        page.locator("#member input[type=submit]").click()
        expect(page.locator("#people")).to_contain_text(mail)


def _accept(browser, address: str, link: str) -> None:
    with window(browser, address) as page:
        page.goto(link)
        fill(page, password1=OWN, password2=OWN)
        go(page, "main button.primary")
        expect(page.get_by_role("heading", name="My studies")).to_be_visible()


@contextmanager
def _signed_in(browser, address: str, username: str) -> Iterator[Page]:
    with window(browser, address) as page:
        sign_in(page, username, OWN)
        yield page


def _taken(site: Site) -> dict[str, str]:
    """The SHA-256 of all that the investigator can take away, by address."""
    target = site.folder / "taken.json"
    subprocess.run(
        [sys.executable, "-m", "tests.services.handed_over", "taken", target, "nodes", IRENE],
        cwd=servers.ROOT, env=site.env, check=True,
    )  # fmt: skip
    return json.loads(target.read_text())


def _open_study(page: Page) -> None:
    page.goto("/admin/cohorts/study/")
    page.get_by_role("link", name="nodes", exact=True).click()


def _import(page: Page, source: str) -> None:
    page.goto("/admin/cohorts/cohort/")
    page.get_by_role("link", name="north", exact=True).click()
    page.get_by_role("link", name="Import", exact=True).click()
    page.locator("[name=kind]").first.check()
    page.locator("[name=upload]").set_input_files(source)
    page.get_by_role("button", name="Check it").click()
    button = page.get_by_role("button", name="Import", exact=True)
    expect(button).to_be_visible(timeout=AT_WORK_MS)
    screenshot(page, "study-dry-run")
    button.click()
    expect(page.locator("#state")).to_have_text("Done", timeout=AT_WORK_MS)


def _review(page: Page) -> None:
    page.goto("/admin/cohorts/cohort/")
    page.get_by_role("link", name="Review").click()
    for card in page.locator("[data-image]").all():
        card.locator("svg.preview").scroll_into_view_if_needed()
        page.wait_for_timeout(900)
    page.get_by_role("button", name="Tick all on this page").click()
    page.get_by_role("button", name="Approve the ticked images").click()
    expect(page.get_by_text(f"{2 * CASES} images approved.")).to_be_visible()


def _run_model(page: Page) -> None:
    _open_study(page)
    page.get_by_role("button", name="Run the model on all testing cases").click()
    expect(page.locator(".messagelist .info")).to_contain_text("the model's jobs are queued")

    def there_are_results() -> bool:
        page.reload()
        return "no model result yet" not in _line(page, "Model and its results").inner_text()

    servers.wait_until(there_are_results, what="the model's results", patience=AT_WORK_MS / 1000)


def _register_plan(page: Page) -> None:
    page.get_by_role("link", name="Progress and results").click()
    page.get_by_label("Plan (JSON)").fill(json.dumps(PLAN))
    page.get_by_role("button", name="Register this plan").click()
    expect(page.locator("#plan")).to_contain_text(f"Registered by {IRENE}")


def _step(page: Page, button: str, *, reason: str = "", password: str = PASSWORD) -> None:
    """From the study's page through the step's own, with the password."""
    page.reload()
    page.get_by_role("link", name=f"{button}…").click()
    if reason:
        page.get_by_label("Reason").fill(reason)
    page.get_by_label("Your password").fill(password)
    page.get_by_role("button", name=button).click()
    expect(page.locator(".messagelist .info")).to_contain_text(STUDY)


def _read_all(page: Page) -> None:
    """All cases of both stages, rightly."""
    page.get_by_role("link", name="Go on reading").click()
    for _ in range(2 * CASES):
        page.get_by_role("radio", name="3", exact=True).check()
        choose(page, TRUTH[age(page)])
        submit(page)
    page.goto("/")
    expect(page.get_by_text(f"{CASES} of {CASES}")).to_have_count(2)


def _analyse(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Progress and results").click()
    page.get_by_role("button", name="Run analysis").click()
    expect(page.locator("#cohort-1")).to_be_visible(timeout=AT_WORK_MS)
    screenshot(page, "study-results")


def _export(page: Page, folder):
    _open_study(page)
    page.get_by_role("link", name="Export", exact=True).click()
    page.locator("[name=with_names]").check()
    page.get_by_role("button", name="Make a bundle").click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=AT_WORK_MS)
    with page.expect_download() as download:
        link.click()
    bundle = folder / "bundle.zip"
    download.value.save_as(bundle)
    return bundle
