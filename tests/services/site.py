"""A site in its own folder, database and processes, seen from outside: commands, SQL, HTTP."""

import re
import sqlite3
import subprocess
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg2

from readerstudy.diagnosis import Etiology
from tests.servers import PATIENCE, http_client, manage, site_environment, wait_until
from tests.services import templates
from tests.services.build import PASSWORD
from tests.services.source import SIZE, facts, write_source

TWO_SESSION, SEQUENTIAL = "two_session", "sequential"


@dataclass(frozen=True)
class Sketch:
    """A study to be built. ``cases=0`` leaves the cohort empty; ``steps`` are `manage.py study`'s,
    and the model is run before they are taken if ``open`` is among them. Its images are approved
    if they were ``looked_at``. ``protocol`` holds more of its fields."""

    slug: str
    cases: int = 3
    design: str = TWO_SESSION
    readers: tuple[str, ...] = ("anna",)
    investigators: tuple[str, ...] = ("ivan",)
    steps: tuple[str, ...] = ("open",)
    image_size: tuple[int, int] = SIZE
    practice: int = 0
    looked_at: bool = True
    protocol: dict[str, object] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"Study {self.slug}"


@dataclass(frozen=True)
class Site:
    """One installation; ``more`` is what its environment has besides its folder."""

    folder: Path
    more: dict[str, str] = field(default_factory=dict)

    @property
    def env(self) -> dict[str, str]:
        return site_environment(self.folder, **self.more)

    def build(
        self, *studies: Sketch, admins: tuple[str, ...] = ("root",), own_key: bool = False
    ) -> None:
        """Make users, model and studies; with ``own_key`` from nothing, else on a copy."""
        sketch = {
            "migrated": not own_key and templates.copy_to(self.folder, self.env["DATABASE_URL"]),
            "admins": admins,
            "studies": [self._describe(study) for study in studies],
        }
        templates.run_build(self.env, sketch)

    def _describe(self, study: Sketch) -> dict:
        source = self.folder / "sources" / study.slug
        practice = self.folder / "sources" / f"{study.slug}-practice"
        if study.cases:
            write_source(source, cases=study.cases, size=study.image_size)
        if study.practice:
            write_source(practice, cases=study.practice, seed=1, prefix="practice")
        return {
            "slug": study.slug,
            "title": study.title,
            "design": study.design,
            "readers": study.readers,
            "investigators": study.investigators,
            "steps": study.steps,
            "looked_at": study.looked_at,
            "source": str(source) if study.cases else "",
            "practice": str(practice) if study.practice else "",
            "protocol": study.protocol,
        }

    def manage(self, *arguments: str, **options) -> subprocess.CompletedProcess:
        """Run manage.py to its end, in this site."""
        return manage(*arguments, env=self.env, **options)

    def queue_model(self, slug: str) -> None:
        """Queue a study's jobs and send for no worker."""
        self.manage(
            "shell", "-v0", "-c",
            "from readerstudy.studies.models import Study;"
            "from readerstudy.reading.lifecycle import queue_model;"
            f"queue_model(Study.objects.get(slug={slug!r}))",
        )  # fmt: skip

    def rows(self, sql: str, *values) -> list[tuple]:
        """Ask the site's database; ``%s`` stands for a value on both systems."""
        url = self.env["DATABASE_URL"]
        if url.startswith("sqlite"):
            connection = sqlite3.connect(url.removeprefix("sqlite:///"), timeout=20)
            sql = sql.replace("%s", "?")
        else:
            connection = psycopg2.connect(url)
        with closing(connection), closing(connection.cursor()) as cursor:
            cursor.execute(sql, values)
            return cursor.fetchall()

    def value(self, sql: str, *values):
        """The one value of a one-row answer."""
        [[value]] = self.rows(sql, *values)
        return value

    def readings(self, slug: str) -> list[tuple]:
        """(reader code, stage, case id, malignancy, etiology) of a study, as they were stored."""
        return self.rows(
            "SELECT r.code, a.stage, c.case_id, g.malignancy, g.etiology"
            " FROM reading_reading g JOIN reading_assignment a ON a.id = g.assignment_id"
            " JOIN reading_reader r ON r.id = a.reader_id"
            " JOIN cohorts_study s ON s.id = r.study_id"
            " JOIN cohorts_case c ON c.id = a.case_id"
            " WHERE s.slug = %s ORDER BY g.id",
            slug,
        )

    def jobs(self, slug: str) -> dict[str, "Job"]:
        """A study's inference jobs by case id."""
        rows = self.rows(
            "SELECT c.case_id, j.id, j.state, j.attempts, j.strikes, j.worker, j.reason,"
            " j.finished_at,"
            " (SELECT count(*) FROM inference_prediction p WHERE p.case_id = c.id),"
            " (SELECT count(*) FROM inference_heatmap h JOIN inference_prediction p"
            "  ON p.id = h.prediction_id WHERE p.case_id = c.id)"
            " FROM inference_inferencejob j JOIN cohorts_case c ON c.id = j.case_id"
            " JOIN cohorts_cohort h ON h.id = c.cohort_id JOIN cohorts_study s ON s.id = h.study_id"
            " WHERE s.slug = %s ORDER BY j.id",
            slug,
        )
        return {case_id: Job(*rest) for case_id, *rest in rows}

    def image(self, slug: str, case_id: str) -> Path:
        """Where a case's BUS image is stored."""
        name = self.value(
            "SELECT i.file FROM cohorts_image i JOIN cohorts_case c ON c.id = i.case_id"
            " JOIN cohorts_cohort h ON h.id = c.cohort_id JOIN cohorts_study s ON s.id = h.study_id"
            " WHERE s.slug = %s AND c.case_id = %s AND i.modality = 'bus'",
            slug, case_id,
        )  # fmt: skip
        return self.folder / "media" / name

    def run(self, slug: str, number: int) -> "Run":
        """An analysis run of a study."""
        [row] = self.rows(
            "SELECT r.state, r.steps_done, r.worker, r.planned, r.reason, r.results_sha256"
            " FROM analysis_analysisrun r JOIN cohorts_study s ON s.id = r.study_id"
            " WHERE s.slug = %s AND r.number = %s",
            slug, number,
        )  # fmt: skip
        return Run(*row)

    def file_is_made(self, slug: str, number: int, name: str) -> bool:
        """Whether the worker has made this file of a run."""
        return self.rows(
            "SELECT f.state FROM analysis_runfile f"
            " JOIN analysis_fileset t ON t.id = f.file_set_id"
            " JOIN analysis_analysisrun r ON r.id = t.run_id"
            " JOIN cohorts_study s ON s.id = r.study_id"
            " WHERE s.slug = %s AND r.number = %s AND f.name = %s",
            slug, number, name,
        ) == [("done",)]  # fmt: skip

    def files_are_made(self, slug: str, number: int) -> bool:
        """Whether the worker has made all that can be downloaded of a run."""
        return self.rows(
            "SELECT f.state FROM analysis_fileset f"
            " JOIN analysis_analysisrun r ON r.id = f.run_id"
            " JOIN cohorts_study s ON s.id = r.study_id WHERE s.slug = %s AND r.number = %s",
            slug, number,
        ) == [("done",)]  # fmt: skip


