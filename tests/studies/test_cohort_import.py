"""import_cohort: all of a source, or nothing of it."""

import hashlib
import io

import pytest
from django.core.management import CommandError, call_command
from PIL import Image as PillowImage

from readerstudy.audit.models import AuditEvent
from readerstudy.imaging import ImportRefused
from readerstudy.reading import lifecycle
from readerstudy.studies import cohort_import
from readerstudy.studies.models import Case, Cohort, Image, ReferenceStandard, Study
from tests import factories
from tests.imaging import example_files

pytestmark = pytest.mark.django_db


@pytest.fixture
def cohort():
    study = Study.objects.create(slug="study", title="Study")
    return Cohort.objects.create(study=study, name="internal")


def stored_files(media_root):
    return [path for path in media_root.rglob("*") if path.is_file()]


def nothing_was_written(media_root):
    return not (
        stored_files(media_root)
        or Case.objects.exists()
        or Image.objects.exists()
        or ReferenceStandard.objects.exists()
    )


def test_a_good_source_is_stored_whole(cohort, tmp_path, media_root):
    source = example_files.build_source(tmp_path / "source", cases=5)
    assert cohort_import.import_cohort(cohort=cohort, source=source, by="ada") == 5
    assert Case.objects.count() == ReferenceStandard.objects.count() == 5
    assert len(stored_files(media_root)) == Image.objects.count() == 10
    event = AuditEvent.objects.get(action="cohort.import")
    assert (event.actor, event.study, event.detail) == ("ada", "study", {"cases": 5})


def test_what_is_stored_is_a_bare_png_under_a_random_name(cohort, tmp_path, media_root):
    source = example_files.build_source(tmp_path / "source", cases=2)
    cohort_import.import_cohort(cohort=cohort, source=source)
    known = {path.stem for path in source.rglob("*.png")}
    for image in Image.objects.select_related("case"):
        data = (media_root / image.file.name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == image.sha256
        opened = PillowImage.open(io.BytesIO(data))
        assert (opened.format, opened.info) == ("PNG", {})
        assert opened.size == (image.width, image.height)
        assert not any(name in image.file.name for name in [*known, image.case.case_id])


@pytest.mark.parametrize("spoil", ["etiology", "image", "missing"])
def test_one_bad_row_refuses_all(cohort, tmp_path, media_root, spoil):
    source = example_files.build_source(tmp_path / "source", cases=4)
    manifest = source / "manifest.csv"
    if spoil == "etiology":
        manifest.write_text(manifest.read_text().replace("lymphoma", "lymfoma"))
    else:
        picture = sorted(source.rglob("*.png"))[-1]
        picture.unlink() if spoil == "missing" else picture.write_bytes(b"not an image")
    with pytest.raises(ImportRefused) as refused:
        cohort_import.import_cohort(cohort=cohort, source=source)
    assert all(p.row and p.column for p in refused.value.problems)
    assert nothing_was_written(media_root)


def test_a_failure_while_storing_leaves_nothing(cohort, tmp_path, media_root, monkeypatch):
    source = example_files.build_source(tmp_path / "source", cases=3)
    monkeypatch.setattr(cohort_import, "record", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        cohort_import.import_cohort(cohort=cohort, source=source)
    assert nothing_was_written(media_root)


def test_a_repeated_import_is_refused_row_by_row(cohort, tmp_path, media_root):
    source = example_files.build_source(tmp_path / "source", cases=3)
    cohort_import.import_cohort(cohort=cohort, source=source)
    before = stored_files(media_root)
    with pytest.raises(ImportRefused) as refused:
        cohort_import.import_cohort(cohort=cohort, source=source)
    assert [(p.row, p.column) for p in refused.value.problems] == [
        (2, "case_id"),
        (3, "case_id"),
        (4, "case_id"),
    ]
    assert Case.objects.count() == 3
    assert stored_files(media_root) == before


def test_an_open_study_takes_no_more_cases(tmp_path):
    study = factories.make_open()
    source = example_files.build_source(tmp_path / "source", cases=1)
    with pytest.raises(ImportRefused, match="only a draft"):
        cohort_import.import_cohort(cohort=study.cohort_set.first(), source=source)
    assert study.state == Study.State.OPEN
    assert lifecycle.testing_cases(study).count() == 3


def test_the_command_lists_every_problem(cohort, tmp_path, capsys):
    source = example_files.build_source(tmp_path / "source", cases=4)
    manifest = source / "manifest.csv"
    manifest.write_text(manifest.read_text().replace("female", "f").replace("lymphoma", "x"))
    with pytest.raises(CommandError, match="Nothing was imported"):
        call_command("import_cohort", "study", "internal", str(source))
    lines = capsys.readouterr().err
    assert "column sex" in lines
    assert "column etiology" in lines


def test_the_command_names_an_unknown_cohort(cohort, tmp_path):
    with pytest.raises(CommandError, match='no cohort "external"'):
        call_command("import_cohort", "study", "external", str(tmp_path))
