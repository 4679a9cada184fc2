"""A whole study by the browser: set up, opened, read by two at once (one by the API), locked,
unblinded by two people, analysed, with the numbers that were to come of it, and exported.
Its bundle then gives the same bytes on an empty site with the other database."""

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import pytest
from playwright.sync_api import Page, expect

from inference.clahdm import weights
from readerstudy.diagnosis import Etiology
from tests import once, servers
from tests.e2e.browsing import (
    age,
    choose,
    fill,
    go,
    last_link,
    look_at_all,
    screenshot,
    sign_in,
    submit,
    window,
)
from tests.services.build import PASSWORD
from tests.services.site import Client, Site, truth_by_age
from tests.services.source import write_source
from tests.services.templates import new_database

pytestmark = pytest.mark.e2e

CASES = 4
TRUTH = truth_by_age(CASES)
ROSA, REMI = "rosa@example.org", "remi@example.org"
READERS = {"R1": ROSA, "R2": REMI}
IRENE, DAN = "irene@example.org", "dan@example.org"
OWN = "a password of one's own"
STUDY = "Nodes of two hospitals"
PLAN = {"intervals": {"resamples": 200}}
AT_WORK_MS = 120_000  # a child process starts, and imports torch


ON_ONE_MACHINE = pytest.param(
    "one machine", marks=pytest.mark.rest("make test goes the same way on PostgreSQL and Celery")
)


def _empty(folder, *, postgresql: bool, **more: str) -> Site:
    """A migrated site with nothing in it."""
    folder.mkdir()
    if postgresql:
        name = f"whole_study_{once.number('database')}"
        more["DATABASE_URL"] = new_database(once.server("postgres", "postgres"), name)
    site = Site(folder, more)
    site.manage("migrate", "-v0")
    return site


@pytest.fixture(params=["servers", ON_ONE_MACHINE])
def served_by_celery(request) -> bool:
    """Whether the site has PostgreSQL, Redis and a Celery worker, or SQLite and child processes."""
    return request.param == "servers"


@pytest.fixture
def site(tmp_path, served_by_celery):
    """An empty site, with the one administrator that a command made."""
    more = {"DJANGO_SUPERUSER_PASSWORD": PASSWORD}
    if served_by_celery:
        redis = once.server("redis", "redis").rsplit("/", 1)[0]
        more["CELERY_BROKER_URL"] = f"{redis}/{once.number('site')}"
    site = _empty(tmp_path / "here", postgresql=served_by_celery, **more)
    site.manage("createsuperuser", "--noinput", "--username=root", "--email=root@example.org")
    return site


@pytest.fixture
def worker(site, served_by_celery):
    """The Celery worker's process; None where child processes do its work."""
    with servers.celery_worker(site.env) if served_by_celery else nullcontext() as process:
        yield process


@pytest.mark.slow("a study has many steps, and each is taken by a person in a browser")
def test_from_an_empty_site_to_the_same_tables_elsewhere(
    browser, site, worker, served_by_celery, tmp_path
):
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
        _read_at_once(browser, site, address)
        irenes = Client(address, IRENE, OWN)
        assert irenes.get("/results/nodes/runs/1/metrics.csv").status_code == 403
        _step(root, "Lock the study")
        assert irenes.get("/results/nodes/runs/1/metrics.csv").status_code == 403
        _step(root, "Request unblinding", reason="All is read")
        with _signed_in(browser, address, IRENE) as irene:
            _open_study(irene)
            _step(irene, "Confirm unblinding", password=OWN)
            _analyse(irene)
            bundle = _export(irene, tmp_path)
        _check_who_worked(site, worker)
        _check_metrics(irenes)
        _check_tests(irenes)
    here = _taken(site)
    assert len(here) > 50
    there = _empty(tmp_path / "there", postgresql=not served_by_celery)
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
    page.get_by_role("button", name="Upload and check").click(timeout=AT_WORK_MS)
    expect(page.locator("#uploads")).to_contain_text("registered as", timeout=AT_WORK_MS)


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
        [sys.executable, "-m", "tests.services.exchanged_study", "taken", target, "nodes", IRENE],
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
    page.get_by_role("button", name="Start dry run").click()
    button = page.get_by_role("button", name="Import", exact=True)
    expect(button).to_be_visible(timeout=AT_WORK_MS)
    screenshot(page, "study-dry-run")
    button.click()
    expect(page.locator("#state")).to_have_text("Done", timeout=AT_WORK_MS)


def _review(page: Page) -> None:
    page.goto("/admin/cohorts/cohort/")
    page.get_by_role("link", name="Review").click()
    look_at_all(page)
    page.get_by_role("button", name="Tick all on this page").click()
    page.get_by_role("button", name="Approve the ticked images").click()
    expect(page.get_by_text(f"{2 * CASES} images approved.")).to_be_visible()


def _run_model(page: Page) -> None:
    _open_study(page)
    page.get_by_role("button", name="Run the model on all testing cases").click()
    expect(page.locator(".messagelist .info")).to_contain_text("the model jobs are queued")

    def there_are_results() -> bool:
        page.reload()
        return "no model result yet" not in _line(page, "Model results").inner_text()

    servers.wait_until(there_are_results, what="the model's results", patience=AT_WORK_MS / 1000)


