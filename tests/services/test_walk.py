"""The whole walk on real parts: PostgreSQL, Redis, gunicorn, a Celery worker, and HTTP."""

import csv
import io
from concurrent.futures import ThreadPoolExecutor

import pytest

from readerstudy.diagnosis import Etiology
from tests import servers
from tests.services.site import Client, Sketch, truth_by_age, wait_for_jobs
from tests.services.source import write_source

pytestmark = pytest.mark.services

CASES = 4
TRUTH = truth_by_age(CASES)
APPROVE_ALL = """
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.review.decisions import approve, reviewed
study = Study.objects.get(slug="walk")
approve(dict(reviewed(study).values_list("pk", "sha256")), study=study, by="ada")
"""


def test_from_import_to_results(make_site, tmp_path):
    site = make_site()
    site.build(Sketch("walk", cases=0, readers=("anna", "boris"), steps=()))
    source = write_source(tmp_path / "source", cases=CASES)
    site.manage("import_cohort", "walk", "hidden-cohort", str(source))
    site.manage("shell", "-c", APPROVE_ALL)
    with servers.celery_worker(site.env) as worker, servers.gunicorn(site.env) as address:
        site.manage("study", "walk", "run-model")
        jobs = wait_for_jobs(site, "walk", "done")
        assert len(jobs) == CASES
        assert {job.pid for job in jobs.values()} == {worker.pid}
        assert {(j.attempts, j.predictions, j.heatmaps) for j in jobs.values()} == {(1, 1, 4)}
        site.manage("study", "walk", "open")
        _two_readers_at_once(site, address)
        ivan = Client(address, "ivan")
        assert ivan.get("/results/walk/runs/1/metrics.csv").status_code == 403
        site.manage("register_plan", "walk")
        site.manage("study", "walk", "lock")
        assert ivan.get("/results/walk/runs/1/metrics.csv").status_code == 403
        site.manage("study", "walk", "unblind")
        _run_on_the_worker(site, ivan, worker)
        _check_metrics(ivan)
        _check_tests(ivan)


def _anna(_stage: int, age: int) -> Etiology:
    """Always right."""
    return TRUTH[age]


def _boris(stage: int, age: int) -> Etiology:
    """Right with AI alone, but for the first case."""
    return TRUTH[age] if stage == 2 and age != min(TRUTH) else _other(TRUTH[age])


def _other(etiology: Etiology) -> Etiology:
    return list(Etiology)[(etiology.class_index + 1) % 4]


def _two_readers_at_once(site, address: str) -> None:
    """Each reads all cases of stage 1, then all of stage 2, and gets what belongs to each."""
    clients = [Client(address, name) for name in ("anna", "boris")]
    with ThreadPoolExecutor(2) as pool:
        walks = list(pool.map(lambda pair: pair[0].read("walk", pair[1]),
                              zip(clients, (_anna, _boris), strict=True)))  # fmt: skip
    ages = sorted(TRUTH)
    for walk in walks:
        assert [stage for stage, _ in walk] == [1] * CASES + [2] * CASES
        assert sorted(age for stage, age in walk if stage == 1) == ages
        assert sorted(age for stage, age in walk if stage == 2) == ages
    assert clients[0].case("walk")["progress"] == [
        {"stage": stage, "read": CASES, "total": CASES} for stage in (1, 2)
    ]
    age_of_case = {f"hidden-{n}": age for n, age in enumerate(ages)}
    stored = site.readings("walk")
    assert len(stored) == 2 * 2 * CASES
    for reader, stage, case_id, malignancy, etiology in stored:
        chosen = {"R1": _anna, "R2": _boris}[reader](stage, age_of_case[case_id])
        assert (malignancy, etiology) == (chosen.malignancy, chosen)


def _run_on_the_worker(site, client: Client, worker) -> None:
    """Press the button; the worker computes, for it alone has the broker's message."""
    assert client.start_run("walk").url.endswith("/results/walk/runs/1/")
    servers.wait_until(
        lambda: site.run("walk", 1).state in ("done", "failed"), what="the analysis run"
    )
    run = site.run("walk", 1)
    assert (run.state, run.pid, run.planned) == ("done", worker.pid, True), run.reason


def _csv(client: Client, name: str) -> list[dict[str, str]]:
    answer = client.get(f"/results/walk/runs/1/{name}.csv")
    assert answer.status_code == 200
    assert answer.headers["Content-Disposition"] == f'attachment; filename="walk-run-1-{name}.csv"'
    return list(csv.DictReader(io.StringIO(answer.text)))


def _check_metrics(client: Client) -> None:
    counts = {
        (row["subject"], row["stage"]): (int(row["n"]), int(row["count"]), float(row["value"]))
        for row in _csv(client, "metrics")
        if row["cohort"] == "hidden-cohort" and row["metric"] == "micro-averaged sensitivity"
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
        == ("R2", "with vs without AI", "patients", "hidden-cohort")
    ]
    # Right in the first arm (with AI) alone: three; in the second alone: none. 2 * (1/2)**3.
    assert (row["n"], row["b"], row["c"]) == (str(CASES), "3", "0")
    assert float(row["p_value"]) == 0.25
