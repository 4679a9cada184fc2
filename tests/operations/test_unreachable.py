"""A service that does not answer: what was stored stays, and whoever asked reads what to do."""

import errno
import os

import pytest
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command

from inference import queue
from inference.models import InferenceJob
from readerstudy.accounts.models import User
from readerstudy.jobs import worker
from readerstudy.jobs.errors import WorkerBroken
from readerstudy.operations.failures_in_words import in_words
from readerstudy.reading import lifecycle
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Study
from tests import factories
from tests.servers import free_port

FORGOTTEN = "/accounts/password/forgotten/"


@pytest.fixture
def no_mail_server(settings):
    """Mail goes to a port at which nobody listens."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", free_port()


@pytest.fixture
def root(client):
    client.force_login(factories.make_user("root", is_staff=True, is_superuser=True))
    return client


@pytest.mark.django_db
def test_an_invitation_is_kept_and_the_page_says_how_to_send_it_again(root, no_mail_server):
    study = factories.make_draft("alpha", cases=0, readers=())
    invited = {"invite": "reader", "email": "new@example.org", "code": "R1", "years": 3,
               "group": "junior"}  # fmt: skip
    page = root.post(f"/admin/cohorts/study/{study.pk}/invite/", invited, follow=True)
    assert page.status_code == 200
    text = page.content.decode()
    assert "could not be sent" in text
    assert "Send it again" in text
    assert Reader.objects.get(study=study).user.email == "new@example.org"


@pytest.mark.django_db
def test_a_person_invited_to_the_site_is_kept_too(root, no_mail_server):
    page = root.post(
        "/admin/accounts/user/invite/", {"email": "new@example.org", "name": ""}, follow=True
    )
    assert "could not be sent" in page.content.decode()
    assert User.objects.filter(email="new@example.org").exists()


@pytest.mark.django_db
@pytest.mark.parametrize("email", ["anna@example.org", "nobody@example.org"])
def test_a_forgotten_password_without_mail_says_the_same_to_everybody(
    email, client, no_mail_server
):
    user = factories.make_user("anna")
    User.objects.filter(pk=user.pk).update(email="anna@example.org")
    page = client.post(FORGOTTEN, {"email": email})
    assert page.status_code == 200
    assert "The e-mail could not be sent. Try again later" in page.content.decode()
    assert mail.outbox == []


@pytest.mark.django_db
def test_alerts_that_cannot_be_mailed_say_so(no_mail_server, monkeypatch):
    study = factories.make_open("alpha", cases=1)
    factories.make_member(study, "ivan", "investigator")
    User.objects.filter(username="ivan").update(email="ivan@example.org")
    monkeypatch.setattr("analysis.management.commands.alerts.alerts_of", lambda *_: ["look"])
    with pytest.raises(CommandError, match=r"ivan@example.org could not be sent .*EMAIL_"):
        call_command("alerts", mail=True)


@pytest.mark.django_db
@pytest.mark.django_db
def test_a_device_that_is_not_there_fails_no_job(settings):
    factories.choose_model(factories.make_draft(cases=1), factories.make_model())
    [job] = lifecycle.queue_model(Study.objects.get())
    settings.INFERENCE_DEVICE = "cuda:99"
    with pytest.raises(ImproperlyConfigured, match="INFERENCE_DEVICE is cuda:99"):
        queue.KIND.require_usable()
    with pytest.raises(WorkerBroken, match="INFERENCE_DEVICE is cuda:99"):
        worker.run_jobs(queue.KIND, [job])
    [row] = InferenceJob.objects.all()
    assert (row.state, row.strikes) == ("queued", 0)


def test_a_full_disk_is_said_as_such():
    with pytest.raises(OSError) as full, open("/dev/full", "wb", buffering=0) as file:  # noqa: PT011
        file.write(b"x")
    assert full.value.errno == errno.ENOSPC
    assert "The disk is full" in in_words(full.value)
    assert in_words(OSError(errno.ENOENT, os.strerror(errno.ENOENT), "/x")).startswith("No such")
    assert in_words(KeyError("x")) is None
