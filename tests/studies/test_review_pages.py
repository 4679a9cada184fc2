"""The admin's pages for looking at a cohort's images."""

import hashlib
import io
import re

import numpy as np
import pytest
from django.contrib.auth.models import Permission
from PIL import Image as PillowImage

from readerstudy.audit.models import AuditEvent
from readerstudy.reading import lifecycle
from readerstudy.studies import cohort_import
from readerstudy.studies.models import Case, Cohort, Image, Membership, Study
from readerstudy.studies.review.models import CandidateFrame, ImageReview
from readerstudy.studies.review.pages import IMAGES_A_PAGE
from tests import factories
from tests.imaging.example_files import (
    RGB_DICOM,
    dicom_bytes,
    picture,
    region,
    source_files,
    write_folder,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def cohort(tmp_path, media_root):
    """Two cases; the first has a clip without a frame and a picture without regions."""
    study = Study.objects.create(slug="study", title="Study")
    cohort = Cohort.objects.create(study=study, name="internal")
    files = source_files(2)
    bus, cdfi, *_ = (name for name in files if name.endswith(".png"))
    frames = b"".join(picture(seed).tobytes() for seed in range(3))
    files[bus] = dicom_bytes(
        frames, **RGB_DICOM, NumberOfFrames=3,
        SequenceOfUltrasoundRegions=[region((0, 0, 47, 39))],
    )  # fmt: skip
    files[cdfi] = dicom_bytes(picture().tobytes(), **RGB_DICOM, BurnedInAnnotation="YES")
    cohort_import.import_cohort(cohort=cohort, source=write_folder(tmp_path / "source", files))
    return cohort


def address(cohort: Cohort, rest: str = "") -> str:
    return f"/admin/cohorts/cohort/{cohort.pk}/images/{rest}"


def image_of(case_id: str, modality: str) -> Image:
    return Image.objects.get(case__case_id=case_id, modality=modality)


def decide(client, cohort, decision: str, **said):
    return client.post(address(cohort), {"decision": decision, **said}, follow=True)


def said(response) -> list[str]:
    return [str(message) for message in response.context["messages"]]


def test_the_queue_says_what_each_image_waits_for(admin_client, cohort):
    page = admin_client.get(address(cohort)).content.decode()
    assert page.count("data-image>") == 4
    assert "Choose a frame of this clip" in page
    assert page.count('type="radio" name="number"') == 3
    assert "does not say which part of the picture is ultrasound" in page
    assert "According to the file, its pixels show the patient&#x27;s identity." in page
    # Those that need a frame or a box have no tick.
    assert page.count('type="checkbox" name="seen"') == 2


def test_suspected_text_is_outlined_where_it_stands(admin_client, cohort):
    ImageReview.objects.update(suspected=[[4, 6, 40, 20]])
    page = admin_client.get(address(cohort)).content.decode()
    assert page.count('<rect class="suspected" x="4" y="6" width="36" height="14"/>') == 4
    assert page.count("Text is suspected in 1 place.") == 4


def test_the_preview_is_the_stored_picture_and_nobody_keeps_it(admin_client, cohort):
    image = image_of("case-002", "bus")
    response = admin_client.get(address(cohort, f"{image.pk}.png"))
    assert hashlib.sha256(response.getvalue()).hexdigest() == image.sha256
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Type"] == "image/png"
    assert "images/" not in str(dict(response.items()))
    frame = CandidateFrame.objects.get(number=3)
    png = admin_client.get(f"/admin/cohorts/cohort/{cohort.pk}/frames/{frame.pk}.png").getvalue()
    assert np.array_equal(np.asarray(PillowImage.open(io.BytesIO(png))), picture(2))


def test_an_image_is_found_under_its_own_cohort_alone(admin_client, cohort):
    other = Cohort.objects.create(study=cohort.study, name="other")
    image, frame = Image.objects.first(), CandidateFrame.objects.first()
    assert admin_client.get(address(other, f"{image.pk}.png")).status_code == 404
    wrong = f"/admin/cohorts/cohort/{other.pk}/frames/{frame.pk}.png"
    assert admin_client.get(wrong).status_code == 404
    assert admin_client.get("/admin/cohorts/cohort/99999/images/").status_code == 404
    for decision in ("crop", "frame", "reject", "remove"):
        answer = decide(admin_client, other, decision, image=image.pk, number="1", reason="x",
                        left="0", top="0", right="40", bottom="40", sure="on")  # fmt: skip
        assert said(answer) == ["This image no longer exists. Reload the page."]
    answer = decide(admin_client, other, "approve", seen=f"{image.pk}:{image.sha256}")
    assert said(answer) == ["One of these images does not belong to this cohort."]
    assert ImageReview.objects.exclude(state="pending").count() == 0


def test_from_the_queue_to_a_cohort_without_one(admin_client, cohort):
    clip, plain = image_of("case-001", "bus"), image_of("case-001", "cdfi")
    decide(admin_client, cohort, "frame", image=clip.pk, number="3")
    box = {"left": "2", "top": "1", "right": "44", "bottom": "39"}
    decide(admin_client, cohort, "crop", image=plain.pk, sha256=plain.sha256, **box)
    page = admin_client.get(address(cohort)).content.decode()
    assert "Cropped by hand: review the result" in page
    ticks = re.findall(r'name="seen" form="approval" value="([^"]+)"', page)
    assert len(ticks) == 4
    assert said(decide(admin_client, cohort, "approve", seen=ticks)) == ["4 images approved."]
    assert "There are no images here." in admin_client.get(address(cohort)).content.decode()
    approved = admin_client.get(address(cohort) + "?show=approved").content.decode()
    assert approved.count("data-image>") == 4
    assert set(ImageReview.objects.values_list("decided_by", flat=True)) == {"admin"}
    actions = AuditEvent.objects.filter(action__startswith="image.").values_list("action", "actor")
    assert set(actions) == {
        (f"image.{action}", "admin") for action in ("choose_frame", "crop", "approve")
    }


def test_an_image_that_changed_since_is_not_approved(admin_client, cohort):
    image = image_of("case-002", "bus")
    answer = decide(admin_client, cohort, "approve", seen=f"{image.pk}:{'0' * 64}")
    [message] = said(answer)
    assert "changed since you viewed" in message
    event = AuditEvent.objects.filter(action="image.review").get()
    assert (event.outcome, event.actor, event.study) == ("refused", "admin", "study")


@pytest.mark.parametrize(
    ("decision", "values", "words"),
    [
        ("", {}, "Choose a decision."),
        ("approve", {}, "Tick the images that you have reviewed."),
        ("approve", {"seen": "x:y"}, "Enter the image as a whole number."),
        ("crop", {"left": "1.5"}, "Enter the left as a whole number."),
        ("crop", {"left": "0", "top": "0", "right": "9999", "bottom": "30"}, "must lie inside"),
        ("crop", {"left": "0", "top": "0", "right": "10", "bottom": "10"}, "must lie inside"),
        ("frame", {"number": "-1"}, "Enter the frame as a whole number."),
        ("frame", {"number": "1"}, "There is no frame 1 to choose."),
        ("reject", {"reason": " "}, "Enter a reason for the rejection."),
        ("reject", {"reason": "a\0b"}, "without control characters"),
        ("reject", {"reason": "a\u202eb"}, "without control characters"),
        ("reject", {"reason": "a" * 201}, "at most 200 characters"),
        ("remove", {}, "Tick that the case is to be removed for good."),
        ("withdraw_rejection", {}, "is not rejected."),
        ("remove", {"sure": "on"}, "Only a case with a rejected image can be removed here."),
    ],
)
def test_nonsense_is_refused_in_plain_words(admin_client, cohort, decision, values, words):
    image = image_of("case-002", "bus")
    values = {"image": image.pk, "sha256": image.sha256} | values
    [message] = said(decide(admin_client, cohort, decision, **values))
    assert words in message
    assert not ImageReview.objects.exclude(state="pending").exists()


def test_a_rejected_image_leads_to_the_removal_of_its_case(admin_client, cohort):
    image = image_of("case-002", "bus")
    decide(admin_client, cohort, "reject", image=image.pk, reason="two patients")
    page = admin_client.get(address(cohort)).content.decode()
    assert "two patients" in page
    assert "Remove this case from the study" in page
    ticks = f"{image.pk}:{image.sha256}"
    assert ticks not in page
    [refusal] = said(decide(admin_client, cohort, "approve", seen=ticks))
    assert "Withdraw the rejection first" in refusal
    [refusal] = said(decide(admin_client, cohort, "remove", image=image.pk))
    assert refusal.startswith("Tick that the case is to be removed")
    decide(admin_client, cohort, "remove", image=image.pk, sure="on")
    assert list(Case.objects.values_list("case_id", flat=True)) == ["case-001"]


def test_a_long_queue_comes_in_pages(admin_client, tmp_path, media_root):
    study = Study.objects.create(slug="long", title="Long")
    cohort = Cohort.objects.create(study=study, name="internal")
    source = write_folder(tmp_path / "source", source_files(IMAGES_A_PAGE // 2 + 1))
    cohort_import.import_cohort(cohort=cohort, source=source)
    first = admin_client.get(address(cohort)).content.decode()
    assert first.count("data-image>") == IMAGES_A_PAGE
    assert "Page 1 of 2." in first
    last = admin_client.get(address(cohort) + "?page=2").content.decode()
    assert last.count("data-image>") == 2


def test_who_may_only_look_decides_nothing(client, cohort):
    clerk = factories.make_user("clerk", is_staff=True)
    client.force_login(clerk)
    assert client.get(address(cohort)).status_code == 403
    clerk.user_permissions.add(Permission.objects.get(codename="view_cohort"))
    page = client.get(address(cohort)).content.decode()
    assert "you lack the permission" in page
    assert '<form method="post" id="approval"' not in page
    assert client.post(address(cohort), {"decision": "approve"}).status_code == 403


@pytest.mark.parametrize(
    ("role", "decides"), [("data_manager", True), ("investigator", False), ("auditor", False)]
)
def test_of_a_studys_members_its_data_manager_decides(client, cohort, role, decides):
    member = factories.make_user("member")
    Membership.objects.create(study=cohort.study, user=member, role=role)
    client.force_login(member)
    image = image_of("case-002", "bus")
    assert client.get(address(cohort, f"{image.pk}.png")).status_code == 200
    page = client.get(address(cohort)).content.decode()
    assert ("you lack the permission" not in page) is decides
    answer = decide(client, cohort, "approve", seen=f"{image.pk}:{image.sha256}")
    assert answer.status_code == (200 if decides else 403)
    assert ImageReview.objects.filter(state="approved").exists() is decides


def test_a_member_of_another_study_finds_nothing(client, cohort):
    other = factories.make_draft("other", cases=1, readers=())
    member = factories.make_user("member")
    Membership.objects.create(study=other, user=member, role="data_manager")
    client.force_login(member)
    for rest in ("", f"{Image.objects.filter(case__cohort=cohort).first().pk}.png"):
        assert client.get(address(cohort, rest)).status_code == 404
    assert client.post(address(cohort), {"decision": "approve"}).status_code == 404


def test_a_study_under_way_can_be_looked_at_alone(admin_client):
    study = factories.make_open(cases=1)
    page = admin_client.get(address(study.cohort_set.first()) + "?show=all").content.decode()
    assert page.count("data-image>") == 2
    assert "you lack the permission, or the study is no longer a draft" in page
    assert admin_client.post(address(study.cohort_set.first())).status_code == 403
    assert study.state == lifecycle.State.OPEN


def test_the_list_of_cohorts_leads_there(admin_client, cohort):
    page = admin_client.get("/admin/cohorts/cohort/").content.decode()
    assert f'<a href="{address(cohort)}">Review</a>' in page


def test_the_number_of_queries_is_that_of_a_page(
    admin_client, tmp_path, media_root, django_assert_max_num_queries
):
    study = Study.objects.create(slug="long", title="Long")
    cohort = Cohort.objects.create(study=study, name="internal")
    cohort_import.import_cohort(
        cohort=cohort, source=write_folder(tmp_path / "source", source_files(6))
    )
    with django_assert_max_num_queries(13):
        admin_client.get(address(cohort))
