"""`check_images`: what a study holds already, looked over again."""

import hashlib
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command

from readerstudy.imaging.pixels import encode_png
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Image
from readerstudy.studies.review import decisions, similar_images
from readerstudy.studies.review.models import ImageFinding, SimilarImages
from tests import factories
from tests.studies.test_picture_findings import (  # noqa: F401 (fixtures)
    approve,
    bring,
    image_of,
    random_picture,
    sources,
    study,
)

pytestmark = pytest.mark.django_db


def said(*arguments: str) -> tuple[list[str], str]:
    """(lines of its output, its last word where it found something)."""
    output, ending = StringIO(), ""
    try:
        call_command("check_images", "study", *arguments, stdout=output)
    except CommandError as error:
        ending = str(error)
    return output.getvalue().splitlines(), ending


def replace_stored(image: Image, pixels: np.ndarray) -> None:
    """As an earlier release stored it."""
    png = encode_png(pixels)
    with open(image.file.path, "wb") as file:
        file.write(png)
    image.sha256 = hashlib.sha256(png).hexdigest()
    image.save()


def test_images_that_are_as_their_source_gives_them(bring, tmp_path):  # noqa: F811
    bring(2)
    image = image_of("case-001", "bus")
    decisions.crop(image, decisions.Box(2, 2, 40, 38), seen=image.sha256, by="ivan")
    lines, ending = said("--cohort", "internal", "--source", str(tmp_path / "internal"))
    assert (ending, lines) == ("", ["Nothing is left to look at, of what can be known here."])


def test_one_that_comes_out_otherwise_today_is_named(bring, tmp_path):  # noqa: F811
    bring(2)
    image = image_of("case-001", "bus")
    replace_stored(image, random_picture(0)[..., ::-1])
    lines, ending = said("--cohort", "internal", "--source", str(tmp_path / "internal"))
    assert lines == [f"{image}: today its file gives another picture"]
    assert ending.startswith("1 thing ")


def test_one_that_is_refused_today_is_named(bring, tmp_path):  # noqa: F811
    bring(2)
    (tmp_path / "internal" / "images" / "case-002_cdfi.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    lines, _ending = said("--cohort", "internal", "--source", str(tmp_path / "internal"))
    assert "today its file is refused" in lines[0]


def test_without_a_source_it_says_what_cannot_be_known(bring):  # noqa: F811
    bring(2)
    lines, ending = said()
    assert "4 images have no source here any more" in lines[-2]
    assert "can't be known" in lines[-2]
    assert (lines[-1], ending) == ("Nothing is left to look at, of what can be known here.", "")


def test_a_folder_of_the_server_is_found_again(bring, study, tmp_path, settings):  # noqa: F811
    cohort = bring(2)
    settings.IMPORT_ROOTS = [tmp_path]
    user = factories.make_user("dana")
    ImportJob.objects.create(
        study=study, cohort=cohort, kind="cases_truth", label="internal",
        path=str(tmp_path / "internal"), is_folder=True, created_by=user, confirmed_by=user,
        state="done", finished_at="2026-01-01T00:00Z",
    )  # fmt: skip
    assert said() == (["Nothing is left to look at, of what can be known here."], "")


def test_what_an_earlier_release_stored_waits_for_an_answer(bring, study):  # noqa: F811
    bring(2)
    for image in Image.objects.all():
        approve(image)
    black, twin = image_of("case-001", "cdfi"), image_of("case-002", "bus")
    replace_stored(black, np.zeros((40, 48, 3), np.uint8))
    approve(black)
    replace_stored(twin, random_picture(0))
    similar_images.forget([twin])
    lines, _ending = said()
    assert f"{black}: The picture is black, or nearly so." in lines
    assert ImageFinding.objects.get(image=black).is_open
    black.review.refresh_from_db()
    assert black.review.state == "pending"
    assert SimilarImages.objects.get(second=twin).is_same
    again, _ending = said()
    assert sorted(again) == sorted(lines)
    assert ImageFinding.objects.count() == 1


def test_a_study_under_way_is_only_told_of():
    study = factories.make_open(cases=2)  # noqa: F811
    output = StringIO()
    call_command("check_images", study.slug, stdout=output)
    assert "can't be known" in output.getvalue()
    assert not ImageFinding.objects.filter(image__case__cohort__study=study).exists()


def test_it_names_a_study_or_cohort_that_is_not_there():
    with pytest.raises(CommandError, match="no study"):
        call_command("check_images", "none")
    factories.make_draft(cases=1)
    with pytest.raises(CommandError, match="Name the cohort"):
        call_command("check_images", "study", "--source", "/nowhere")
