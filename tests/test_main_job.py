"""The whole walk on real ultrasound files: import, run the model, open, read twice, analyse.

The files are the DICOM ultrasound examples that pydicom ships: RGB, palette, YBR_FULL_422 JPEG
multi-frame and JPEG 2000.
"""

import csv
import io
import shutil
from uuid import uuid4

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from PIL import Image as PillowImage
from pydicom import examples

from inference.models import Heatmap, InferenceJob, ModelVersion, Prediction, StudyModel
from readerstudy.diagnosis import Etiology
from readerstudy.imaging import Box
from readerstudy.reading.models import Reader, Reading
from readerstudy.studies.models import Cohort, Image, Protocol, Study
from readerstudy.studies.review.approval import images_with_reviews
from readerstudy.studies.review.decisions import crop
from readerstudy.studies.review.pair_decisions import answer_similar
from readerstudy.studies.review.similar_images import pairs_of
from tests import factories
from tests.imaging.example_files import manifest_row, manifest_text

pytestmark = pytest.mark.django_db

# Case id → (BUS, CDFI), each pydicom example and its frame.
EXAMPLES = {
    "us-1": (("rgb_color", 1), ("ybr_color", 1)),
    "us-2": (("palette_color", 1), ("ybr_color", 30)),
    "us-3": (("jpeg2k", 1), ("ybr_color", 12)),
}


@pytest.fixture
def source(tmp_path):
    """A folder with the real files and their manifest."""
    folder = tmp_path / "ultrasound"
    folder.mkdir()
    rows = []
    for number, (case_id, pair) in enumerate(EXAMPLES.items(), start=1):
        files = {}
        for modality, (example, frame) in zip(("bus", "cdfi"), pair, strict=True):
            name = f"{case_id}-{modality}.dcm"
            shutil.copy(examples.get_path(example), folder / name)
            files |= {f"{modality}_file": name, f"{modality}_frame": str(frame)}
        rows.append(manifest_row(number, case_id=case_id, **files))
    (folder / "manifest.csv").write_text(manifest_text(rows))
    return folder


@pytest.fixture
def study(source):
    study = Study.objects.create(slug="real", title="Real ultrasound files")
    Protocol.objects.create(study=study, design=Protocol.Design.SEQUENTIAL)
    Cohort.objects.create(study=study, name="internal")
    call_command("import_cohort", "real", "internal", str(source))
    look_at_images(study)
    call_command("add_model", "CLA-HDM", "untrained", untrained="tiny")
    StudyModel.objects.create(study=study, model_version=ModelVersion.objects.get())
    for number, username in enumerate(("anna", "boris"), start=1):
        Reader.objects.create(
            study=study,
            user=factories.make_user(username),
            code=f"R{number}",
            years_of_experience=12,
            group="senior",
        )
    factories.make_investigator(study)
    return study


def look_at_images(study) -> None:
    """Keep the whole of what the importer could not cut by itself, and approve all."""
    for image in images_with_reviews(study):
        if image.review.needs_crop:
            whole = Box(0, 0, image.width, image.height)
            crop(image, whole, seen=image.sha256, by="ada", is_whole=True)
    [pair] = pairs_of(study)  # two frames of one clip
    answer_similar(pair, "Two frames of one clip, for want of others.", by="ada")
    factories.approve_images(study)


def read_everything(client, username, answer) -> int:
    """Read through the JSON API until nothing is left; the number of readings."""
    client.login(username=username, password=factories.PASSWORD)
    count = 0
    while case := client.get("/api/v1/real/case/").json()["case"]:
        for url in case["images"].values():
            image = client.get(url)
            assert image["Content-Type"] == "image/png"
            assert b"".join(image.streaming_content).startswith(b"\x89PNG")
        for heatmap in (case["aid"] or {"heatmaps": []})["heatmaps"]:
            assert client.get(heatmap["url"]).content.startswith(b"\x89PNG")
        body = {
            "code": case["code"],
            "key": str(uuid4()),
            "malignancy": answer.malignancy,
            "etiology": answer,
        }
        sent = client.post("/api/v1/real/readings/", body, content_type="application/json")
        assert sent.status_code == 201, sent.content
        count += 1
    return count


def table(client: Client, name: str) -> list[dict[str, str]]:
    """A table of the first run, by its file's name."""
    text = client.get(f"/results/real/runs/1/{name}").getvalue().decode()
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.slow("it runs the model and an analysis, and draws all files of the run")
def test_from_dicom_files_to_p_values(study, client):
    call_command("study", "real", "run-model")
    call_command("infer")
    assert set(InferenceJob.objects.values_list("state", "attempts")) == {("done", 1)}
    assert (Prediction.objects.count(), Heatmap.objects.count()) == (3, 12)
    call_command("register_plan", "real")
    call_command("study", "real", "open")
    assert read_everything(client, "anna", Etiology.METASTATIC) == 6
    assert read_everything(client, "boris", Etiology.TUBERCULOUS) == 6
    assert Reading.objects.count() == 12
    call_command("study", "real", "lock")
    call_command("study", "real", "unblind")
    call_command("analyse", "real")
    client.login(username="ivan", password=factories.PASSWORD)
    page = client.get("/results/real/runs/1/").content.decode()
    assert "untrained model" in page
    assert "Plan registered before the study was unblinded." in page
    rows = table(client, "tests.csv")
    assert all(0 <= float(r["p_value"]) <= 1 if r["p_value"] else r["reason"] for r in rows)
    p_values = {
        (r["question"], r["subject"], r["cohort"], r["unit"]): r["p_value"]
        for r in rows
        if r["section"] == "table2"
    }
    assert float(p_values["with vs without AI", "R1", "internal", "patients"]) == 1
    metrics = table(client, "metrics.csv")
    # The three manifests' truths: tuberculous, lymphoma, metastatic. Each reader is right once.
    counts = {r["count"] for r in metrics if r["section"] == "table2" and r["kind"] == "reader"}
    assert counts == {"1"}


def test_the_files_came_in_with_right_colours(study, media_root):
    """Against the pixel data read another way than the importer's."""
    rgb = examples.rgb_color
    raw = np.frombuffer(rgb.PixelData, np.uint8).reshape(rgb.Rows, rgb.Columns, 3)
    assert np.array_equal(stored("us-1", "bus", media_root), raw)
    for case_id, frame in (("us-1", 1), ("us-2", 30), ("us-3", 12)):
        jpeg = PillowImage.open(io.BytesIO(jpeg_frame(frame))).convert("RGB")
        ours = stored(case_id, "cdfi", media_root).astype(int)
        assert np.abs(ours - np.asarray(jpeg)).max() <= 2


def jpeg_frame(number: int) -> bytes:
    from pydicom.encaps import generate_frames

    dataset = examples.ybr_color
    frames = generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))
    return list(frames)[number - 1]


def stored(case_id: str, modality: str, media_root) -> np.ndarray:
    image = Image.objects.get(case__case_id=case_id, modality=modality)
    return np.asarray(PillowImage.open(media_root / image.file.name))
