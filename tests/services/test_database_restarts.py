"""PostgreSQL and Redis are restarted while people read and jobs run: nobody sees a failure, nothing
is lost or twice.

READERSTUDY_READS sets how many readings; the project's own measure is 300, with five restarts.
"""

import os
import signal
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import httpx
import pytest

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.services import test_jobs
from tests.services.site import Client, Site, Sketch, age_of, submit_body

pytestmark = [
    pytest.mark.services,
    pytest.mark.rest("make test restarts PostgreSQL under a browser, in e2e/test_database_restart"),
]

READERS = 6
READS = int(os.environ.get("READERSTUDY_READS", "48"))
CASES = max(1, READS // READERS // 2)  # each is read in two stages
RESTARTS = 5 if READS >= 300 else 2
SLUG = "restarts"
JOBS = 8  # of a second and a half each
WAYS = (signal.SIGQUIT, signal.SIGINT)  # immediate, as after a crash; and fast


class Patient(Client):
    """Sends the very same again after a 503, as a reader's browser does, and notes every answer."""

    def __init__(self, address: str, username: str):
        super().__init__(address, username)
        self.seen: Counter[int] = Counter()
        self.acknowledged: list[tuple[str, str, str]] = []
        self.names: set[str] = set()

    def patiently(self, send) -> httpx.Response:
        deadline = time.monotonic() + servers.PATIENCE
        while time.monotonic() < deadline:
            answer = send()
            self.seen[answer.status_code] += 1
            if answer.status_code != 503:
                return answer
            assert int(answer.headers["Retry-After"]) > 0
            if answer.headers["Content-Type"] == "application/json":
                self.names.add(answer.json()["refusal"])
            time.sleep(0.2)
        raise TimeoutError("the database does not come back")

    def read_all(self, number: int) -> None:
        """Each case with its images and its page, until there is none."""
        while case := self.patiently(lambda: self.get(f"/api/v1/{SLUG}/case/")).json()["case"]:
            self.patiently(lambda: self.get(f"/read/{SLUG}/"))
            for modality in ("bus", "cdfi"):
                path = f"/read/{SLUG}/{case['code']}/{modality}.png"
                assert self.patiently(lambda path=path: self.get(path)).status_code == 200
            etiology = list(Etiology)[(number + age_of(case)) % len(Etiology)]
            body = submit_body(code=case["code"], etiology=etiology, key=uuid4())
            answer = self.patiently(lambda body=body: self.post(SLUG, body))
            assert answer.status_code in (200, 201), answer.text
            assert answer.json()["key"] == body["key"]
            self.acknowledged.append((body["key"], body["code"], body["etiology"]))


@pytest.fixture
def cluster():
    with servers.postgres_cluster() as cluster:
        yield cluster


def test_no_reader_sees_a_failure_and_nothing_is_lost_or_twice(cluster, tmp_path):
    redis = Redis()
    site = Site(tmp_path, {"DATABASE_URL": cluster.url, "LOG_LEVEL": "CRITICAL"} | redis.env)
    names = [f"reader-{number}" for number in range(READERS)]
    with cluster.running():
        site.build(Sketch(SLUG, cases=CASES, readers=tuple(names)))
    with servers.gunicorn(site.env) as address, ThreadPoolExecutor(READERS + 1) as pool:
        with cluster.running(), redis.running():
            readers = [Patient(address, name) for name in names]
        ended = threading.Event()
        restarting = pool.submit(_restart, cluster, redis, readers, ended=ended)
        reading = [pool.submit(each.read_all, n) for n, each in enumerate(readers)]
        try:
            for each in reading:
                each.result()
        finally:
            ended.set()
        restarting.result()
    with cluster.running():
        _check(site, readers)


class Redis:
    """A Redis that can be ended, with all that it holds, and started again at the same address."""

    def __init__(self):
        self._port = servers.free_port()
        address = f"redis://127.0.0.1:{self._port}"
        self.env = {"READERSTUDY_CACHE_URL": f"{address}/1", "CELERY_BROKER_URL": f"{address}/0"}

    def running(self):
        """Its server in the block."""
        return servers.redis_server(port=self._port)


def _restart(cluster, redis: Redis, readers: list[Patient], *, ended: threading.Event) -> None:
    """So many restarts of both, spread evenly over the reads; each time they are away for a
    moment."""
    for number in range(1, RESTARTS + 1):
        with redis.running(), cluster.running(ends_by=WAYS[number % len(WAYS)]):
            due = READS * number // (RESTARTS + 1)
            while sum(len(each.acknowledged) for each in readers) < due and not ended.is_set():
                time.sleep(0.01)
        time.sleep(0.5)
    with redis.running(), cluster.running():
        ended.wait()


def _check(site: Site, readers: list[Patient]) -> None:
    seen = sum((each.seen for each in readers), Counter())
    print(f"{READS} reads, {RESTARTS} restarts: answers {dict(seen)}")
    assert set(seen) <= {200, 201, 503}
    assert seen[503] > 0
    assert set().union(*(each.names for each in readers)) == {"DatabaseUnreachable"}
    stored = site.rows(
        "SELECT CAST(g.idempotency_key AS text), a.code, g.etiology FROM reading_reading g"
        " JOIN reading_assignment a ON a.id = g.assignment_id"
    )
    acknowledged = [each for reader in readers for each in reader.acknowledged]
    assert sorted(stored) == sorted(acknowledged)
    assert len(stored) == READERS * CASES * 2
    site.manage("verify_audit")


def test_jobs_go_on_and_each_is_done_once(cluster, tmp_path):
    """Redis loses all messages each time; the worker and beat are not started again."""
    redis = Redis()
    more = {"DATABASE_URL": cluster.url, "LOG_LEVEL": "CRITICAL"} | redis.env
    site = Site(tmp_path, test_jobs.SETTINGS | {"IMPORT_DEADLINE_SECONDS": "60"} | more)
    with cluster.running(), redis.running():
        site.manage("migrate", "-v0")
        queued = test_jobs.QUEUED_BY_NOBODY.format(jobs=["wait"] * JOBS)
        site.manage("shell", "-v0", "-c", queued)

    def ended() -> list[tuple]:
        return site.rows("SELECT results, reason FROM light_lightjob WHERE state = 'done'")

    with servers.celery_worker(site.env) as worker, servers.hasty_beat(site.env, tmp_path):
        for number in range(RESTARTS):
            time.sleep(0.5)
            with redis.running(), cluster.running(ends_by=WAYS[number % len(WAYS)]):
                time.sleep(2.5)
        with redis.running(), cluster.running():
            servers.wait_until(
                lambda: len(ended()) == JOBS, what="all jobs done",
                patience=4 * servers.PATIENCE, process=worker,
            )  # fmt: skip
            assert ended() == [(1, "")] * JOBS
