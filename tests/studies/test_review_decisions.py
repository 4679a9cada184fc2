"""What a person decides on images: by name, of the very pixels, in a draft, for good."""

import hashlib
from functools import partial
from importlib import import_module

import numpy as np
import pytest
from django.apps import apps
from PIL import Image as PillowImage

from inference.current_results import predictions_of
from inference.models import Prediction
from readerstudy.audit.append_only import drop_triggers
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.imaging import Box
from readerstudy.reading import lifecycle
from readerstudy.studies import cohort_import
from readerstudy.studies.models import Case, Cohort, Image, ReferenceStandard, Study
from readerstudy.studies.review import approval, decisions
from readerstudy.studies.review.draft_reviews import DecisionNotPossible
from readerstudy.studies.review.models import CandidateFrame, ImageReview
from tests import factories
from tests.imaging.example_files import (
    RGB_DICOM,
    dicom_bytes,
    picture,
    region,
    source_files,
    write_folder,
)
from tests.worlds import shared

pytestmark = pytest.mark.django_db
BOX = Box(4, 2, 40, 36)


@shared
def study():
    """A draft that lacks nothing but the approval of its images."""
    study = factories.make_draft(cases=2)
    ImageReview.objects.update(state="pending", sha256="", decided_by="", decided_at=None)
    return study


@pytest.fixture
def image(study):
    return approval.images_with_reviews(study).first()


@pytest.fixture
def committed(django_capture_on_commit_callbacks):
    """A block after which what waits for the commit is done."""
    return partial(django_capture_on_commit_callbacks, execute=True)


def clip(frames: int, **elements) -> bytes:
    pixels = b"".join(picture(seed).tobytes() for seed in range(frames))
    return dicom_bytes(pixels, **RGB_DICOM, NumberOfFrames=frames, **elements)


@pytest.fixture
def clips(tmp_path, media_root):
    """A cohort of one case: a clip without a frame, and a picture without regions."""
    study = Study.objects.create(slug="clips", title="Clips")
    cohort = Cohort.objects.create(study=study, name="clips")
    files = source_files(1)
    bus, cdfi = (name for name in files if name.endswith(".png"))
    files[bus] = clip(3, SequenceOfUltrasoundRegions=[region(Box(0, 0, 40, 40))])
    files[cdfi] = clip(1)
    cohort_import.import_cohort(cohort=cohort, source=write_folder(tmp_path / "source", files))
    return study


def stored(image: Image) -> np.ndarray:
    return np.asarray(PillowImage.open(image.file.path))


def files(media_root) -> set[str]:
    return {path.relative_to(media_root).as_posix() for path in media_root.rglob("*.png")}


def seen(study: Study) -> dict[int, str]:
    return dict(approval.images_with_reviews(study).values_list("pk", "sha256"))


def test_nothing_opens_before_every_image_was_approved(study):
    factories.make_practice(study, cases=1)
    [practice] = ImageReview.objects.filter(state="approved", image__modality="bus")
    practice.state = "pending"
    practice.save()
    [testing, practice] = lifecycle.missing_to_open(study)
    assert testing.startswith("4 images of testing cases are not approved")
    assert practice.startswith("1 images of practice cases are not approved")
    with pytest.raises(lifecycle.StepNotPossible, match="not approved"):
        lifecycle.open_study(study, by="test")
    approval.approve(seen(study), study=study, by="ada")
    lifecycle.open_study(study, by="test")


def test_an_image_that_nothing_is_known_of_waits(study):
    factories.approve_images(study)
    assert lifecycle.missing_to_open(study) == []
    ImageReview.objects.first().delete()
    assert lifecycle.missing_to_open(study) == [
        "1 images of testing cases are not approved. Review them in the admin, under Cohorts, "
        "Review."
    ]


def test_training_images_may_wait(study):
    Cohort.objects.filter(study=study).update(role=Cohort.Role.TRAINING)
    assert approval.unapproved_image_reasons(study) == []


def test_no_model_runs_on_what_nobody_has_looked_at(study):
    """Or a case whose image is rejected then could not be removed, and the study never open."""
    with pytest.raises(lifecycle.StepNotPossible, match="not approved"):
        lifecycle.run_model(study, by="ada")
    assert not AuditEvent.objects.filter(action="study.run_model").exists()
    factories.approve_images(study)
    lifecycle.run_model(study, by="ada")
    assert AuditEvent.objects.filter(action="study.run_model").count() == 1


def test_an_approval_names_who_when_and_what(study, image):
    approval.approve({image.pk: image.sha256}, study=study, by="ada")
    image.review.refresh_from_db()
    assert (image.review.state, image.review.decided_by) == ("approved", "ada")
    assert image.review.sha256 == image.sha256
    assert image.review.decided_at is not None
    event = AuditEvent.objects.get(action="image.approve")
    assert (event.actor, event.study, event.detail) == ("ada", "study", {"images": [image.sha256]})


