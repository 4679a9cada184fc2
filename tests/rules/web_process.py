"""Be the web process: answer every request that ``web_world`` wrote down, and say what was loaded.

Nothing of the tests but the requests themselves is loaded here.
"""

import json
import sys
from collections import Counter
from pathlib import Path
from uuid import uuid4

HEAVY = {
    *("torch", "torchvision", "monai", "matplotlib", "scipy", "statsmodels", "pandas", "sklearn"),
    *("pydicom", "gdcm", "simplejpeg"),
}
TOKEN = "t" * 32  # of the CSRF cookie and, the same, of the form

started: list[str] = []
loaded: dict[str, list[str]] = {}


def main(file: str) -> dict:
    import readerstudy.wsgi  # noqa: F401 (as gunicorn does)
    from readerstudy.jobs import dispatch

    dispatch.start_child = started.append

    _note("the start")
    from django.test import Client

    world = json.loads(Path(file).read_text())
    client = Client(
        enforce_csrf_checks=True, raise_request_exception=False, SERVER_NAME="127.0.0.1"
    )
    said = {"unanswered": {}, "let_in": Counter(), "run": {}}
    run = world["run"]
    for name in ("", "report.pdf", "results.xlsx", "figures/flow.svg", "figures/flow.png",
                 "tables/flow.xlsx", "data/readings.csv", "metrics.csv", "results.json",
                 "files/"):  # fmt: skip
        said["run"][name] = _send(client, world, "investigator", ("GET", run + name))
        _note(f"GET {run}{name}")
    for path in ("/results/analysed/", "/admin/cohorts/study/", "/no/such/page"):
        _send(client, world, "investigator", ("GET", path))
        _note(f"GET {path}")
    _start_work(client, world)
    for _route, person, method, path, kind in world["requests"]:
        status = _send(client, world, person, (method, path), kind=kind)
        _note(f"{method} {path}")
        if status >= 500:
            said["unanswered"][f"{person} {method} {path}"] = status
        said["let_in"][method] += status in (200, 201, 302)
    routes = {request[0] for request in world["requests"]}
    return said | {"routes": len(routes), "started": started, "loaded": loaded}


def _start_work(client, world: dict) -> None:
    """What a POST starts is left to a worker."""
    from analysis.models import FileSet, RunFile

    _send(client, world, "investigator", ("POST", "/results/analysed/runs/"))
    RunFile.objects.all().delete()
    FileSet.objects.all().delete()  # as of an older run: its files are asked for
    _send(client, world, "investigator", ("GET", f"{world['run']}report.pdf"))
    _send(client, world, "investigator", ("POST", f"{world['run']}files/"))
    _note("work that was started")
    from readerstudy.jobs import former_tasks  # noqa: F401 (and what sends messages to a broker)

    _note("the modules of tasks")


def _send(client, world: dict, person: str, request: tuple[str, str], *, kind: str = "") -> int:
    """The status of one request, a method and a path."""
    method, path = request
    client.cookies.clear()
    client.cookies["csrftoken"] = TOKEN
    if person in world["sessions"]:
        client.cookies["sessionid"] = world["sessions"][person]
    data = {"code": world["code"], "key": str(uuid4()), "malignancy": "malignant",
            "etiology": "lymphoma"}  # fmt: skip
    if method == "GET":
        answer = client.get(path)
    elif kind == "json":
        answer = client.post(
            path, json.dumps(data), content_type="application/json", headers={"X-CSRFToken": TOKEN}
        )
    else:
        answer = client.post(path, data if kind else {}, headers={"X-CSRFToken": TOKEN})
    answer.getvalue()
    return answer.status_code


def _note(after: str) -> None:
    """Whatever is loaded now and was not before."""
    found = HEAVY & {name.split(".")[0] for name in sys.modules} - {
        name for names in loaded.values() for name in names
    }
    if found:
        loaded[after] = sorted(found)


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
