"""Label Studio as a reader study would use it: installed, served, filled, and read.

What is asked of it is what its own page asks once "Label All Tasks" is pressed, as Chromium's log
of requests has it: the annotation, the next task of the tab, and the links of labels.

It is served by gunicorn, as ours is, with as many processes and threads, on PostgreSQL. Its
reports to its makers are off: they would cost it time, and tell others of this machine.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from benchmarks.support.browser import Browser, Unexpected
from benchmarks.support.reads import Read
from readerstudy.diagnosis import Etiology, Malignancy, Modality
from tests import servers

REQUIREMENTS = Path(__file__).with_name("label_studio.txt")
PASSWORD = "a long enough password"
START_SECONDS = 180  # it imports pandas, boto3 and much else before it answers
ALL_TASKS = {"ordering": [], "filters": {"conjunction": "and", "items": []}}
LABELS = f"""<View>
  <Image name="bus" value="$bus"/><Image name="cdfi" value="$cdfi"/>
  <Choices name="malignancy" toName="bus" choice="single" required="true">
    {"".join(f'<Choice value="{each}"/>' for each in Malignancy)}
  </Choices>
  <Choices name="etiology" toName="bus" choice="single" required="true">
    {"".join(f'<Choice value="{each}"/>' for each in Etiology)}
  </Choices>
