"""The admin's page for an import: a form, and every problem in the page."""

import pytest
from django.contrib.auth.models import Permission
from django.core.files.uploadedfile import SimpleUploadedFile

from inference import admin as pages
from inference.models import StudyModel
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Study
from tests import factories
from tests.imaging.example_files import write_zip
from tests.inference.prediction_files import (
    NAME,
    external,
    files_for,
    nothing_was_imported,
    rows_for,
)
from tests.worlds import shared

pytestmark = pytest.mark.django_db
draft = shared(factories.make_draft)  # three testing cases in two cohorts
LIST = "/admin/inference/modelversion/"
PAGE = LIST + "import-predictions/"


@pytest.fixture
def send(client, tmp_path):
    """A function that uploads files for a study, as an admin, and returns the answer."""
    client.force_login(factories.make_user("admin", is_staff=True, is_superuser=True))

    def send(study: Study, files: dict[str, bytes], **fields):
        packed = write_zip(tmp_path / "b.zip", files).read_bytes()
        form = {"study": study.pk, "threshold": "0.3", **NAME}
        archive = SimpleUploadedFile("theirs.zip", packed)
        return client.post(PAGE, form | {"archive": archive} | fields, follow=True)

    return send


def test_an_upload_is_imported_and_said_so(draft, send):
    response = send(draft, files_for(rows_for(draft, heatmaps=False)))
    assert response.redirect_chain == [(LIST, 302)]
    page = response.content.decode()
    assert "3 predictions were imported as Their CLA-HDM 2.1 (predictions imported)." in page
    assert "3 of 3 cases have no heatmaps" in page
    assert StudyModel.objects.get(study=draft).model_version == external()
    assert external().threshold == 0.3
    assert AuditEvent.objects.get(action="model.import_predictions").actor == "admin"


def test_problems_are_listed_in_the_page_and_what_was_typed_stays(draft, send):
    rows = rows_for(draft)
    rows[0]["p_malignant"] = "<script>alert(1)</script>"
    rows[1]["level1_bus"] = "nowhere.png"
    response = send(draft, files_for(rows_for(draft)) | {
        "predictions.csv": files_for(rows)["predictions.csv"]
    })  # fmt: skip
    page = response.content.decode()
    assert response.status_code == 200
    assert "Nothing was imported. 2 problems:" in page
    assert "predictions.csv, row 2, column p_malignant: &quot;&lt;script&gt;" in page
    assert "no file &quot;nowhere.png&quot; in &quot;theirs.zip&quot;" in page
    assert 'value="Their CLA-HDM"' in page
    assert nothing_was_imported()


def test_of_very_many_problems_the_first_are_shown(draft, send, monkeypatch):
    monkeypatch.setattr(pages, "PROBLEMS_SHOWN", 2)
    rows = [row | {"p_malignant": "x"} for row in rows_for(draft, heatmaps=False)]
    page = send(draft, files_for(rows)).content.decode()
    assert "3 problems, of which the first 2 are listed:" in page
    assert page.count("is not a probability") == 2


def test_what_is_no_archive_is_refused_by_its_own_name(draft, send):
    page = send(draft, {}, archive=SimpleUploadedFile("x.zip", b"no archive")).content.decode()
    assert "x.zip: is not a ZIP archive" in page
    assert nothing_was_imported()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"threshold": "1.5"}, "less than or equal to 1"),
        ({"threshold": "nan"}, "Enter a number"),
        ({"name": ""}, "required"),
        ({"name": "n" * 65}, "at most 64 characters"),
        ({"archive": ""}, "required"),
    ],
)
def test_a_form_that_is_wrong_is_marked(draft, send, fields, words):
    page = send(draft, files_for(rows_for(draft)), **fields).content.decode()
    assert words in page
    assert "Please correct the errors below" in page
    assert nothing_was_imported()


def test_an_upload_that_is_too_large_is_not_opened(draft, send, monkeypatch):
    monkeypatch.setattr(pages, "MAX_UPLOAD_BYTES", 100)
    assert "The file is larger than" in send(draft, files_for(rows_for(draft))).content.decode()
    assert nothing_was_imported()


def test_only_drafts_are_offered_and_taken(draft, send, client):
    lifecycle.open_study(draft, by="test")
    other = factories.make_draft("other", cases=1)
    page = client.get(PAGE).content.decode()
    assert other.title in page
    assert f">{draft.title}<" not in page
    answer = send(draft, files_for(rows_for(draft))).content.decode()
    assert "not one of the available choices" in answer
    assert nothing_was_imported()


def test_it_takes_the_right_to_add_a_model_and_the_right_to_change_a_study(client, draft):
    clerk = factories.make_user("clerk", is_staff=True)
    rights = ["view_modelversion", "add_modelversion", "change_study"]
    for held in range(4):
        clerk.user_permissions.set(Permission.objects.filter(codename__in=rights[:held]))
        client.force_login(clerk)
        for answer in (client.get(PAGE), client.post(PAGE, {})):
            assert answer.status_code == (200 if held == 3 else 403)
        if held:
            button = f'href="{PAGE}"' in client.get(LIST).content.decode()
            assert button is (held == 3)


def test_the_version_s_own_page_says_where_it_comes_from(draft, send, client):
    send(draft, files_for(rows_for(draft)))
    page = client.get(f"{LIST}{external().pk}/change/").content.decode()
    assert external().sha256 in page
    assert "predictions made elsewhere and imported" in page
    assert client.post(f"{LIST}{external().pk}/delete/", {"post": "yes"}).status_code == 403
