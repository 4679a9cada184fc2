"""import_predictions: what was computed elsewhere comes in whole, once, and under one name."""

import io

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from PIL import Image as PillowImage
from PIL.PngImagePlugin import PngInfo

from inference import predictions_import
from inference.current_results import predictions_of
from inference.models import Heatmap, ModelVersion, Prediction, StudyModel
from inference.predictions_import import import_predictions
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.imaging import ImportRefused
from readerstudy.reading import lifecycle
from readerstudy.studies.models import Case, Cohort, Image, ImageReview
from readerstudy.studies.models import testing_cases as cases_to_read
from tests import factories
from tests.imaging.example_files import write_folder, write_zip
from tests.inference.prediction_files import (
    NAME,
    external,
    files_for,
    grey_png,
    heatmap,
    nothing_was_imported,
    row_of,
    rows_for,
    table_text,
)
from tests.worlds import shared

pytestmark = pytest.mark.django_db
draft = shared(factories.make_draft)  # three testing cases in two cohorts


# What comes in.


@pytest.mark.parametrize("kind", ["folder", "zip", "zip with a top folder"])
def test_a_good_bundle_is_stored_whole_and_shown(kind, draft, tmp_path):
    files = files_for(rows_for(draft))
    if kind == "folder":
        source = write_folder(tmp_path / "bundle", files)
    else:
        source = write_zip(tmp_path / "b.zip", files, top="their/" if "top" in kind else "")
    imported = import_predictions(study=draft, source=source, threshold=0.3, by="ada", **NAME)
    version = external()
    assert (imported.model_version, imported.cases, imported.stored) == (version, 3, 3)
    assert (version.weights.name, version.architecture, version.threshold) == ("", "", 0.3)
    assert str(version) == "Their CLA-HDM 2.1 (predictions imported)"
    assert StudyModel.objects.get(study=draft).model_version == version
    stored = predictions_of(cases_to_read(draft), model_version=version).values()
    assert sorted(p.p_malignant for p in stored) == [0.125, 0.225, 0.325]
    assert {(p.p_tuberculous, p.p_metastatic) for p in stored} == {(1.5e-05, 1.0)}
    assert Heatmap.objects.filter(prediction__model_version=version).count() == 12
    assert lifecycle.missing_to_open(draft) == []


def test_who_imported_what_is_in_the_audit_log_and_on_the_card(draft, take):
    before = draft.studymodel.model_version
    rows = rows_for(draft)
    take(rows, by="ada")
    event = AuditEvent.objects.get(action="model.import_predictions")
    assert (event.actor, event.study) == ("ada", "study")
    assert event.target == "Their CLA-HDM 2.1 (predictions imported)"
    assert event.detail == {
        "sha256": external().sha256, "threshold": 0.5, "cases": 3, "stored": 3,
        "with_heatmaps": 3, "with_both_image_digests": 3, "shown_before": str(before),
    }  # fmt: skip
    assert external().card["imported_by"] == "ada"
    assert "stated by whoever imported" in external().card["trained"]


def test_a_heatmap_keeps_its_pixels_and_loses_all_else(draft, take):
    files = files_for(rows_for(draft))
    words = PngInfo()
    words.add_text("Patient", "SECRET")
    name = rows_for(draft)[0]["level2_cdfi"]
    pixels = heatmap(99, size=(2, 512))
    files[name] = grey_png(pixels, pnginfo=words, dpi=(72, 72)) + b"SECRET"
    take(files)
    stored = bytes(
        Heatmap.objects.get(
            prediction__model_version=external(),
            prediction__p_malignant=0.125,
            level=2,
            modality="cdfi",
        ).png
    )
    assert b"SECRET" not in stored
    opened = PillowImage.open(io.BytesIO(stored))
    assert (opened.mode, opened.info) == ("L", {})
    assert np.array_equal(np.asarray(opened), pixels)


def test_heatmaps_and_digests_may_be_left_out_and_the_importer_is_told(draft, take):
    rows = rows_for(draft, digests=False)
    rows[0] |= dict.fromkeys([column for column in rows[0] if column.startswith("level")], "")
    said = " ".join(take(rows).sentences())
    assert "1 of 3 cases have no heatmaps" in said
    assert "3 of 3 rows do not give the SHA-256 of both images" in said
    assert Heatmap.objects.filter(prediction__model_version=external()).count() == 8
    assert lifecycle.missing_to_open(draft) == []


def test_training_cases_are_optional(draft, take):
    cohort = Cohort.objects.create(study=draft, name="training", role="training")
    case = factories.make_case(cohort, "t-1", Etiology.LYMPHOMA)
    assert take(rows_for(draft)).stored == 3
    rows = [*rows_for(draft), row_of(case, 9, digests=True, heatmaps=True)]
    assert take(rows, version="with training").stored == 4


def test_byte_order_mark_line_ends_and_column_order_make_no_difference(draft, take):
    rows = rows_for(draft, heatmaps=False)
    turned = [dict(reversed(row.items())) for row in reversed(rows)]
    take({"predictions.csv": table_text(rows).encode()})
    again = take({"predictions.csv": b"\xef\xbb\xbf" + table_text(turned).upper().encode()
                  .replace(b"\r\n", b"\r")})  # fmt: skip
    assert (again.stored, again.chosen) == (0, False)


# The same once more, and what is not the same.


