"""What may be false about a picture is told before it is imported, and answered by a person before
it is approved; so is a picture that stands in a study twice."""

import io
from pathlib import Path

import numpy as np
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from PIL import Image as PillowImage
from pydicom.encaps import encapsulate
from pydicom.uid import JPEGBaseline8Bit

from readerstudy.audit.models import AuditEvent
from readerstudy.imaging import open_source
from readerstudy.imaging.pixels import decode_rgb
from readerstudy.reading import lifecycle
from readerstudy.studies import cohort_import
from readerstudy.studies.imports.picture_summary import PictureSummary
from readerstudy.studies.models import Case, Cohort, Image, Study
from readerstudy.studies.read_cohort import iter_pixels, validate_manifest
from readerstudy.studies.review import approval, decisions, pair_decisions, similar_images
from readerstudy.studies.review.draft_reviews import DecisionNotPossible
from readerstudy.studies.review.models import ImageFinding, ImageThumbnail, SimilarImages
from tests.imaging.example_files import (
    RGB_DICOM,
    dicom_bytes,
    encoded,
    picture,
    region,
    source_files,
    write_folder,
)

pytestmark = pytest.mark.django_db
WHOLE = [region((0, 0, 47, 39))]
COLOURED = picture(3)  # hardly a grey pixel, so that its content proves nothing


def unmarked_jpeg(pixels: np.ndarray, *, converted: bool) -> bytes:
    """A DICOM file labelled RGB whose JPEG has three full components and no marker of colours."""
    image = PillowImage.fromarray(pixels)
    samples = np.asarray(image.convert("YCbCr")) if converted else pixels
    file = io.BytesIO()
    PillowImage.fromarray(samples, "RGB").save(
        file, "JPEG", quality=100, subsampling=0, keep_rgb=True
    )
    jpeg = file.getvalue()
    at = jpeg.index(b"\xff\xee")  # Pillow's Adobe marker
    jpeg = jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4]) :]
    for wrong, right in ((b"R\x11\0G\x11\0B\x11\0", b"\1\x11\0\2\x11\0\3\x11\0"),
                         (b"\3R\0G\0B\0", b"\3\1\0\2\0\3\0")):  # fmt: skip
        assert wrong in jpeg
        jpeg = jpeg.replace(wrong, right)
    return dicom_bytes(
        encapsulate([jpeg]), syntax=JPEGBaseline8Bit, **RGB_DICOM,
        SequenceOfUltrasoundRegions=WHOLE,
    )  # fmt: skip


