"""The web process imports neither torch nor SciPy: it would start slowly and eat memory in every
worker."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

WEB_PROCESS = """
import importlib
import sys

from django.core.management import call_command
from readerstudy.wsgi import application
from django.contrib import admin
from django.urls import URLResolver, get_resolver

call_command("migrate", verbosity=0)

def everything(resolver):
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            yield from everything(pattern)
        else:
            yield pattern.callback

assert len(list(everything(get_resolver()))) > 50
for model_admin in admin.site._registry.values():
    importlib.import_module(type(model_admin).__module__)

from tests.rules.wsgi_call import call

statuses = [
    call(application, "GET", "/healthz"),
    call(application, "GET", "/accounts/sign-in/"),
    call(application, "POST", "/accounts/sign-in/", sign_in=("nobody", "wrong")),
    call(application, "GET", "/no/such/page"),
    call(application, "GET", "/"),
    call(application, "GET", "/api/v1/study/case/"),
    call(application, "GET", "/admin/"),
]

from readerstudy.accounts.models import User
User.objects.create_superuser("admin", "", "a long password")
statuses += [call(application, "POST", "/accounts/sign-in/", sign_in=("admin", "a long password"))]
print("SERVED", statuses)

from inference import tasks  # what sends the messages
from analysis import tasks as analysis_tasks
HEAVY = {"torch", "torchvision", "monai", "scipy", "statsmodels", "pandas", "matplotlib"}
print("LOADED", sorted(HEAVY & {name.split(".")[0] for name in sys.modules}))
"""


@pytest.fixture(scope="module")
def web_process(tmp_path_factory) -> dict[str, str]:
    """What a fresh web process that served some pages says of itself."""
    env = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "CELERY_BROKER_URL")}
    env |= {
        "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
        "READERSTUDY_VAR": str(tmp_path_factory.mktemp("web")),
        "READERSTUDY_DEMO": "0",
        "READERSTUDY_HTTPS": "0",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", WEB_PROCESS],
        cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return dict(line.split(" ", 1) for line in done.stdout.splitlines() if " " in line)


def test_the_pages_were_served(web_process):
    assert web_process["SERVED"] == "[200, 200, 200, 404, 302, 401, 302, 302]"


def test_nothing_heavy_was_loaded(web_process):
    assert web_process["LOADED"] == "[]"