def test_an_approval_of_other_pixels_is_none(study, image):
    factories.approve_images(study)
    Image.objects.filter(pk=image.pk).update(sha256="0" * 64)
    assert "1 images of testing cases" in approval.unapproved_image_reasons(study)[0]


@pytest.mark.parametrize("fault", ["changed", "gone", "other study"])
def test_all_are_approved_or_none(study, fault):
    wrong = seen(study)
    first = min(wrong)
    if fault == "changed":
        wrong[first] = "0" * 64
    elif fault == "gone":
        wrong[10**8] = wrong.pop(first)
    else:
        other = factories.make_draft("other", cases=1, readers=())
        wrong |= seen(other)
    with pytest.raises(DecisionNotPossible):
        approval.approve(wrong, study=study, by="ada")
    assert not ImageReview.objects.filter(image__case__cohort__study=study, state="approved")
    assert not AuditEvent.objects.filter(action="image.approve").exists()


def test_a_crop_is_a_new_file_and_the_old_one_is_gone(study, image, media_root, committed):
    before, old = stored(image), image.file.name
    Image.objects.filter(pk=image.pk).update(mm_per_pixel=0.07)
    with committed():
        decisions.crop(image, Box(3, 0, 39, 32), seen=image.sha256, by="ada")
    after = Image.objects.get(pk=image.pk)
    assert np.array_equal(stored(after), before[:, 3:39])
    assert (after.width, after.height, after.mm_per_pixel) == (36, 32, 0.07)
    assert after.sha256 == hashlib.sha256(after.file.read()).hexdigest()
    assert after.file.name != old
    assert old not in files(media_root)
    assert len(files(media_root)) == Image.objects.count()
    assert after.review.state == "cropped"
    event = AuditEvent.objects.get(action="image.crop")
    assert event.detail["before"] == {"sha256": image.sha256, "width": 40, "height": 32}
    assert event.detail["after"] == {"sha256": after.sha256, "box": [3, 0, 39, 32]}
    assert lifecycle.missing_to_open(study)
    factories.approve_images(study)
    assert [r for r in lifecycle.missing_to_open(study) if "approved" in r] == []


def test_a_prediction_of_the_image_before_the_crop_fits_no_more(study, image):
    version = study.studymodel.model_version
    assert predictions_of([image.case], model_version=version)
    decisions.crop(image, Box(0, 0, 39, 32), seen=image.sha256, by="ada")
    assert Prediction.objects.filter(case=image.case).exists()
    assert predictions_of([image.case], model_version=version) == {}
    factories.approve_images(study)
    assert lifecycle.missing_to_open(study) == [
        "1 cases have no model result yet. Run the model first."
    ]


@pytest.mark.parametrize(
    "box",
    [
        *(Box(0, 0, 41, 32), Box(0, 0, 40, 33), Box(-1, 0, 40, 32)),
        *(Box(30, 0, 10, 32), Box(0, 0, 40, 31), Box(0, 0, 0, 0)),
    ],
)
def test_an_impossible_box_changes_nothing(image, box, media_root):
    before = files(media_root)
    with pytest.raises(DecisionNotPossible, match="must lie inside the image"):
        decisions.crop(image, box, seen=image.sha256, by="ada")
    assert files(media_root) == before
    assert Image.objects.get(pk=image.pk).sha256 == image.sha256


def test_a_box_drawn_on_another_picture_is_refused(image):
    with pytest.raises(DecisionNotPossible, match="changed since you viewed"):
        decisions.crop(image, Box(0, 0, 40, 32), seen="0" * 64, by="ada")


