"""A file beside the rows is named by a row, or it goes: after a failing commit and after a kill."""

import gc
import hashlib
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

import pytest
from django.db import OperationalError, connection, transaction

from inference import model_registration
from readerstudy.exchange.backups import backup
from readerstudy.imaging import Box
from readerstudy.reading import copying
from readerstudy.studies import file_staging
from readerstudy.studies.file_staging import clear_leftovers, staged_files, staged_in_transaction
from readerstudy.studies.models import Image
from readerstudy.studies.review import approval, decisions
from tests import factories

BOX = Box(2, 0, 38, 32)


def stored(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def killed(work: Callable[[], object]) -> None:
    """Do this in a process of its own, which is then killed where it calls ``os.abort``."""
    child = os.fork()
    if child == 0:
        os.abort = lambda *_args, **_kwargs: os.kill(os.getpid(), signal.SIGKILL)
        try:
            work()
        finally:
            os._exit(1)  # it was not killed
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL


@pytest.mark.django_db
@pytest.mark.parametrize("block", [staged_files, staged_in_transaction])
@pytest.mark.parametrize("owner", ["command", "bundle", "decision", "weights"])
def test_what_a_killed_process_placed_goes_at_the_next_attempt(block, owner, media_root):
    def place_and_die() -> None:
        with block(owner) as files:
            files.copy(BytesIO(b"x"), folder="weights", ending=".safetensors")
            files.place()
            files.stage(b"y")
            os.abort()

    killed(place_and_die)
    left = stored(media_root)
    assert len([name for name in left if name.startswith("weights/")]) == 1
    with staged_files("another"):
        assert len(list(media_root.glob("importing-*"))) == 1  # its own
    assert stored(media_root) == set()


@pytest.mark.django_db
def test_what_a_living_process_places_is_left_alone(media_root):
    with staged_files("command") as files:
        files.stage(b"x")
        before = stored(media_root)
        with staged_files("another") as others:
            others.stage(b"y")
            others.place()
        assert before <= stored(media_root)
        files.place()
    assert len(stored(media_root)) == 2


@pytest.mark.django_db
def test_a_file_that_any_row_names_is_kept(media_root):
    study = factories.make_draft(cases=1)
    names = [*Image.objects.values_list("file", flat=True), study.studymodel.model_version.weights]
    staging = media_root / f"{file_staging._PREFIX}dead"
    staging.mkdir()
    (media_root / "images" / "unnamed.png").write_bytes(b"x")
    (staging / "names").write_text(
        "\n".join([*map(str, filter(None, names)), "images/unnamed.png"])
    )
    before = stored(media_root)
    clear_leftovers()
    assert before - stored(media_root) == {
        "images/unnamed.png", f"{staging.name}/names",
    }  # fmt: skip


@contextmanager
def failing_commit() -> Iterator[None]:
    """What the block has written is not committed: the disk of the database is full, say."""
    with suppress(OperationalError), transaction.atomic():
        yield
        raise OperationalError("database or disk is full")
    gc.collect()


@pytest.mark.django_db
def test_a_crop_whose_commit_fails_leaves_no_file_behind_the_next_one(
    media_root, django_capture_on_commit_callbacks
):
    image = approval.images_with_reviews(factories.make_draft(cases=1)).first()
    before = stored(media_root)
    with failing_commit():
        decisions.crop(image, BOX, seen=image.sha256, by="ivan")
    image.refresh_from_db()
    assert image.file.name in before
    with django_capture_on_commit_callbacks(execute=True):
        decisions.crop(image, BOX, seen=image.sha256, by="ivan")
    assert len(stored(media_root)) == len(before)
    assert set(Image.objects.values_list("file", flat=True)) <= stored(media_root)


@pytest.mark.django_db
def test_a_cropped_original_whose_process_was_killed_after_the_commit_goes(
    media_root, django_capture_on_commit_callbacks
):
    """What was cut away may show a name: it must not stay on disk for want of a moment."""
    image = approval.images_with_reviews(factories.make_draft(cases=1)).first()
    original = image.file.name
    with django_capture_on_commit_callbacks() as callbacks:
        decisions.crop(image, BOX, seen=image.sha256, by="ivan")
    callbacks.clear()  # the process ends here
    gc.collect()
    connection.run_on_commit.clear()
    assert original in stored(media_root)
    clear_leftovers()
    assert original not in stored(media_root)
    assert set(Image.objects.values_list("file", flat=True)) == stored(media_root)


@pytest.mark.django_db
def test_weights_whose_commit_fails_are_taken_back(media_root, tmp_path):
    path = tmp_path / "weights.safetensors"
    path.write_bytes(b"x")
    card = {"architecture": "tiny", "trained": False, "threshold": 0.5}
    digest = hashlib.sha256(b"x").hexdigest()
    with failing_commit():
        model_registration.register(
            name="a", version="1", checked=model_registration.CheckedWeights(path, digest, card)
        )
        assert stored(media_root)
    clear_leftovers()
    assert stored(media_root) == set()


@pytest.mark.django_db
def test_a_copy_of_a_study_that_is_killed_leaves_no_image(media_root, monkeypatch):
    study = factories.make_draft(cases=1)
    before = stored(media_root)
    with monkeypatch.context() as patch:
        patch.setattr(copying, "record", lambda *_args, **_kwargs: os.abort())
        asked = {"cohorts", "cases"}
        killed(
            lambda: copying.copy_study(
                study, slug="copy", title="Copy", part_names=asked, by="ivan"
            )
        )
    assert len(stored(media_root)) > len(before)
    clear_leftovers()
    assert stored(media_root) == before


def test_what_a_killed_backup_left_goes_at_the_next_one(tmp_path):
    def write_and_die() -> None:
        with backup._aside(tmp_path) as folder:
            (folder / "part.tar").write_bytes(b"everything")
            os.abort()

    killed(write_and_die)
    assert len(list(tmp_path.iterdir())) == 1
    with backup._aside(tmp_path):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []
