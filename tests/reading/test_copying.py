"""A copied study has all of the study's settings, and of its parts those that were asked for."""

from datetime import date
from pathlib import Path

import pytest
from django.db import models

from analysis.plan import Plan
from analysis.registration import register, registered_plan
from inference.models import Prediction, StudyModel
from readerstudy.audit.models import AuditEvent
from readerstudy.reading import copying, lifecycle
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.reading.models import Reader
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    Membership,
    Protocol,
    ReferenceStandard,
    Study,
)
from readerstudy.studies.review.models import (
    CandidateFrame,
    ImageFinding,
    ImageReview,
    ImageThumbnail,
    SimilarImages,
)
from readerstudy.studies.screening.models import Exclusion, Screening
from tests import factories
from tests.rules.walk import sign_in
from tests.worlds import shared

pytestmark = pytest.mark.django_db

# No settings: the study's own, or what came of it.
OWN = {
    Study: {"id", "slug", "title", "state", "created_at", "opened_at", "locked_at",
            "unblinded_at", "archived_at"},
    Protocol: {"id", "study", "seed", "frozen_at", "frozen_document", "frozen_sha256"},
    StudyModel: {"id", "study"},
    Cohort: {"id", "study"},
    Reader: {"id", "study"},
    Membership: {"id", "study"},
    Case: {"id", "cohort"},
    Image: {"id", "case", "file"},
    ReferenceStandard: {"id", "case"},
    ImageReview: {"id", "image"},
    ImageFinding: {"id", "image"},
    ImageThumbnail: {"id", "image"},
    SimilarImages: {"id", "first", "second"},
    CandidateFrame: {"id", "image", "file"},
    Screening: {"id", "study", "cohort"},
    Exclusion: {"id", "screening"},
}  # fmt: skip


@shared
def source():
    """A draft of which no setting has its default."""
    study = factories.make_draft(
        cases=3, washout_days=14, information="Read this.", confidence="percent", rates_aid=True,
        asks_profile=True, checks_display=True, session_minutes=40, stratify_by_cohort=True,
        stage_1_due=date(2027, 1, 2), stage_2_due=date(2027, 3, 4), unblinding_needs_two=True,
    )  # fmt: skip
    study.is_synthetic, study.notice = True, "Phantoms."
    study.save()
    factories.make_practice(study, cases=2)
    factories.make_investigator(study)
    image = Image.objects.filter(case__cohort__study=study).first()
    CandidateFrame.objects.create(image=image, number=3, file=image.file.name)
    factories.add_findings(study)
    cohort = study.cohort_set.first()
    screening = Screening.objects.create(study=study, cohort=cohort, screened=9, enrolled=2)
    screening.exclusion_set.create(position=1, reason="other", note="x", patients=7)
    return study


def copy(source: Study, *asked: str, **options) -> Study:
    return copying.copy_study(
        source, slug="copy", title="The copy", part_names=set(asked), by="somebody", **options
    )


def settings_of(row: models.Model) -> dict:
    """What of a row is to be found in its copy. A new field is one that is to be copied."""
    own = OWN[type(row)]
    return {
        field.name: field.value_from_object(row)
        for field in row._meta.concrete_fields
        if field.name not in own
    }


def all_settings(model, **of) -> list[dict]:
    """In an order that a study and its copy share."""
    return sorted((settings_of(row) for row in model.objects.filter(**of)), key=str)


def test_no_setting_of_the_protocol_has_its_default_here(source):
    """Or the tests below could not tell a copied setting from a forgotten one."""
    default = Protocol()
    plain = {"design", "plan_before_opening"}  # a washout is of this design alone; set by factories
    same = [
        name
        for name, value in settings_of(source.protocol).items()
        if value == settings_of(default)[name] and name not in plain
    ]
    assert same == []


def test_every_setting_is_copied(source):
    made = copy(source)
    assert settings_of(made) == settings_of(source)
    assert settings_of(made.protocol) == settings_of(source.protocol)
    assert settings_of(made.studymodel) == settings_of(source.studymodel)
    assert (made.slug, made.title, made.state) == ("copy", "The copy", "draft")
    for model in (Cohort, Reader, Membership):
        assert not model.objects.filter(study=made).exists()


@pytest.mark.parametrize(
    ("part", "model", "count"),
    [("cohorts", Cohort, 3), ("readers", Reader, 2), ("members", Membership, 1)],
)
def test_a_part_is_copied_field_by_field_if_it_is_asked_for(part, model, count, source):
    made = copy(source, part)
    copied = all_settings(model, study=made)
    assert len(copied) == count
    assert copied == all_settings(model, study=source)
    assert not Case.objects.filter(cohort__study=made).exists()


@pytest.mark.parametrize("asked", [{"cases", "truth"}, {"cohorts", "cases", "truth"}])
def test_cases_are_copied_with_images_and_truth(asked, source):
    made = copy(source, *asked)
    for model, path, count in (
        (Case, "cohort__study", 5), (Image, "case__cohort__study", 10),
        (ReferenceStandard, "case__cohort__study", 5),
        (ImageReview, "image__case__cohort__study", 10),
        (CandidateFrame, "image__case__cohort__study", 1),
        (ImageFinding, "image__case__cohort__study", 1),
        (ImageThumbnail, "image__case__cohort__study", 10),
        (SimilarImages, "second__case__cohort__study", 1),
        (Screening, "study", 1), (Exclusion, "screening__cohort__study", 1),
    ):  # fmt: skip
        found = all_settings(model, **{path: made})
        assert len(found) == count, model
        assert found == all_settings(model, **{path: source})
    for image in Image.objects.filter(case__cohort__study=made):
        twin = Image.objects.get(sha256=image.sha256, case__cohort__study=source)
        assert image.file.name != twin.file.name
        assert image.file.read() == twin.file.read()
        assert image.case.case_id == twin.case.case_id
        Path(image.file.path).unlink()
        assert Path(twin.file.path).exists()
    assert not Prediction.objects.filter(case__cohort__study=made).exists()