def test_the_same_bundle_again_changes_nothing_and_says_so(draft, take, tmp_path):
    rows = rows_for(draft)
    assert "Nothing was changed." not in take(rows).sentences()
    before = (Prediction.objects.count(), Heatmap.objects.count(), AuditEvent.objects.count())
    packed = write_zip(tmp_path / "again.zip", files_for(rows))
    again = import_predictions(study=draft, source=packed, **NAME)
    assert "Nothing was changed." in again.sentences()
    assert before == (
        Prediction.objects.count(), Heatmap.objects.count(), AuditEvent.objects.count(),
    )  # fmt: skip
    assert ModelVersion.objects.filter(is_external=True).count() == 1


@pytest.mark.parametrize("what", ["probability", "heatmap", "threshold", "digests"])
def test_other_predictions_under_the_same_version_are_refused(what, draft, take):
    rows = rows_for(draft)
    take(rows)
    files, fields = files_for(rows), {}
    if what == "probability":
        rows[0]["p_malignant"] = "0.126"
        files = files_for(rows)
    elif what == "heatmap":
        files[rows[0]["level1_bus"]] = grey_png(heatmap(98))
    elif what == "digests":
        files = files_for(rows_for(draft, digests=False))
    else:
        fields["threshold"] = 0.4
    with pytest.raises(ImportRefused, match="never replaced; give these another version"):
        take(files, **fields)
    assert Prediction.objects.filter(model_version=external()).count() == 3
    assert take(files, version="2.2", **fields).stored == 3


def test_the_same_predictions_have_one_name(draft, take):
    take(rows_for(draft))
    with pytest.raises(ImportRefused, match=r"already exist as Their CLA-HDM 2\.1"):
        take(rows_for(draft), version="2.2")


def test_a_version_with_weights_here_takes_no_imported_predictions(draft, refused):
    own = draft.studymodel.model_version
    [problem] = refused(rows_for(draft), name=own.name, version=own.version)
    assert "has weights on this site" in problem.message


def test_another_study_with_the_same_cases_takes_the_same_bundle(draft, take):
    rows = rows_for(draft, digests=False)
    take(rows)
    other = factories.make_draft("other", cases=3)
    imported = take(rows, of=other)
    assert (imported.model_version, imported.stored) == (external(), 3)
    assert lifecycle.missing_to_open(other) == []


def test_a_case_whose_images_were_replaced_needs_its_import_anew(draft, take):
    rows = rows_for(draft, digests=False)
    take(rows)
    replaced = Image.objects.filter(case=cases_to_read(draft).first(), modality="bus")
    replaced.update(sha256="f" * 64)
    ImageReview.objects.filter(image__in=replaced).update(sha256="f" * 64)
    [reason] = lifecycle.missing_to_open(draft)
    assert (
        "1 cases have no prediction for their current images. Import predictions of Their" in reason
    )
    assert take(rows).stored == 1
    assert lifecycle.missing_to_open(draft) == []


def test_a_failure_while_storing_leaves_nothing(draft, take, monkeypatch):
    monkeypatch.setattr(predictions_import, "record", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        take(rows_for(draft))
    assert nothing_was_imported()


def test_images_that_nobody_has_looked_at_take_no_predictions(draft, refused):
    ImageReview.objects.filter(image__modality="bus").update(state=ImageReview.State.PENDING)
    [problem] = refused(rows_for(draft))
    assert "3 images of testing cases are not approved" in problem.message


def test_cases_that_change_while_a_bundle_is_read_refuse_it(draft, refused):
    def progress(rows):
        Image.objects.filter(case=Case.objects.first()).update(sha256="f" * 64)
        return rows

    [problem] = refused(rows_for(draft), progress=progress)
    assert "changed in the meantime" in problem.message


# The command.


def command(study, source, **options) -> None:
    call_command("import_predictions", study.slug, str(source), **NAME | options)


def test_the_command_imports_and_says_what_it_did(draft, tmp_path, capsys):
    source = write_folder(tmp_path / "bundle", files_for(rows_for(draft, heatmaps=False)))
    command(draft, source, threshold=0.4, by="ada")
    told = capsys.readouterr().out
    assert "3 predictions were imported as Their CLA-HDM 2.1 (predictions imported)." in told
    assert "3 of 3 cases have no heatmaps" in told
    assert "Stage 2 of the study now shows them instead of CLA-HDM" in told
    assert external().threshold == 0.4
    command(draft, source, threshold=0.4)
    assert "Nothing was changed." in capsys.readouterr().out


def test_the_command_s_version_is_the_model_s(draft, tmp_path):
    from inference.management.commands.import_predictions import Command

    parser = Command().create_parser("manage.py", "import_predictions")
    given = parser.parse_args(["s", "x.zip", "--name", "N", "--version", "3"])
    assert (given.name, given.version, given.threshold) == ("N", "3", 0.5)


def test_the_command_lists_every_problem(draft, tmp_path, capsys):
    rows = rows_for(draft)
    rows[0]["p_malignant"], rows[1]["p_metastatic"] = "x", "y"
    source = write_folder(tmp_path / "bundle", files_for(rows))
    with pytest.raises(CommandError, match="Nothing was imported: 2 problems"):
        command(draft, source)
    told = capsys.readouterr().err
    assert "predictions.csv, row 2, column p_malignant" in told
    assert "predictions.csv, row 3, column p_metastatic" in told


def test_the_command_names_an_unknown_study(db, tmp_path):
    with pytest.raises(CommandError, match='no study "none"'):
        call_command("import_predictions", "none", str(tmp_path), **NAME)
