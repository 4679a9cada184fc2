"""The web process never loads what computes or draws: it would start slowly, eat memory in every
worker, and keep readers waiting. Every URL is called in a fresh one, by who may open it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import servers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def web_process(tmp_path_factory) -> dict:
    """What a fresh web process says of itself after it has answered every request there is."""
    folder = tmp_path_factory.mktemp("web")
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "CELERY_BROKER_URL")}
    env |= {
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "READERSTUDY_VAR": str(folder / "var"),
        "READERSTUDY_DEMO": "0",
        "READERSTUDY_HTTPS": "0",
        "READERSTUDY_SECOND_FACTOR": "0",
        "PYTHONPATH": str(ROOT),
    }
    for program in ("web_world", "web_process"):  # the world is built by one that may load all
        done = subprocess.run(
            [sys.executable, "-m", f"tests.rules.{program}", str(folder / "requests.json")],
            cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_every_url_was_called_and_answered(web_process):
    assert web_process["routes"] > 100
    assert web_process["unanswered"] == {}
    # Some of each kind were let in, and what they started was sent for.
    assert web_process["let_in"]["GET"] > 60
    assert web_process["let_in"]["POST"] > 10
    assert {"analysis", "run-files"} <= set(web_process["started"])


def test_a_runs_page_figures_tables_report_and_data_were_given(web_process):
    for name in ("", "report.pdf", "results.xlsx", "figures/flow.svg", "tables/flow.xlsx",
                 "data/readings.csv", "metrics.csv", "results.json"):  # fmt: skip
        assert web_process["run"][name] == 200, name
    assert web_process["run"]["figures/flow.png"] == 503  # it was not made yet


def test_nothing_heavy_was_loaded(web_process):
    assert web_process["loaded"] == {}


def test_a_process_that_starts_loads_nothing_that_only_some_work_needs(tmp_path):
    """Each command, server and worker starts so; pydicom alone would bring a dozen libraries."""
    code = (
        "import django, sys; django.setup();"
        "from django.core.checks import run_checks; run_checks();"
        "heavy = ('pydicom', 'gdcm', 'numpy', 'xlsxwriter', 'redis');"
        "print([name for name in heavy if name in sys.modules])"
    )
    env = servers.site_environment(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"