def test_the_truth_is_copied_with_its_cases_and_never_without_being_asked_for(source):
    made = copy(source, "cases")
    truths = ReferenceStandard.objects.filter(case__cohort__study=made)
    assert Case.objects.filter(cohort__study=made).count() == 5
    assert not truths.exists()
    assert "have no reference standard" in " ".join(lifecycle.missing_to_open(made))
    study = copying.copy_study(source, slug="bare", title="B", part_names={"truth"}, by="somebody")
    assert not Case.objects.filter(cohort__study=study).exists()


def test_who_may_not_see_the_truth_copies_none(source):
    """Or an investigator would unblind a copy of a study that is sealed, and so learn its truth."""
    ivan = sign_in("ivan")
    url = f"/admin/cohorts/study/{source.pk}/copy/"
    assert "Reference standards of these cases" not in ivan.get(url).content.decode()
    form = {"title": "Again", "slug": "again", "part_cases": "on", "part_truth": "on"}
    assert ivan.post(url, form).status_code == 302
    made = Study.objects.get(slug="again")
    assert Case.objects.filter(cohort__study=made).count() == 5
    assert not ReferenceStandard.objects.filter(case__cohort__study=made).exists()
    factories.make_user("root", is_staff=True, is_superuser=True)
    assert sign_in("root").post(url, form | {"slug": "whole"}).status_code == 302
    assert ReferenceStandard.objects.filter(case__cohort__study__slug="whole").count() == 5


def test_files_are_copied_where_they_cannot_be_linked(source, monkeypatch):
    def refuse(*_):
        raise OSError("not on this disk")

    monkeypatch.setattr("os.link", refuse)
    made = copy(source, "cases")
    assert all(image.file.read() for image in Image.objects.filter(case__cohort__study=made))


def test_a_missing_image_leaves_nothing_behind(source, media_root):
    Path(Image.objects.filter(case__cohort__study=source).last().file.path).unlink()
    files = set(media_root.rglob("*"))
    with pytest.raises(StepNotPossible, match=r"is missing\. Nothing was copied"):
        copy(source, "cases")
    assert not Study.objects.filter(slug="copy").exists()
    assert set(media_root.rglob("*")) == files


def test_the_copy_draws_from_a_seed_of_its_own_unless_told(source):
    assert copy(source).protocol.seed != source.protocol.seed
    same = copying.copy_study(
        source, slug="same", title="Same", part_names=set(), by="somebody", same_seed=True
    )
    assert same.protocol.seed == source.protocol.seed


def test_the_plan_is_registered_anew_if_it_is_asked_for(source):
    register(source, Plan(seed=9), by="ivan")
    assert registered_plan(copy(source)) is None
    made = copying.copy_study(source, slug="planned", title="P", part_names={"plan"}, by="irene")
    plan = registered_plan(made)
    assert plan.document == registered_plan(source).document
    assert plan.registered_by == "irene"


@pytest.mark.parametrize("state", ["open", "archived"])
def test_a_study_under_way_is_copied_as_a_draft(state):
    source = factories.make_open(cases=2)
    factories.read_all(source)
    if state == "archived":
        factories.finish(source)
        lifecycle.archive_study(source, by="test")
    source.refresh_from_db()
    made = copy(source, "cases", "truth", "readers")
    assert made.state == "draft"
    assert (made.opened_at, made.archived_at) == (None, None)
    assert (made.protocol.frozen_sha256, made.protocol.frozen_at) == ("", None)
    factories.choose_model(made, source.studymodel.model_version)
    assert "no model result yet" in lifecycle.missing_to_open(made)[0]


def test_copying_is_on_record(source):
    copy(source, "cohorts")
    event = AuditEvent.objects.get(action="study.copy")
    assert (event.actor, event.study) == ("somebody", "copy")
    assert event.detail == {"from": "study", "parts": ["cohorts"], "same_seed": False}


def test_an_investigator_copies_a_study_in_the_admin_and_investigates_the_copy(source):
    ivan = sign_in("ivan")
    url = f"/admin/cohorts/study/{source.pk}/copy/"
    assert "Cases with images" in ivan.get(url).content.decode()
    taken = {"title": "Again", "slug": "study", "part_cohorts": "on"}
    assert "already exists" in ivan.post(url, taken).content.decode()
    page = ivan.post(url, taken | {"slug": "again"}, follow=True).content.decode()
    assert "Again is a new draft" in page
    made = Study.objects.get(slug="again")
    assert made.cohort_set.count() == 3
    assert not made.reader_set.exists()
    own = Membership.objects.get(study=made)
    assert (own.user.username, own.role) == ("ivan", "investigator")


@pytest.mark.parametrize("role", ["data_manager", "auditor"])
def test_copying_is_for_those_who_have_the_right(role, source):
    user = factories.make_user("somebody")
    source.membership_set.create(user=user, role=role)
    url = f"/admin/cohorts/study/{source.pk}/copy/"
    form = {"title": "Again", "slug": "again"}
    assert sign_in("somebody").post(url, form).status_code == 403
    assert not Study.objects.filter(slug="again").exists()
