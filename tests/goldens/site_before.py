"""Work inside the site that was made before: build it, or say what it holds.

A command, in a process of its own with the site's environment: ``build BUNDLE``, ``tell FILE``. It
was built once, by the code of November 2026, and is never built again: see README.md.
"""

import json
import sys
from pathlib import Path
from uuid import uuid4

import django
from django.core.management import call_command
from django.utils import timezone


def build(bundle: str) -> None:
    """An analysed study with all that readers leave behind, and a locked one whose model's
    predictions were imported; and a bundle of the first."""
    from readerstudy.exchange.bundles.study_export import ExportOptions, export_study
    from readerstudy.reading import lifecycle
    from readerstudy.studies.models import Case, Study
    from tests import factories
    from tests.exchange import studies

    call_command("migrate", verbosity=0)
    analysed = studies.make_draft()
    lifecycle.open_study(analysed, by="ivan")
    for reader in analysed.reader_set.select_related("study__protocol", "user"):
        _read(reader)
    factories.finish(analysed)
    factories.analyse(analysed)
    other = factories.make_draft("other", cases=4, design="sequential", readers=("carla",))
    external = factories.make_model(is_external=True, weights="")
    factories.choose_model(other, external)
    for case in Case.objects.filter(cohort__study=other):
        factories.make_prediction(case, external, p_malignant=0.25)
    studies.store_weights()
    lifecycle.open_study(other, by="root")
    factories.read_all(other)
    lifecycle.lock_study(Study.objects.get(slug="other"), by="root")
    export_study(analysed, Path(bundle), by="ivan", options=ExportOptions(with_names=True))


def _read(reader) -> None:
    """All that the study asks before the first case, and every case, with what a browser sends."""
    from readerstudy.diagnosis import Etiology
    from readerstudy.reading import onboarding, sequence
    from readerstudy.reading.submission import record_presentation, submit_reading
    from readerstudy.reading.submitted_answer import Answer

    profile = {"years_of_ultrasound": 9, "years_of_neck_ultrasound": 4, "neck_scans_a_week": 30,
               "ai_use": "never"}  # fmt: skip
    onboarding.give_consent(reader)
    onboarding.store_profile(reader, profile)
    onboarding.store_display_check(reader, "x", passed=True, seen={"b": 1}, display={"dpr": 1.5})
    onboarding.submit_practice(reader, 1, malignancy="malignant", etiology="lymphoma")
    while assignment := sequence.current_assignment(reader):
        record_presentation(assignment)
        etiology = list(Etiology)[(assignment.case_id + assignment.stage) % len(Etiology)]
        told = {"active_ms": 900, "elapsed_ms": 1000, "submitted_at": timezone.now(),
                "events": [[1, "zoom", "2"]], "exposure": []}  # fmt: skip
        submit_reading(
            reader=reader, code=assignment.code, key=uuid4(), trace_data=told,
            answer=Answer(malignancy=etiology.malignancy, etiology=etiology, confidence=70),
        )  # fmt: skip


def held() -> dict:
    """What every later version must find in it."""
    from analysis import load_study_data
    from analysis.models import AnalysisRun, RegisteredPlan
    from readerstudy.audit.models import AuditEvent
    from readerstudy.reading.models import Reading
    from readerstudy.studies.models import Study

    studies = Study.objects.order_by("slug")
    return {
        "frozen": {each.slug: each.protocol.frozen_sha256 for each in studies},
        "data": {
            each.slug: load_study_data.load(each).digest() for each in studies if each.is_unsealed
        },
        "plans": [each.sha256 for each in RegisteredPlan.objects.order_by("pk")],
        "results": [each.results_sha256 for each in AnalysisRun.objects.order_by("pk")],
        "readings": [
            [str(key), code, malignancy, etiology]
            for key, code, malignancy, etiology in Reading.objects.order_by("pk").values_list(
                "idempotency_key", "assignment__code", "malignancy", "etiology"
            )
        ],
        "events": [list(each) for each in AuditEvent.objects.order_by("pk").values_list(
            "action", "sha256"
        )],
    }  # fmt: skip


def tell(target: str) -> None:
    """Write down what it holds."""
    Path(target).write_text(json.dumps(held(), indent=1))


if __name__ == "__main__":
    django.setup()
    globals()[sys.argv[1]](*sys.argv[2:])
