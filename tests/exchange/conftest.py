from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from readerstudy.exchange.bundles.study_export import ExportOptions, export_study
from tests.exchange import downloads, studies


@dataclass(frozen=True)
class Origin:
    """A site that a study was exported from, and that is no more."""

    named: Path
    """The bundle with names."""
    plain: Path
    """The bundle without."""
    downloads: dict[str, bytes]


@pytest.fixture(scope="session")
def origin(django_db_setup, django_db_blocker, tmp_path_factory) -> Origin:
    """An analysed study's bundles; the database is empty again afterwards."""
    folder = tmp_path_factory.mktemp("origin")
    with (
        django_db_blocker.unblock(),
        pytest.MonkeyPatch.context() as patch,
        transaction.atomic(),
    ):
        patch.setattr(settings, "MEDIA_ROOT", folder / "media")
        patch.setattr(settings, "RUN_FILES_ROOT", folder / "run_files")
        patch.setattr("readerstudy.jobs.dispatch.start_child", lambda kind: None)
        study = studies.make_analysed()
        found = Origin(folder / "named.zip", folder / "plain.zip", {})
        named = ExportOptions(with_names=True)
        export_study(study, found.named, options=named, by="ivan")
        export_study(study, found.plain, by="ivan")
        found.downloads.update(downloads.taken("study", drawings=False))
        transaction.set_rollback(True)
    return found