def _register_plan(page: Page) -> None:
    page.get_by_role("link", name="Progress and results").click()
    page.get_by_label("Plan (JSON)").fill(json.dumps(PLAN))
    page.get_by_role("button", name="Register plan").click()
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


def _rosa(_stage: int, age: int) -> Etiology:
    """Always right."""
    return TRUTH[age]


def _remi(stage: int, age: int) -> Etiology:
    """Right with AI alone, but for the first case."""
    return TRUTH[age] if stage == 2 and age != min(TRUTH) else _other(TRUTH[age])


def _other(etiology: Etiology) -> Etiology:
    return list(Etiology)[(etiology.class_index + 1) % 4]


def _read_at_once(browser, site: Site, address: str) -> None:
    """Rosa in the browser and Remi by the API: each all of stage 1, then all of stage 2."""
    remi = Client(address, REMI, OWN)
    with ThreadPoolExecutor(1) as pool, _signed_in(browser, address, ROSA) as page:
        walking = pool.submit(remi.read, "nodes", _remi, confidence=3)
        _read_all(page)
        walk = walking.result()
    ages = sorted(TRUTH)
    assert [stage for stage, _ in walk] == [1] * CASES + [2] * CASES
    for at in (1, 2):
        assert sorted(age for stage, age in walk if stage == at) == ages
    age_of_case = {f"hidden-{n}": age for n, age in enumerate(ages)}
    stored = site.readings("nodes")
    assert len(stored) == 2 * 2 * CASES
    for reader, stage, case_id, malignancy, etiology in stored:
        chosen = {"R1": _rosa, "R2": _remi}[reader](stage, age_of_case[case_id])
        assert (malignancy, etiology) == (chosen.malignancy, chosen)


def _read_all(page: Page) -> None:
    """All cases of both stages, rightly."""
    page.get_by_role("link", name="Continue reading").click()
    for _ in range(2 * CASES):
        page.get_by_role("radio", name="3", exact=True).check()
        choose(page, TRUTH[age(page)])
        submit(page)
    page.goto("/")
    expect(page.get_by_text(f"{CASES} of {CASES}")).to_have_count(2)


def _check_who_worked(site: Site, worker) -> None:
    """Each job was done once and the plan was followed; by the worker, for it had the messages."""
    jobs, run = site.jobs("nodes").values(), site.run("nodes", 1)
    assert [(j.attempts, j.predictions, j.heatmaps) for j in jobs] == [(1, 1, 4)] * CASES
    assert (run.state, run.planned) == ("done", True), run.reason
    if worker:
        assert {run.pid, *(job.pid for job in jobs)} == {worker.pid}


def _csv(client: Client, name: str) -> list[dict[str, str]]:
    answer = client.get(f"/results/nodes/runs/1/{name}.csv")
    assert answer.status_code == 200
    disposition = f'attachment; filename="nodes-run-1-{name}.csv"'
    assert answer.headers["Content-Disposition"] == disposition
    return list(csv.DictReader(io.StringIO(answer.text)))


def _check_metrics(client: Client) -> None:
    counts = {
        (row["subject"], row["stage"]): (int(row["n"]), int(row["count"]), float(row["value"]))
        for row in _csv(client, "metrics")
        if row["cohort"] == "north" and row["metric"] == "micro-averaged sensitivity"
    }
    right = CASES - 1
    assert counts["R1", "without AI"] == (CASES, CASES, 1.0)
    assert counts["R1", "with AI"] == (CASES, CASES, 1.0)
    assert counts["R2", "without AI"] == (CASES, 0, 0.0)
    assert counts["R2", "with AI"] == (CASES, right, right / CASES)
    assert counts["CLA-HDM", ""][0] == CASES


def _check_tests(client: Client) -> None:
    [row] = [
        row
        for row in _csv(client, "tests")
        if (row["subject"], row["question"], row["unit"], row["cohort"])
        == ("R2", "with vs without AI", "patients", "north")
    ]
    # Right in the first arm (with AI) alone: three; in the second alone: none. 2 * (1/2)**3.
    assert (row["n"], row["b"], row["c"]) == (str(CASES), "3", "0")
    assert float(row["p_value"]) == 0.25


def _analyse(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="Progress and results").click()
    page.get_by_role("button", name="Run analysis").click()
    expect(page.locator("#cohort-1")).to_be_visible(timeout=AT_WORK_MS)
    expect(page.locator("#preparing")).to_have_count(0, timeout=AT_WORK_MS)
    screenshot(page, "study-results")


def _export(page: Page, folder):
    _open_study(page)
    page.get_by_role("link", name="Export", exact=True).click()
    page.locator("[name=with_names]").check()
    page.get_by_role("button", name="Create bundle").click()
    link = page.get_by_role("link", name="Download")
    expect(link).to_be_visible(timeout=AT_WORK_MS)
    with page.expect_download() as download:
        link.click()
    bundle = folder / "bundle.zip"
    download.value.save_as(bundle)
    return bundle
