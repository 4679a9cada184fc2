"""Register model versions from a weights file that was loaded and checked first."""

import shutil
from dataclasses import asdict
from pathlib import Path

from django.conf import settings
from django.db import transaction

from inference.models import ModelVersion
from readerstudy.audit.log import record


def register(*, name: str, version: str, path: Path, by: str = "") -> ModelVersion:
    """Check a safetensors file, keep a copy under its digest, and record it as a model version.

    Raises WeightsError (a ValueError) when the file is not what its card says, and
    django.db.IntegrityError when the name and version, or the very file, are registered already.
    """
    from inference.clahdm import weights  # torch: for command lines and workers only

    loaded = weights.load(path)
    kept = Path("weights") / f"{loaded.sha256}.safetensors"
    target = settings.MEDIA_ROOT / kept
    target.parent.mkdir(parents=True, exist_ok=True)
    with transaction.atomic():
        model_version = ModelVersion.objects.create(
            name=name,
            version=version,
            architecture=loaded.card.architecture,
            is_trained=loaded.card.trained,
            threshold=loaded.card.threshold,
            weights=str(kept),
            sha256=loaded.sha256,
            card=asdict(loaded.card),
        )
        shutil.copyfile(path, target)
        record(
            "model.register", actor=by, target=str(model_version), detail={"sha256": loaded.sha256}
        )
    return model_version