</View>"""


def install(folder: Path) -> Path:
    """Make a virtual environment with the pinned version, unless it is there; its Python."""
    python, done = folder / "bin/python", folder / "installed.txt"
    if not done.exists() or done.read_text() != REQUIREMENTS.read_text():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", REQUIREMENTS], check=True)
        done.write_text(REQUIREMENTS.read_text())
    return python


@contextmanager
def served(python: Path, *, database: str, folder: Path) -> Iterator[str]:
    """Label Studio on a new database, with its files in the folder; yields its address."""
    [package] = python.parent.parent.glob("lib/python*/site-packages/label_studio")
    port = servers.free_port()
    address = f"http://127.0.0.1:{port}"
    env = _environment(database, folder=folder, package=package)
    with (folder / "log").open("wb") as log:
        quietly = {"cwd": package, "env": env, "stdout": log, "stderr": log}
        migrate = [python, "manage.py", "migrate", "--no-color", "-v0"]
        _run(migrate, log=Path(log.name), **quietly)
        command = [str(python), "-m", "gunicorn", "core.wsgi", "-b", f"127.0.0.1:{port}",
                   *servers.WEB_PROCESSES, "--keep-alive", "75",
                   "--log-level", "warning"]  # fmt: skip
        with servers.started(command, **quietly) as process:
            servers.wait_until(
                lambda: Browser(address).get("/user/login/"), what="Label Studio",
                process=process, patience=START_SECONDS,
            )  # fmt: skip
            yield address


def _run(command: list, *, log: Path, **options) -> None:
    try:
        subprocess.run(command, check=True, **options)
    except subprocess.CalledProcessError:
        sys.stderr.write(log.read_text()[-2000:])
        raise


def _environment(database: str, *, folder: Path, package: Path) -> dict[str, str]:
    url = urlsplit(database)
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "PYTHONPATH": str(package),
        "BASE_DATA_DIR": str(folder),
        "DJANGO_DB": "default",  # which is its name for PostgreSQL
        "POSTGRE_HOST": url.hostname,
        "POSTGRE_PORT": str(url.port),
        "POSTGRE_USER": url.username,
        "POSTGRE_NAME": url.path.strip("/"),
        "COLLECT_ANALYTICS": "0",
        "LATEST_VERSION_CHECK": "0",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }


def open_project(
    address: str, *, images: list[list[Path]], cases: int, readers: int
) -> list["ProjectReader"]:
    """One organisation whose project holds so many cases, to be read by each of these people.

    ``images``: BUS and CDFI of each drawn case, which the cases share in turn.
    """
    people = [_sign_up(address, number=0)]
    owner = people[0]
    invitation = urlsplit(json.loads(owner.get("/api/invite"))["invite_url"]).query
    people += [_sign_up(address, number=n, query=f"?{invitation}") for n in range(1, readers)]
    # Twice as many as read: it counts who looks at a task, and complains of one too many.
    settings = {"title": "Benchmark", "maximum_annotations": 2 * readers}
    project = json.loads(owner.post_json("/api/projects", settings))["id"]
    addresses = [[_upload(owner, project, path) for path in pair] for pair in images]
    # Once tasks are said to have two images, single images are no longer taken.
    owner.patch_json(f"/api/projects/{project}", {"label_config": LABELS})
    tasks = [dict(zip(Modality, pair, strict=True)) for pair in islice(cycle(addresses), cases)]
    owner.post_json(f"/api/projects/{project}/import", [{"data": task} for task in tasks])
    return [ProjectReader(project, browser, tab=_open_tab(browser, project)) for browser in people]


def _sign_up(address: str, *, number: int, query: str = "") -> Browser:
    browser = Browser(address)
    path = f"/user/signup/{query}"
    browser.get(path)  # for its token
    form = {
        "email": f"reader-{number}@example.org",
        "password": PASSWORD,
        "csrfmiddlewaretoken": browser.cookies["csrftoken"],
    }
    browser.post_form(path, form)
    if "sessionid" not in browser.cookies:
        raise Unexpected(f"reader {number} could not sign up")
    return browser


def _open_tab(browser: Browser, project: int) -> int:
    """The number of the view in which the page shows one person the tasks, all and as they come."""
    view = {"title": "Default", "type": "list", "target": "tasks", **ALL_TASKS}
    answer = browser.post_json("/api/dm/views", {"data": view, "project": project})
    return json.loads(answer)["id"]


def _upload(browser: Browser, project: int, path: Path) -> str:
    """Where an uploaded image lies on the site."""
    file = {path.name: (path.name, path.read_bytes(), "image/png")}
    place = f"/api/projects/{project}"
    answer = browser.post_files(f"{place}/import?commit_to_project=false", file)
    [number] = json.loads(answer)["file_upload_ids"]
    stored = json.loads(browser.get(f"/api/import/file-upload/{number}"))["file"]
    return f"/data/{stored}"


class ProjectReader:
    """Somebody who takes the next task, looks at its images, and submits two choices."""

    def __init__(self, project: int, browser: Browser, *, tab: int):
        self.project = project
        self.browser = browser
        self._next = f"/api/dm/actions?id=next_task&tabID={tab}&project={project}"

    def read(self, *, with_images: bool = True) -> Read:
        """Raises Unexpected where the site gives no next task or takes no annotation."""
        begin = time.perf_counter()
        page = self.browser.post_json(self._next, {"project": str(self.project)})
        page_end = time.perf_counter()
        task = json.loads(page)
        images = self._look(task) if with_images else []
        submit_begin = time.perf_counter()
        path = f"/api/tasks/{task['id']}/annotations?project={self.project}"
        self.browser.post_json(path, _annotation(task["id"], self.project), expect=(201,))
        end = time.perf_counter()
        return Read(
            seconds=(page_end - begin) + (end - submit_begin),
            page_bytes=len(page),
            image_bytes=sum(map(len, images)),
        )

    def _look(self, task: dict) -> list[bytes]:
        """What comes with a task besides: the images, and the links of labels."""
        self.browser.get(f"/api/label_links?project={self.project}&expand=label")
        return [self.browser.get(task["data"][modality]) for modality in Modality]


def _annotation(task: int, project: int) -> dict:
    etiology = list(Etiology)[task % len(Etiology)]
    return {
        "result": _choices(etiology),
        "lead_time": 1.5,
        "draft_id": 0,
        "parent_prediction": None,
        "parent_annotation": None,
        "started_at": datetime.now(UTC).isoformat(),
        "unique_id": str(uuid4()),
        "project": str(project),
    }


def _choices(etiology: Etiology) -> list[dict]:
    said = {"malignancy": etiology.malignancy, "etiology": etiology}
    return [
        {"from_name": name, "to_name": "bus", "type": "choices", "value": {"choices": [value]},
         "id": uuid4().hex[:10], "origin": "manual"}
        for name, value in said.items()
    ]  # fmt: skip
