"""A study's bundle, asked for and taken away in the browser."""

import hashlib
import zipfile
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.management import call_command
from django.utils import timezone

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.exchange.bundles import export_queue
from readerstudy.exchange.models import StudyExport
from readerstudy.studies.models import Membership
from tests import factories
from tests.exchange import studies
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def exports_root(settings, tmp_path):
    settings.EXPORTS_ROOT = tmp_path / "exports"
    return settings.EXPORTS_ROOT


@shared
def study():
    return studies.make_analysed()


@pytest.fixture
def root(study):
    factories.make_user("root", is_superuser=True, is_staff=True)
    return sign_in("root")


def page_of(study) -> str:
    return f"/admin/cohorts/study/{study.pk}/export/"


def test_a_bundle_is_asked_for_made_and_taken_away(study, root, django_capture_on_commit_callbacks):
    assert page_of(study) in root.get(f"/admin/cohorts/study/{study.pk}/change/").content.decode()
    started = []
    with (
        pytest.MonkeyPatch.context() as patch,
        django_capture_on_commit_callbacks(execute=True),
    ):
        patch.setattr("readerstudy.jobs.dispatch.start_child", started.append)
        root.post(page_of(study), {"with_images": "on"})
    assert started == ["export"]
    assert 'http-equiv="refresh"' in root.get(page_of(study)).content.decode()
    call_command("run_exports")
    row = StudyExport.objects.get()
    assert (row.state, row.with_images, row.with_names) == ("done", True, False)
    page = root.get(page_of(study)).content.decode()
    assert f"{page_of(study)}{row.pk}/" in page
    assert row.sha256 in page
    answer = root.get(f"{page_of(study)}{row.pk}/")
    content = b"".join(answer.streaming_content)
    assert hashlib.sha256(content).hexdigest() == row.sha256
    assert answer["Content-Disposition"] == 'attachment; filename="study.zip"'
    assert zipfile.ZipFile(BytesIO(content)).testzip() is None
    actions = AuditEvent.objects.filter(action__startswith="study.export", actor="root")
    assert set(actions.values_list("action", flat=True)) == {
        "study.export_ask", "study.export", "study.export_download",
    }  # fmt: skip


def test_two_clicks_make_one_bundle(study, root):
    for _ in range(2):
        root.post(page_of(study), {"with_images": "on", "with_names": "on"})
    assert StudyExport.objects.count() == 1


def test_a_new_bundle_takes_the_place_of_the_last(study, root, exports_root):
    for _ in range(2):
        root.post(page_of(study), {})
        call_command("run_exports")
    assert len(list(exports_root.iterdir())) == 1
    old, new = StudyExport.objects.order_by("pk")
    assert root.get(f"{page_of(study)}{old.pk}/").status_code == 404
    assert root.get(f"{page_of(study)}{new.pk}/").status_code == 200
    assert old.sha256 == new.sha256  # the same content makes the same bytes


def test_nothing_is_exported_before_the_unblinding(root):
    study = studies.make_draft("draft", cases=2)
    page = root.get(page_of(study)).content.decode()
    assert "once it is unblinded" in page
    assert "Create bundle" not in page
    root.post(page_of(study), {})
    assert StudyExport.objects.count() == 0
    # Nor by a row that came about otherwise.
    by = factories.make_user("late", is_superuser=True)
    StudyExport.objects.create(study=study, asked_by=by)
    call_command("run_exports")
    assert StudyExport.objects.get().state == "failed"


def test_an_investigator_takes_the_bundle_away_without_being_staff(study):
    ivan = sign_in("ivan")
    change = ivan.get(f"/admin/cohorts/study/{study.pk}/change/").content.decode()
    assert f'href="{page_of(study)}"' in change
    ivan.post(page_of(study), {"with_images": "on"})
    call_command("run_exports")
    row = StudyExport.objects.get()
    assert (row.state, row.asked_by.username) == ("done", "ivan")
    assert ivan.get(f"{page_of(study)}{row.pk}/").status_code == 200


@pytest.mark.parametrize("role", ["data_manager", "auditor"])
def test_no_other_member_exports(role, study):
    Membership.objects.create(study=study, user=factories.make_user("mara"), role=role)
    for address in (page_of(study), f"{page_of(study)}1/"):
        assert sign_in("mara").get(address).status_code == 403
        assert sign_in("mara").post(address).status_code == 403
    event = AuditEvent.objects.filter(action="study.export_access").first()
    assert (event.actor, event.outcome, event.study) == ("mara", "refused", "study")


def test_whoever_may_not_is_refused_and_recorded(study):
    clerk = factories.make_user("clerk", is_staff=True)
    for address in (page_of(study), f"{page_of(study)}1/"):
        assert sign_in("clerk").get(address).status_code == 403
        assert sign_in("clerk").post(address).status_code == 403
        event = AuditEvent.objects.first()
        assert (event.actor, event.outcome, event.target) == ("clerk", "refused", address)
    assert not export_queue.may_export(clerk, study)
    assert export_queue.may_export(User.objects.get(username="ivan"), study)
    assert not export_queue.may_export(User.objects.get(username="anna"), study)


def test_a_failure_is_told(study, root, media_root):
    for image in (media_root / "images").iterdir():
        image.unlink()
    root.post(page_of(study), {"with_images": "on"})
    call_command("run_exports")
    assert "Restore it from a backup" in root.get(page_of(study)).content.decode()


def test_an_export_whose_process_died_ends(study, root, settings):
    root.post(page_of(study), {})
    silent = timezone.now() - timedelta(seconds=settings.ANALYSIS_STALE_SECONDS + 1)
    StudyExport.objects.update(state="running", strikes=1, heartbeat_at=silent)
    assert export_queue.ExportQueue.died in root.get(page_of(study)).content.decode()
    assert StudyExport.objects.get().state == "failed"


def test_another_studys_bundle_is_not_here(study, root):
    other = factories.make_draft("other")
    root.post(page_of(study), {})
    call_command("run_exports")
    assert root.get(f"{page_of(other)}{StudyExport.objects.get().pk}/").status_code == 404
