"""Which rows of a study's model the audit log witnesses (``audit/row_digests.py``).

Of the predictions, those that readers are shown: other ones may come while a study is open.
"""

from django.db.models import F, Q

from readerstudy.audit.row_digests import EvidenceKind, exclude_from_evidence, register
from readerstudy.studies.models import Cohort

_TESTING = [role.value for role in Cohort.Role if role.is_testing]


def _shown(prediction: str) -> Q:
    case = f"{prediction}case__cohort"
    return Q(
        **{
            f"{case}__role__in": _TESTING,
            f"{prediction}model_version": F(f"{case}__study__studymodel__model_version"),
        }
    )


register(
    EvidenceKind(
        name="model selections",
        format="study-model/1",
        model="inference.StudyModel",
        study="study",
        fields=(
            "model_version", "model_version__name", "model_version__version",
            "model_version__is_external", "model_version__is_trained", "model_version__threshold",
            "model_version__sha256",
        ),
    ),
    EvidenceKind(
        name="selected models",
        format="study-model-version/1",
        model="inference.StudyModel",
        study="study",
        fields=(
            "model_version", "model_version__architecture", "model_version__weights",
            "model_version__card",
        ),
    ),
    EvidenceKind(
        name="predictions",
        format="prediction/1",
        model="inference.Prediction",
        study="case__cohort__study",
        fields=(
            "case__cohort__name", "case__case_id", "model_version__sha256", "input_sha256",
            "p_malignant", "p_tuberculous", "p_metastatic", "notes", "created_at",
        ),
        only=_shown(""),
    ),
    EvidenceKind(
        name="heatmaps",
        format="heatmap/1",
        model="inference.Heatmap",
        study="prediction__case__cohort__study",
        fields=("prediction", "level", "modality", "png"),
        only=_shown("prediction__"),
    ),
)  # fmt: skip
exclude_from_evidence(
    inference_InferenceJob="inference jobs",
    inference_WeightsUpload="uploads of weights",
    inference_Prediction_unshown="predictions and heatmaps that readers are not shown",
)
