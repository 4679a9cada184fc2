"""A case that takes its worker down each time it is read fails in the end; all others are done."""

import pytest

from tests import servers
from tests.services.site import Site, Sketch

pytestmark = pytest.mark.services

SLUG, DEADLY = "deadly", "hidden-1"
CASES = 4  # one batch
ATTEMPTS = 2


@pytest.fixture(scope="module")
def site(make_site) -> Site:
    site = make_site(
        INFERENCE_BATCH_SIZE=str(CASES),
        INFERENCE_MAX_ATTEMPTS=str(ATTEMPTS),
        INFERENCE_HEARTBEAT_SECONDS="0.25",
        INFERENCE_STALE_SECONDS="2",
    )
    site.build(Sketch(SLUG, cases=CASES, steps=(), image_size=(48, 64)))
    return site


def _settled(site: Site) -> bool:
    return {job.state for job in site.jobs(SLUG).values()} <= {"done", "failed"}


def _deaths_until_settled(site: Site) -> int:
    """Restart the worker whenever it dies, as a supervisor does; how often it died."""
    env = site.env | {"DEADLY_IMAGE": str(site.image(SLUG, DEADLY))}
    deaths = 0
    while deaths < 10:
        with servers.celery_worker(env, app="tests.services.deadly") as worker:
            servers.wait_until(
                lambda worker=worker: worker.poll() is not None or _settled(site),
                what="the worker's death or the last job's end",
            )
            if _settled(site):
                return deaths
            deaths += 1
    return deaths


@pytest.mark.rest("make test has such a case without a broker, in test_brokerless")
def test_it_fails_after_its_attempts_and_takes_no_other_with_it(site, tmp_path):
    site.manage("study", SLUG, "run-model")
    with servers.hasty_beat(site.env, tmp_path):
        deaths = _deaths_until_settled(site)
    jobs = site.jobs(SLUG)
    assert deaths == 1 + ATTEMPTS  # with all the others in hand, then by itself
    deadly = jobs.pop(DEADLY)
    assert (deadly.state, deadly.strikes, deadly.predictions) == ("failed", ATTEMPTS, 0)
    assert "worker died each time it ran this case alone" in deadly.reason
    for job in jobs.values():
        assert (job.state, job.attempts, job.predictions, job.heatmaps) == ("done", 2, 1, 4)
    refused = site.manage("study", SLUG, "open", capture_output=True, text=True, check=False)
    assert f"{DEADLY}: {deadly.reason}" in refused.stderr
