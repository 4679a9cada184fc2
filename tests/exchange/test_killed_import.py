"""A bundle's import that is killed leaves files, which the next attempt takes back."""

import os
import signal

import pytest

from readerstudy.exchange.bundles import study_import
from readerstudy.studies.models import Study
from tests.studies.test_file_staging import killed, stored

pytestmark = pytest.mark.django_db


def test_after_a_killed_import_the_next_one_leaves_only_files_that_rows_name(
    origin, media_root, monkeypatch
):
    def die(*_args, **_kwargs):
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patch:
        patch.setattr(study_import, "record", die)  # all rows are written, and nothing is committed
        killed(lambda: study_import.import_study(origin.named, by="root"))
    assert len(stored(media_root)) > 5
    study_import.import_study(origin.named, by="root")
    once = len(stored(media_root))
    assert not list(media_root.glob("*importing-*"))
    assert Study.objects.count() == 1
    assert once == len(set(stored(media_root)))
    assert once == len(importing_names())


def importing_names() -> set[str]:
    """The stored files that rows name."""
    from readerstudy.exchange.backups.restore import _named_files

    return set(_named_files())
