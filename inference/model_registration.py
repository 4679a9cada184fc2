"""Register model versions from weights files that were checked first, in a process apart.

The web process hands out to that process too, so it needs no torch, and a hostile file meets
neither the database nor the secrets.
"""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction

from inference.clahdm.check_weights import REFUSED
from inference.clahdm.weights_card import WeightsError
from inference.models import ModelVersion
from readerstudy.audit.log import record
from readerstudy.studies.file_staging import staged_in_transaction

CHECK_SECONDS = 120


class NotChecked(WeightsError):
    """The check of a weights file came to no end; the message says how."""


@dataclass(frozen=True)
class CheckedWeights:
    """A weights file that holds what its card says."""

    path: Path
    sha256: str
    card: dict


def check_weights(path: Path) -> CheckedWeights:
    """Load a weights file in a process apart.

    Raises WeightsError with the reason when it does not, and NotChecked where the check itself
    came to no end, which may be the machine's fault.
    """
    try:
        checked = subprocess.run(  # noqa: S603 (our own interpreter and module; no shell)
            [sys.executable, "-m", "inference.clahdm.check_weights", str(path)],
            cwd=settings.BASE_DIR,
            env={"PATH": os.environ.get("PATH", ""), "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=CHECK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise NotChecked(f"checking {path.name} took more than {CHECK_SECONDS} seconds") from None
    if checked.returncode == REFUSED:
        raise WeightsError(checked.stderr.strip())
    if checked.returncode:
        raise NotChecked(f"checking {path.name} failed; it may be damaged or too large")
    return CheckedWeights(path=path, **json.loads(checked.stdout))


def register(*, name: str, version: str, checked: CheckedWeights, by: str = "") -> ModelVersion:
    """Keep a copy of a checked weights file, and record it as a model version.

    Raises WeightsError for a file that was changed since it was checked, and
    django.db.IntegrityError when the name and version, or the very file, are registered already.
    """
    card = checked.card
    with transaction.atomic(), staged_in_transaction("weights") as files:
        with checked.path.open("rb") as source:
            kept, _ = files.copy(source, folder="weights", ending=".safetensors")
        digest = files.sha256_of(kept)  # of what lies on the disk now
        if digest != checked.sha256:
            raise WeightsError(f"{checked.path.name} was changed after it was checked; try again")
        model_version = ModelVersion.objects.create(
            name=name,
            version=version,
            architecture=card["architecture"],
            is_trained=card["trained"],
            threshold=card["threshold"],
            weights=kept,
            sha256=digest,
            card=card,
        )
        files.place()
        record("model.register", actor=by, target=str(model_version), detail={"sha256": digest})
    return model_version
