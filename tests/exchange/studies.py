"""Studies to be handed over, and bundles to be tampered with."""

import hashlib
import zipfile
from collections.abc import Callable
from pathlib import Path

from django.conf import settings

from analysis.registration import register
from inference.models import ModelVersion
from readerstudy.exchange.bundles.archive import SUMS
from readerstudy.reading import lifecycle, onboarding, trace
from readerstudy.reading.models import DisplayCheck, Profile
from readerstudy.studies.models import Study
from tests import factories


def store_weights() -> None:
    """Give the factories' model versions a file on disk."""
    for version in ModelVersion.objects.filter(is_external=False):
        path = settings.MEDIA_ROOT / version.weights.name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(factories.weights_of(version.version))


def make_draft(slug: str = "study", *, cases: int = 8) -> Study:
    """A draft with a practice case, its model's weights on disk, and a registered plan."""
    study = factories.make_draft(slug, cases=cases, confidence="percent", information="Read this.")
    factories.make_practice(study, cases=1)
    store_weights()
    factories.make_investigator(study)
    register(study, factories.QUICK, by="ivan")
    return study


def make_read(slug: str = "study", *, cases: int = 8) -> Study:
    """The same, opened and read to the end, with all that readers leave behind."""
    study = make_draft(slug, cases=cases)
    lifecycle.open_study(study, by="ivan")
    for reader in study.reader_set.select_related("study__protocol", "user"):
        onboarding.give_consent(reader)
        Profile.objects.create(
            reader=reader, years_of_ultrasound=9, years_of_neck_ultrasound=4,
            neck_scans_a_week=30, ai_use="never",
        )  # fmt: skip
        DisplayCheck.objects.create(
            reader=reader, session="x", passed=True, seen={"b": 1, "a": 2}, display={"dpr": 1.5}
        )
        onboarding.submit_practice(reader, 1, malignancy="malignant", etiology="lymphoma")
        read_with_traces(reader)
    study.refresh_from_db()
    return study


def read_with_traces(reader) -> None:
    from readerstudy.reading import sequence

    while sequence.current_assignment(reader):
        reading = read_one(reader)
        told = {"active_ms": 900, "elapsed_ms": 1000, "submitted_at": reading.submitted_at,
                "events": [[1, "zoom", "2"]], "exposure": []}  # fmt: skip
        trace.store_trace(reading, trace_data=told)


def read_one(reader):
    from uuid import uuid4

    from readerstudy.diagnosis import Etiology
    from readerstudy.reading import sequence
    from readerstudy.reading.submission import record_presentation, submit_reading
    from readerstudy.reading.submitted_answer import Answer

    assignment = sequence.current_assignment(reader)
    record_presentation(assignment)
    etiology = list(Etiology)[(assignment.case_id + assignment.stage) % len(Etiology)]
    answer = Answer(malignancy=etiology.malignancy, etiology=etiology, confidence=70)
    return submit_reading(reader=reader, code=assignment.code, key=uuid4(), answer=answer).reading


def make_analysed(slug: str = "study", *, cases: int = 8) -> Study:
    """The same, unblinded and analysed."""
    study = make_read(slug, cases=cases)
    factories.finish(study)
    factories.analyse(study)
    return study


def rewritten(bundle: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A bundle with its files changed, and checksums that fit again."""
    with zipfile.ZipFile(bundle) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name != SUMS}
    change(files)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    files[SUMS] = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)).encode()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target
