"""CLA-HDM's side of a case: job → prediction and heatmaps."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from inference.clahdm.hierarchical_probabilities import HierarchicalProbabilities
from readerstudy.audit.append_only import append_only, frozen_when
from readerstudy.audit.simple_history_setup import tracks_history
from readerstudy.diagnosis import Modality, choices
from readerstudy.jobs.models import Job
from readerstudy.studies.db_conditions import STUDY_UNDER_WAY
from readerstudy.studies.models import Case, Study

# SQL: a study that is no draft any more shows this model, or there are predictions of it.
_VERSION_USED = (
    "EXISTS (SELECT 1 FROM inference_prediction prediction "
    "WHERE prediction.model_version_id = OLD.id) "
    "OR EXISTS (SELECT 1 FROM inference_studymodel chosen "
    "JOIN cohorts_study study ON study.id = chosen.study_id "
    "WHERE chosen.model_version_id = OLD.id AND study.state <> 'draft')"
)


@tracks_history()
@append_only(when=_VERSION_USED)
class ModelVersion(models.Model):
    """Weights of all three sub-models in one safetensors file, and what its card says.

    Or, of a model that ran elsewhere, no weights but its imported predictions: nothing can be
    computed with it here. Fixed once it has predictions, or an open study shows it.
    """

    name = models.CharField(max_length=64)
    version = models.CharField(max_length=32)
    is_external = models.BooleanField(
        "predictions imported",
        default=False,
        help_text="The model ran elsewhere; there are no weights here, and it can't be run",
    )
    architecture = models.CharField(max_length=32, blank=True, help_text="Blank: not known here")
    is_trained = models.BooleanField(
        help_text="False: every page that shows it says so. Of imported predictions, a statement "
        "by whoever imported them"
    )
    threshold = models.FloatField(default=0.5, help_text="Gate on the probability of malignancy")
    weights = models.FileField(upload_to="weights", max_length=100, blank=True)
    sha256 = models.CharField(
        max_length=64, unique=True, help_text="Of the weights file, or of the imported predictions"
    )
    card = models.JSONField(default=dict)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="model_version_once"),
            models.CheckConstraint(
                condition=Q(threshold__gte=0, threshold__lte=1), name="model_threshold_in_range"
            ),
            models.CheckConstraint(
                condition=Q(is_external=True, weights="") | (Q(is_external=False) & ~Q(weights="")),
                name="model_weights_unless_external",
            ),
        ]

    def __str__(self):
        imported = " (predictions imported)" if self.is_external else ""
        untrained = "" if self.is_trained else " (untrained model)"
        return f"{self.name} {self.version}{imported}{untrained}"


@tracks_history()
@frozen_when(STUDY_UNDER_WAY)
class StudyModel(models.Model):
    """The model version that a study's stage 2 shows; fixed once the study is open."""

    study = models.OneToOneField(Study, on_delete=models.PROTECT)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT)

    def __str__(self):
        return f"{self.model_version} in {self.study}"


class WeightsUpload(Job):
    """A weights file that was uploaded to be checked and registered as a model version."""

    name = models.CharField(max_length=64)
    version = models.CharField(max_length=32)
    label = models.CharField(max_length=200, help_text="The file's own name")
    path = models.CharField(max_length=100, help_text="Under the media root, until it has ended")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, null=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self):
        return f"Upload {self.pk} of {self.label}"


class InferenceJob(Job):
    """One case to be run through one model version."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT)
    input_sha256 = models.CharField(max_length=64, help_text="Digest of both images' digests")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "model_version", "input_sha256"], name="job_once"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running", "done", "failed"]),
                name="job_state_known",
            ),
        ]

    def __str__(self):
        return f"Job {self.pk}: {self.get_state_display()}"


@append_only()
class Prediction(models.Model):
    """The three sub-models' probabilities for one case, as they were computed or imported."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT)
    input_sha256 = models.CharField(max_length=64)
    p_malignant = models.FloatField(help_text="Sub-model 1")
    p_tuberculous = models.FloatField(help_text="Sub-model 2, given benign")
    p_metastatic = models.FloatField(help_text="Sub-model 3, given malignant")
    notes = models.JSONField(
        default=list, help_text="What makes the images poor inputs, a sentence each"
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["case", "model_version", "input_sha256"], name="prediction_once"
            ),
            *(
                models.CheckConstraint(
                    condition=Q(**{f"{p}__gte": 0, f"{p}__lte": 1}), name=f"prediction_{p}"
                )
                for p in ("p_malignant", "p_tuberculous", "p_metastatic")
            ),
        ]

    def __str__(self):
        return f"Prediction of {self.case} by {self.model_version}"

    def probabilities(self) -> HierarchicalProbabilities:
        """The hierarchy's view of the three numbers, gated at the model's threshold."""
        return HierarchicalProbabilities(
            p_malignant=self.p_malignant,
            p_tuberculous=self.p_tuberculous,
            p_metastatic=self.p_metastatic,
            threshold=self.model_version.threshold,
        )


@append_only()
class Heatmap(models.Model):
    """One Layer-CAM map, an 8-bit greyscale PNG at the feature maps' own resolution.

    A prediction has all four, or none if it was imported without.

    The few hundred bytes live in the row, so a prediction and its maps appear together or not
    at all, and a killed worker leaves no orphan file.
    """

    prediction = models.ForeignKey(Prediction, on_delete=models.PROTECT)
    level = models.PositiveSmallIntegerField(help_text="1: malignancy, 2: etiology")
    modality = models.CharField(max_length=4, choices=choices(Modality))
    png = models.BinaryField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["prediction", "level", "modality"], name="map_once"),
            models.CheckConstraint(
                condition=Q(level__in=[1, 2], modality__in=["bus", "cdfi"]), name="map_known"
            ),
        ]

    def __str__(self):
        return f"Level {self.level} {self.modality} map of prediction {self.prediction_id}"
