"""What becomes of an import whose process is killed in mid-commit: nothing is left, then it is done
once."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests import servers
from tests.services.site import Site, Sketch
from tests.services.source import write_source

pytestmark = pytest.mark.services

STALE = 2.0  # seconds
PATIENCE = 3 * servers.PATIENCE
CASES = 40
PREPARE = """
from pathlib import Path
from readerstudy.accounts.models import User
from readerstudy.jobs import dispatch
from readerstudy.studies.imports import queue
from readerstudy.studies.models import Study
study = Study.objects.get(slug={slug!r})
job = queue.queue_dry_run(study=study, cohort=study.cohort_set.get(), kind="cases_truth", label="s",
                  path={path!r}, is_folder=True, by=User.objects.get(username="root"))
dispatch.dispatch(queue.KIND, [job.pk])
"""
CONFIRM = """
from readerstudy.accounts.models import User
from readerstudy.jobs import dispatch
from readerstudy.studies.imports import queue
from readerstudy.studies.models import ImportJob
job = ImportJob.objects.latest("pk")
queue.confirm(job, by=User.objects.get(username="root"))
dispatch.dispatch(queue.KIND, [job.pk])
"""
HASTE = {"IMPORT_STALE_SECONDS": str(STALE), "IMPORT_HEARTBEAT_SECONDS": "0.25"}


def build(site: Site, slug: str) -> Path:
    """A study without cases, and a source that takes some seconds to import."""
    site.build(Sketch(slug, cases=0, steps=()))
    return write_source(site.folder / "root" / slug, cases=CASES, size=(700, 900))


def roots(folder: Path) -> dict[str, str]:
    return {"IMPORT_ROOTS": str(folder / "root")}


def shell(site: Site, code: str) -> None:
    site.manage("shell", "-v0", "-c", code)


def job(site: Site) -> tuple:
    """(state, progress, worker, attempts) of the last import."""
    [row] = site.rows(
        "SELECT state, progress, worker, attempts FROM cohorts_importjob ORDER BY id DESC LIMIT 1"
    )
    return row


def wait_for(site: Site, *states: str) -> None:
    told = f"the import to be {states}"
    servers.wait_until(lambda: job(site)[0] in states, what=told, patience=PATIENCE)


def in_mid_commit(site: Site) -> bool:
    state, progress, _worker, _attempts = job(site)
    return state == "committing" and progress > CASES // 10


def counts(site: Site) -> tuple[int, int, int]:
    """Cases, images by row, and image files."""
    files = list((site.folder / "media" / "images").glob("*"))
    return (
        site.value("SELECT count(*) FROM cohorts_case"),
        site.value("SELECT count(*) FROM cohorts_image"),
        len(files),
    )


def kill(site: Site) -> None:
    """SIGKILL the process that has the import, and look at what it leaves."""
    servers.wait_until(
        lambda: in_mid_commit(site), what="the import to be half done", patience=PATIENCE
    )
    os.kill(int(job(site)[2].rsplit(":", 1)[1]), signal.SIGKILL)
    time.sleep(STALE + 0.5)
    assert job(site)[0] == "committing"
    assert counts(site) == (0, 0, 0)


def assert_done_once(site: Site) -> None:
    wait_for(site, "done", "failed")
    state, _progress, _worker, attempts = job(site)
    assert (state, attempts) == ("done", 3)  # the dry run, and the import twice
    assert counts(site) == (CASES, 2 * CASES, 2 * CASES)
    assert not list((site.folder / "media").glob("importing-*"))


@pytest.mark.rest("make test kills a Celery worker in mid-commit")
def test_a_child_process_that_is_killed_is_followed_by_one_that_ends_it(tmp_path):
    site = Site(tmp_path, HASTE | roots(tmp_path))
    source = build(site, "killed")
    shell(site, PREPARE.format(slug="killed", path=str(source)))
    wait_for(site, "checked")
    shell(site, CONFIRM)
    kill(site)
    site.manage("run_imports")
    assert_done_once(site)


@pytest.mark.slow("reads forty large images three times: checked, killed, stored")
def test_a_celery_worker_that_is_killed_is_followed_by_one_that_ends_it(
    make_site, tmp_path, tmp_path_factory
):
    site = make_site(**HASTE)
    site = Site(site.folder, site.more | roots(site.folder))
    source = build(site, "killed")
    with servers.celery_worker(site.env, name="first") as first:
        shell(site, PREPARE.format(slug="killed", path=str(source)))
        wait_for(site, "checked")
        shell(site, CONFIRM)
        kill(site)
        first.wait()
    with servers.celery_worker(site.env, name="second"), servers.hasty_beat(site.env, tmp_path):
        assert_done_once(site)
