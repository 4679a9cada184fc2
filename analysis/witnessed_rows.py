"""Which rows of the analysis the audit log witnesses (``audit/row_digests.py``)."""

from django.db.models import Q

from readerstudy.audit.row_digests import EvidenceKind, exclude_from_evidence, register
from readerstudy.jobs.models import QUEUE_COLUMNS

PLAN = "registered-plan/1"
REQUEST = "analysis-request/1"
RUN = "analysis-run/1"
_ASKED = ("number", "plan_document", "plan_sha256", "planned", "created_by", "created_at")

register(
    EvidenceKind(
        name="registered plans",
        format=PLAN,
        model="analysis.RegisteredPlan",
        study="study",
        fields=("document", "sha256", "registered_at", "registered_by"),
    ),
    EvidenceKind(
        name="analyses begun",
        format=REQUEST,
        model="analysis.AnalysisRun",
        study="study",
        fields=_ASKED,
    ),
    EvidenceKind(
        name="analyses ended",
        format=RUN,
        model="analysis.AnalysisRun",
        study="study",
        fields=(
            *_ASKED, "state", "worker", "heartbeat_at", "steps_done", "steps", "step",
            "finished_at", "reason", "data_sha256", "code_version", "libraries", "results",
            "results_sha256",
        ),
        only=Q(state__in=["done", "failed"]),
    ),
)  # fmt: skip
exclude_from_evidence(
    **{f"analysis_AnalysisRun_{column}": "attempts at analyses" for column in QUEUE_COLUMNS},
    analysis_FileSet="files drawn of results",
    analysis_RunFile="files drawn of results",
)