def test_a_crop_that_fails_leaves_no_file(image, media_root, monkeypatch):
    before = files(media_root)
    monkeypatch.setattr(decisions, "record", lambda *_args, **_kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        decisions.crop(image, Box(0, 0, 39, 32), seen=image.sha256, by="ada")
    assert files(media_root) == before
    assert Image.objects.get(pk=image.pk).sha256 == image.sha256


def test_what_has_no_region_is_cropped_by_hand_before_it_is_approved(clips):
    picture_ = approval.images_with_reviews(clips).get(modality="cdfi")
    assert picture_.review.needs_crop
    with pytest.raises(DecisionNotPossible, match="draw a box around the ultrasound first"):
        approval.approve({picture_.pk: picture_.sha256}, study=clips, by="ada")
    decisions.crop(picture_, BOX, seen=picture_.sha256, by="ada")
    cropped = approval.images_with_reviews(clips).get(modality="cdfi")
    approval.approve({cropped.pk: cropped.sha256}, study=clips, by="ada")


def test_a_clips_frame_is_chosen_before_it_is_approved(clips, media_root, committed):
    image = approval.images_with_reviews(clips).get(modality="bus")
    assert np.array_equal(stored(image), picture(1)[:, :41])  # the middle one, cut to its region
    assert [frame.number for frame in image.candidateframe_set.all()] == [1, 2, 3]
    with pytest.raises(DecisionNotPossible, match="choose a frame first"):
        approval.approve({image.pk: image.sha256}, study=clips, by="ada")
    with pytest.raises(DecisionNotPossible, match="no frame 4"):
        decisions.choose_frame(image, 4, by="ada")
    with committed():
        decisions.choose_frame(image, 3, by="ada")
    image = approval.images_with_reviews(clips).get(modality="bus")
    assert np.array_equal(stored(image), picture(2)[:, :41])
    assert not CandidateFrame.objects.exists()
    assert len(files(media_root)) == 2
    approval.approve({image.pk: image.sha256}, study=clips, by="ada")
    assert AuditEvent.objects.get(action="image.choose_frame").detail["after"]["frame"] == 3


def test_a_case_with_a_rejected_image_can_be_taken_out(clips, media_root, committed):
    image = approval.images_with_reviews(clips).get(modality="bus")
    with pytest.raises(DecisionNotPossible, match="Only a case with a rejected image"):
        decisions.remove_case(image.case, by="ada")
    with pytest.raises(DecisionNotPossible, match="Enter a reason"):
        decisions.reject(image, reason=" ", by="ada")
    decisions.reject(image, reason="two patients on it", by="ada")
    assert image.review.reason == "two patients on it"
    with committed():
        decisions.remove_case(image.case, by="ada")
    for model in (Case, Image, ImageReview, CandidateFrame, ReferenceStandard):
        assert not model.objects.exists(), model
    assert files(media_root) == set()
    assert AuditEvent.objects.filter(action="case.remove", actor="ada").count() == 1


def test_a_case_with_a_prediction_stays(study, image):
    decisions.reject(image, reason="blurred", by="ada")
    with pytest.raises(DecisionNotPossible, match="already has model results"):
        decisions.remove_case(image.case, by="ada")
    assert Image.objects.filter(pk=image.pk).exists()


def test_nothing_is_decided_once_the_study_is_under_way(study, image):
    factories.approve_images(study)
    lifecycle.open_study(study, by="test")
    for decide in (
        lambda: approval.approve({image.pk: image.sha256}, study=study, by="ada"),
        lambda: decisions.crop(image, Box(0, 0, 39, 32), seen=image.sha256, by="ada"),
        lambda: decisions.reject(image, reason="late", by="ada"),
        lambda: decisions.choose_frame(image, 1, by="ada"),
        lambda: decisions.remove_case(image.case, by="ada"),
    ):
        with pytest.raises(DecisionNotPossible, match="Its images can't be changed"):
            decide()


def test_only_drawn_images_come_approved(tmp_path, media_root):
    source = write_folder(tmp_path / "source", source_files(1))
    for slug, is_synthetic in (("real", False), ("drawn", True)):
        study = Study.objects.create(slug=slug, title=slug, is_synthetic=is_synthetic)
        cohort = Cohort.objects.create(study=study, name="internal")
        if not is_synthetic:
            with pytest.raises(ValueError, match="synthetic"):
                cohort_import.import_cohort(cohort=cohort, source=source, reviewed_by="ada")
            cohort_import.import_cohort(cohort=cohort, source=source)
            assert len(approval.unapproved_image_reasons(study)) == 1
        else:
            cohort_import.import_cohort(cohort=cohort, source=source, reviewed_by="ada")
            assert approval.unapproved_image_reasons(study) == []


def test_an_image_without_a_review_can_be_decided_on(study):
    case = factories.make_case(study.cohort_set.first(), "bare", Etiology.LYMPHOMA)
    ImageReview.objects.filter(image__case=case).delete()
    image = approval.images_with_reviews(study).filter(case=case).first()
    approval.approve({image.pk: image.sha256}, study=study, by="ada")
    assert ImageReview.objects.get(image=image).is_screened is False


@pytest.mark.parametrize(
    ("is_synthetic", "state", "expected"),
    [(False, "draft", "pending"), (True, "draft", "approved"), (False, "open", "approved")],
)
def test_images_from_before_there_was_a_review(study, is_synthetic, state, expected):
    """What is in use, or was drawn, is approved in the migration's name; the rest waits."""
    Study.objects.filter(pk=study.pk).update(is_synthetic=is_synthetic)
    ImageReview.objects.all().delete()
    migration = import_module("readerstudy.studies.migrations.0006_image_review")
    Study.objects.filter(pk=study.pk).update(state=state)
    drop_triggers(app_config=apps.get_app_config("cohorts"), using="default")
    migration.review_what_is_there(apps, None)
    found = ImageReview.objects.select_related("image")
    assert {review.state for review in found} == {expected}
    assert all(review.is_screened is False for review in found)
    if expected == "approved":
        assert all(review.sha256 == review.image.sha256 for review in found)
        assert {review.decided_by for review in found} == {"migration"}