def random_picture(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    image = PillowImage.fromarray(small).resize((48, 40), PillowImage.Resampling.BICUBIC)
    grey = image.convert("L").convert("RGB")  # tinted, as a machine tints: no Doppler
    return np.asarray(PillowImage.blend(grey, image, 0.3))


def sources(cases: int, changes: dict[str, bytes]) -> dict[str, bytes]:
    """Different pictures of every case, but for the changes: by name, as in case-001_bus."""
    files = source_files(cases)
    for seed, name in enumerate(name for name in files if name.endswith(".png")):
        files[name] = changes.get(Path(name).stem, encoded(random_picture(seed)))
    return files


@pytest.fixture
def study(media_root):
    return Study.objects.create(slug="study", title="Study")


@pytest.fixture
def bring(study, tmp_path):
    """Import cases with these changes into a cohort of this name."""

    def bring(cases: int = 2, name: str = "internal", role="internal_testing", **changes) -> Cohort:
        cohort, _ = Cohort.objects.get_or_create(study=study, name=name, role=role)
        changes = {key.replace("case_", "case-"): data for key, data in changes.items()}
        source = write_folder(tmp_path / name, sources(cases, changes))
        cohort_import.import_cohort(cohort=cohort, source=source)
        return cohort

    return bring


def image_of(case_id: str, modality: str, cohort: str = "internal") -> Image:
    return Image.objects.get(case__case_id=case_id, modality=modality, case__cohort__name=cohort)


def kinds(image: Image) -> list[str]:
    return list(image.findings.values_list("kind", flat=True))


def approve(image: Image, *answered: str) -> None:
    approval.approve(
        {image.pk: image.sha256}, study=image.case.cohort.study, by="ivan",
        answered={image.pk: answered},
    )  # fmt: skip


@pytest.mark.parametrize("converted", [False, True])
def test_colours_that_nothing_proves_are_chosen_by_a_person(converted, bring, study):
    bring(case_001_bus=unmarked_jpeg(COLOURED, converted=converted))
    image = image_of("case-001", "bus")
    assert kinds(image) == ["colours"]
    with pytest.raises(DecisionNotPossible, match="Choose its colours"):
        approve(image, "colours")
    changed = decisions.choose_colours(image, converted=converted, seen=image.sha256, by="ivan")
    shown = decode_rgb(Path(changed.file.path).read_bytes()).astype(int)
    assert np.abs(shown - COLOURED).max() <= 8  # the JPEG's own loss
    approve(changed)
    event = AuditEvent.objects.get(action="image.choose_colours")
    assert event.detail["after"]["converted"] is converted
    with pytest.raises(DecisionNotPossible, match="settled"):
        decisions.choose_colours(changed, converted=True, seen=changed.sha256, by="ivan")


@pytest.mark.parametrize(
    ("kind", "pixels"),
    [
        ("black", np.zeros((40, 48, 3), np.uint8)),
        ("flat", np.full((40, 48, 3), 90, np.uint8)),
        ("grey", np.repeat(random_picture(99)[..., :1], 3, axis=2)),
    ],
)
def test_an_empty_or_grey_doppler_picture_is_approved_only_once_answered(kind, pixels, bring):
    bring(case_001_cdfi=encoded(pixels))
    image = image_of("case-001", "cdfi")
    assert kinds(image) == [kind]
    with pytest.raises(DecisionNotPossible, match="Answer what was found"):
        approve(image)
    approve(image, kind)
    [finding] = image.findings.all()
    assert (finding.answered_by, finding.is_open) == ("ivan", False)
    event = AuditEvent.objects.get(action="image.approve")
    assert event.detail["findings"] == [f"{image}: {kind}"]


def test_oblong_pixels_are_made_square_and_that_is_told(bring):
    data = dicom_bytes(
        random_picture(5).tobytes(), **RGB_DICOM,
        SequenceOfUltrasoundRegions=[
            region((0, 0, 47, 39), PhysicalUnitsXDirection=3, PhysicalUnitsYDirection=3,
                   PhysicalDeltaX=0.01, PhysicalDeltaY=0.02)
        ],
    )  # fmt: skip
    bring(case_001_bus=data)
    image = image_of("case-001", "bus")
    assert (image.width, image.height, image.mm_per_pixel) == (48, 80, pytest.approx(0.1))
    [finding] = image.findings.all()
    assert "2 times higher" in finding.text
    approve(image)  # nothing is left to answer


def test_a_size_far_from_its_cohorts_is_a_finding(bring):
    small = random_picture(77)
    large = np.asarray(PillowImage.fromarray(small).resize((144, 120)))
    bring(6, case_002_bus=encoded(large))
    found = ImageFinding.objects.get(kind="size")
    assert found.image == image_of("case-002", "bus")
    assert "144 by 120 pixels; 48 by 40 is usual" in found.text


def test_after_a_crop_its_content_is_found_anew(bring):
    pixels = np.array(random_picture(4))
    pixels[:, :40] = 0
    bring(case_001_bus=encoded(pixels))
    image = image_of("case-001", "bus")
    assert kinds(image) == []
    box = decisions.Box(0, 0, 34, 40)
    cropped = decisions.crop(image, box, seen=image.sha256, by="ivan")
    assert kinds(cropped) == ["black"]


def jpeg(pixels: np.ndarray) -> bytes:
    return encoded(pixels, "JPEG", quality=75)


@pytest.mark.parametrize("again", [encoded, jpeg], ids=["same file", "encoded anew"])
@pytest.mark.parametrize(
    ("name", "role"), [("internal", "internal_testing"), ("practice", "practice")]
)
def test_a_picture_that_stands_twice_keeps_the_study_from_opening(again, name, role, bring, study):
    twice = random_picture(123)
    bring(2, case_001_bus=encoded(twice))
    if name == "internal":
        bring(2, "external", "external_testing", case_002_cdfi=again(twice))
        later = image_of("case-002", "cdfi", "external")
    else:
        bring(2, name, role, case_002_cdfi=again(twice))
        later = image_of("case-002", "cdfi", name)
    found = similar_images.pairs_of(study).get(second=later)
    assert found.first == image_of("case-001", "bus")
    assert found.is_same is (again is encoded)
    reasons = lifecycle.missing_to_open(study)
    assert any("seem to stand in the study twice" in reason for reason in reasons)
    with pytest.raises(DecisionNotPossible, match="Enter why"):
        pair_decisions.answer_similar(found, "  ", by="ivan")
    reasons = AuditEvent.objects.filter(action="image.similar")
    told = [pair for pair in similar_images.pairs_of(study)
            if pair.is_same and pair.is_told_in_practice]  # fmt: skip
    assert bool(told) is (name == "practice")
    for pair in similar_images.pairs_of(study):
        if pair not in told:
            pair_decisions.answer_similar(pair, "Two nodes of one patient.", by="ivan")
    for pair in told:
        with pytest.raises(DecisionNotPossible, match="told the answer"):
            pair_decisions.answer_similar(pair, "ok", by="ivan")
    waits = any("twice" in reason for reason in lifecycle.missing_to_open(study))
    assert waits is (name == "practice")
    assert reasons.count() == similar_images.pairs_of(study).count() - len(told)


def test_an_answer_is_withdrawn(bring, study):
    twice = encoded(random_picture(123))
    bring(2, case_001_bus=twice, case_002_bus=twice)
    [pair] = similar_images.pairs_of(study)
    with pytest.raises(DecisionNotPossible, match="Nobody"):
        pair_decisions.withdraw_answer(pair, by="ivan")
    pair_decisions.answer_similar(pair, "Two nodes of one patient.", by="ivan")
    pair_decisions.withdraw_answer(pair, by="ada")
    assert similar_images.unanswered_reasons(study)
    assert AuditEvent.objects.first().detail["withdrawn"] == "Two nodes of one patient."


def test_different_pictures_are_no_pair(bring, study):
    bring(8)
    assert not similar_images.pairs_of(study).exists()


def test_a_case_that_is_removed_takes_its_pairs_along(bring, study):
    twice = encoded(random_picture(123))
    bring(3, case_001_bus=twice, case_002_bus=twice, case_003_cdfi=twice)
    assert similar_images.pairs_of(study).count() == 2
    image = image_of("case-001", "bus")
    decisions.reject(image, reason="stands twice", by="ivan")
    decisions.remove_case(image.case, by="ivan")
    assert not SimilarImages.objects.filter(first=image.pk).exists()
    [pair] = similar_images.pairs_of(study)  # the two that are left are still the same
    assert (str(pair.first), str(pair.second)) == (
        str(image_of("case-002", "bus")), str(image_of("case-003", "cdfi")),
    )  # fmt: skip


def test_a_pair_outlasts_a_crop(bring, study):
    """Cropped otherwise, the two still show the same patient."""
    twice = encoded(random_picture(123))
    bring(2, case_001_bus=twice, case_002_bus=twice)
    for case, box in (("case-001", (0, 0, 32, 40)), ("case-002", (10, 0, 48, 36))):
        image = image_of(case, "bus")
        decisions.crop(image, decisions.Box(*box), seen=image.sha256, by="ivan")
    [pair] = similar_images.pairs_of(study)
    assert pair.is_same
    assert not pair.answered_by
    assert similar_images.unanswered_reasons(study)


def test_the_page_shows_some_pairs_at_a_time(admin_client, bring):
    same = encoded(random_picture(1))
    cohort = bring(15, **{f"case_{at:03}_{kind}": same for at in range(1, 16)
                          for kind in ("bus", "cdfi")})  # fmt: skip
    page = admin_client.get(f"/admin/cohorts/cohort/{cohort.pk}/images/").content.decode()
    assert page.count("The same, pixel for pixel, when they came.") == 20
    assert "The first 20 of 29 pairs are shown." in page


def test_images_that_came_before_are_compared_too(bring, study):
    twice = encoded(random_picture(123))
    bring(2, case_001_bus=twice)
    ImageThumbnail.objects.all().delete()
    bring(1, "external", "external_testing", case_001_cdfi=twice)
    assert similar_images.pairs_of(study).filter(is_same=True).exists()


def test_the_dry_run_tells_all_of_it(bring, study, tmp_path):
    twice = encoded(random_picture(123))
    bring(2, case_001_bus=twice)
    black = encoded(np.zeros((40, 48, 3), np.uint8))
    changes = {"case-001_bus": twice, "case-002_cdfi": black,
               "case-003_bus": unmarked_jpeg(COLOURED, converted=True),
               "case-001_cdfi": encoded(random_picture(500)),
               "case-004_bus": jpeg(random_picture(500))}  # fmt: skip
    summary = PictureSummary(study)
    with open_source(write_folder(tmp_path / "more", sources(4, changes))) as source:
        for case in iter_pixels(source, validate_manifest(source)):
            summary.add(case.row.case_id, "bus", case.bus)
            summary.add(case.row.case_id, "cdfi", case.cdfi)
    texts = summary.texts()
    assert "colours to choose: case-003 bus" in texts["to_look_at"]
    assert "black: case-002 cdfi" in texts["to_look_at"]
    assert "case-004 bus = case-001 cdfi" in texts["same_picture"]
    assert "case-001 bus = case-001 bus of cohort internal" in texts["same_picture"]
    assert Case.objects.filter(cohort__study=study).count() == 2


def test_the_page_shows_what_waits_and_takes_the_answers(admin_client, bring, study):
    twice = encoded(random_picture(123))
    cohort = bring(
        2, case_001_bus=unmarked_jpeg(COLOURED, converted=True), case_002_bus=twice,
        case_001_cdfi=twice,
    )  # fmt: skip
    address = f"/admin/cohorts/cohort/{cohort.pk}/images/"
    page = admin_client.get(address).content.decode()
    image = image_of("case-001", "bus")
    assert "The same picture twice?" in page
    assert "Which picture has the right colours?" in page
    other = admin_client.get(f"{address}{image.pk}-converted.png")
    assert np.abs(decode_rgb(other.content).astype(int) - COLOURED).max() <= 8
    form = {"decision": "colours", "image": image.pk, "colours": "converted"}
    admin_client.post(address, form | {"sha256": image.sha256})
    assert admin_client.get(f"{address}{image.pk}-converted.png").status_code == 404
    [pair] = similar_images.pairs_of(study)
    admin_client.post(address, {"decision": "similar", "pair": pair.pk, "answer": "One patient."})
    pair.refresh_from_db()
    assert (pair.answer, pair.answered_by) == ("One patient.", "admin")
    page = admin_client.get(address).content.decode()
    assert "The same picture twice?" not in page
    assert "Which picture" not in page


def test_the_page_asks_constantly_many_queries(admin_client, bring):
    black = encoded(np.zeros((40, 48, 3), np.uint8))
    counts = []
    for name, cases in (("few", 2), ("many", 6)):
        changes = {f"case_00{number}_cdfi": black for number in range(1, cases + 1)}
        cohort = bring(cases, name, **changes)
        address = f"/admin/cohorts/cohort/{cohort.pk}/images/"
        admin_client.get(address)
        with CaptureQueriesContext(connection) as queries:
            page = admin_client.get(address).content.decode()
        assert page.count("the image is right nevertheless") == cases
        counts.append(len(queries))
    assert counts[0] == counts[1]