@dataclass(frozen=True)
class Run:
    """An analysis run's row."""

    state: str
    steps_done: int
    worker: str
    planned: bool
    reason: str
    results_sha256: str

    @property
    def pid(self) -> int:
        return int(self.worker.rsplit(":", 1)[1])


@dataclass(frozen=True)
class Job:
    """A row of the queue, and how much has come of it."""

    id: int
    state: str
    attempts: int
    strikes: int
    worker: str
    reason: str
    finished_at: object
    predictions: int
    heatmaps: int

    @property
    def pid(self) -> int:
        return int(self.worker.rsplit(":", 1)[1])


class Client:
    """Somebody at the JSON API: a session cookie and a CSRF token, as a script would use."""

    def __init__(self, address: str, username: str, password: str = PASSWORD):
        self.address = address
        self.session = http_client()
        page = self.get("/accounts/sign-in/")
        token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
        form = {"username": username, "password": password, "csrfmiddlewaretoken": token}
        answer = self.session.post(f"{address}/accounts/sign-in/", data=form, timeout=30)
        assert str(answer.url) == f"{address}/", f"{username} could not sign in: {answer.text}"

    def get(self, path: str) -> httpx.Response:
        return self.session.get(f"{self.address}{path}", timeout=30)

    def case(self, slug: str) -> dict:
        """What the API says is current: ``case`` (or None) and ``progress``."""
        answer = self.get(f"/api/v1/{slug}/case/")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def submit(self, slug: str, *, code: str, etiology: Etiology, key=None) -> httpx.Response:
        return self.post(slug, submit_body(code=code, etiology=etiology, key=key))

    def post(self, slug: str, body: dict) -> httpx.Response:
        return self.session.post(
            f"{self.address}/api/v1/{slug}/readings/",
            json=body,
            headers={"X-CSRFToken": self.session.cookies["csrftoken"]},
            timeout=60,
        )

    def start_run(self, slug: str, **form: str) -> httpx.Response:
        """Press the button that starts an analysis; the page that it leads to."""
        return self.session.post(
            f"{self.address}/results/{slug}/runs/",
            data=form,
            headers={"X-CSRFToken": self.session.cookies["csrftoken"]},
            timeout=60,
        )

    def read(self, slug: str, choose, **more) -> list[tuple[int, int]]:
        """Read all there is; ``choose(stage, age)`` gives the etiology, ``more`` is said of each.

        Returns (stage, age) as read.
        """
        walked = []
        while case := self.case(slug)["case"]:
            age = age_of(case)
            etiology = choose(case["stage"], age)
            answer = self.post(slug, submit_body(code=case["code"], etiology=etiology) | more)
            assert answer.status_code == 201, answer.text
            walked.append((case["stage"], age))
        return walked


def submit_body(*, code: str, etiology: Etiology, key=None) -> dict[str, str]:
    return {
        "code": code,
        "key": str(key or uuid4()),
        "malignancy": etiology.malignancy.value,
        "etiology": etiology.value,
    }


def age_of(case: dict) -> int:
    """The age in a case's baseline, by which the tests know the case."""
    return int(case["baseline"]["Age"].removesuffix(" years"))


def truth_by_age(cases: int) -> dict[int, Etiology]:
    return {fact.age: fact.etiology for fact in facts(cases)}


def wait_for_jobs(
    site: Site, slug: str, *states: str, patience: float = PATIENCE
) -> dict[str, Job]:
    """Wait until the study has jobs and each is in one of these states; the jobs."""
    wait_until(
        lambda: (jobs := site.jobs(slug).values()) and {job.state for job in jobs} <= set(states),
        what=f"jobs of {slug} to be {' or '.join(states)}",
        patience=patience,
    )
    return site.jobs(slug)
