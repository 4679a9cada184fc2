"""While the message broker is down, buttons and commands queue their work, and say so at once."""

import logging
import time
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import transaction
from django.test import Client

from analysis.models import AnalysisRun
from inference.models import InferenceJob
from readerstudy.celery import app
from readerstudy.exchange.models import StudyExport
from readerstudy.jobs.broker import BROKER_DOWN, send
from readerstudy.jobs.tasks import reap
from readerstudy.studies.imports import queue
from readerstudy.studies.models import Cohort, Study
from tests import factories
from tests.imaging.example_files import source_files, write_zip
from tests.rules.walk import sign_in
from tests.servers import free_port
from tests.studies.importing import press, upload, work_off

pytestmark = pytest.mark.django_db
PATIENCE_SECONDS = 10


@pytest.fixture(autouse=True)
def broker_down(settings, monkeypatch):
    """What is sent on commit is sent at once: a test's transaction is never committed."""
    settings.CELERY_BROKER_URL = f"redis://127.0.0.1:{free_port()}/0"
    monkeypatch.setattr(app.conf, "broker_url", settings.CELERY_BROKER_URL)
    monkeypatch.setattr(transaction, "on_commit", lambda callback, **_options: callback())


@pytest.fixture
def root():
    factories.make_user("root", is_superuser=True, is_staff=True)
    return sign_in("root")


def page_after(client: Client, address: str, **form: str) -> str:
    """The page that a button leads to."""
    answer = client.post(address, form)
    assert answer.status_code == 302
    return client.get(answer["Location"]).content.decode()


def test_sending_gives_up_soon_and_is_one_line_in_the_log(caplog):
    began = time.monotonic()
    with caplog.at_level(logging.WARNING, logger="readerstudy.jobs.broker"):
        assert not send(reap, [("analysis",), ("analysis",)], queue="analysis")
    assert time.monotonic() - began < PATIENCE_SECONDS
    [line] = caplog.records
    assert BROKER_DOWN in line.getMessage()
    assert line.exc_info is None


def test_running_the_model(root):
    draft = factories.make_draft(cases=2)
    factories.choose_model(draft, factories.make_model())
    assert BROKER_DOWN in page_after(root, f"/admin/cohorts/study/{draft.pk}/run-model/")
    assert InferenceJob.objects.filter(state="queued").count() == 2


def test_running_the_model_by_command():
    factories.choose_model(factories.make_draft(cases=2), factories.make_model())
    told, warned = StringIO(), StringIO()
    call_command("study", "study", "run-model", stdout=told, stderr=warned)
    assert "the model jobs are queued" in told.getvalue()
    assert warned.getvalue() == f"{BROKER_DOWN}\n"


def test_an_analysis_and_an_export(root):
    study = factories.make_open(cases=2)
    factories.read_all(study)
    factories.finish(study)
    factories.make_investigator(study)
    assert BROKER_DOWN in page_after(sign_in("ivan"), "/results/study/runs/")
    assert AnalysisRun.objects.get().state == "queued"
    page = page_after(root, f"/admin/cohorts/study/{study.pk}/export/", with_images="on")
    assert BROKER_DOWN in page
    assert StudyExport.objects.get().state == "queued"


def test_an_import(root, tmp_path):
    study = Study.objects.create(slug="study", title="Study")
    cohort = Cohort.objects.create(study=study, name="internal")
    answer = upload(root, cohort, write_zip(tmp_path / "made.zip", source_files(2)).read_bytes())
    assert BROKER_DOWN in root.get(answer["Location"]).content.decode()
    job = work_off()
    assert job.can_be_imported
    assert BROKER_DOWN in press(root, job).content.decode()
    assert queue.KIND.queue.waiting() == [job.pk]
