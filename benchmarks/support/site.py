"""A site of the benchmark's own, in a folder that goes away: settings, databases, a model."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg2
from django.core.management import call_command
from django.db import connection

EMPTY = "empty.sqlite3"
MIGRATED = "READERSTUDY_BENCH_MIGRATED"
"""Environment variable: a migrated SQLite file to begin with, which saves its migrations."""


@contextmanager
def own_site(*, database: str = "") -> Iterator[Path]:
    """Set Django up with a temporary folder, whatever the environment or a .env file says.

    Its rows are in SQLite, or in the ``database`` of this URL.
    """
    with TemporaryDirectory(prefix="readerstudy-bench-") as name:
        folder = Path(name)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "readerstudy.settings",
            "READERSTUDY_VAR": name,
            "READERSTUDY_DEMO": "0",
            "READERSTUDY_HTTPS": "0",
            "DATABASE_URL": database or database_url(folder / EMPTY),
            "CELERY_BROKER_URL": "",
            "READERSTUDY_CACHE_URL": "",
            "READERSTUDY_SECOND_FACTOR": "0",
            "READERSTUDY_RATE_LIMIT_FACTOR": "1000",
            "INFERENCE_PRECISION": "fp32",
        }
        import django

        django.setup()
        if migrated := os.environ.get(MIGRATED):
            shutil.copyfile(migrated, folder / EMPTY)
        call_command("migrate", verbosity=0)
        connection.close()
        yield folder


def analyse(database: str) -> None:
    """Let PostgreSQL learn what its tables hold, as it does by itself some time after a writing."""
    with closing(psycopg2.connect(database)) as link:
        link.autocommit = True
        link.cursor().execute("ANALYZE")


def database_url(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def fresh_database(folder: Path) -> Iterator[Path]:
    """An empty database in the block, for Django too; stored files are shared by all of them."""
    path = folder / f"{secrets.token_hex(4)}.sqlite3"
    shutil.copyfile(folder / EMPTY, path)
    connection.settings_dict["NAME"] = str(path)
    try:
        yield path
    finally:
        connection.close()


def made_up_model():
    """A ModelVersion without weights, for results that are made up."""
    from inference.models import ModelVersion

    described = {"architecture": "tiny", "is_trained": True, "weights": "none", "sha256": "0" * 64}
    version, _ = ModelVersion.objects.get_or_create(name="made up", version="1", defaults=described)
    return version


def add_model(architecture: str):
    """An untrained ModelVersion, registered as any other is but for the check of its file."""
    from inference.clahdm import weights
    from inference.model_registration import CheckedWeights, register

    with TemporaryDirectory() as folder:
        path = Path(folder) / "untrained.safetensors"
        model, card = weights.untrained(architecture, 0)
        checked = CheckedWeights(path, weights.save(model, path, card=card), asdict(card))
        return register(name=architecture, version="1", checked=checked)
