"""Studies and what they are made of: protocol, cohorts, cases, images and the truth.

The truth (ReferenceStandard) has its own table and permission; nothing on a reader's path
joins it.
"""

import secrets

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from readerstudy.audit.append_only import append_only, frozen_when, refuses_when
from readerstudy.audit.simple_history_setup import tracks_history
from readerstudy.diagnosis import Etiology, Malignancy, Modality, choices
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex
from readerstudy.studies.db_conditions import (
    CASE_UNDER_WAY,
    COHORT_UNDER_WAY,
    READS_IT,
    STUDY_UNDER_WAY,
    UNSEALED_BY_ONE,
    consistent_diagnosis,
    plain_values,
    state_rank,
)
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.review.models import (
    CandidateFrame,
    ImageFinding,
    ImageReview,
    ImageThumbnail,
    SimilarImages,
)
from readerstudy.studies.screening.models import Exclusion, Screening

# Which have modules of their own.
__all_models__ = (
    CandidateFrame,
    Exclusion,
    ImageFinding,
    ImageReview,
    ImageThumbnail,
    ImportJob,
    Screening,
    SimilarImages,
)

MAX_AGE = 120
MAX_DIAMETER_MM = 200

_IDENTITY_CHANGES = " OR ".join(
    f"NEW.{column} <> OLD.{column}" for column in ("slug", "is_synthetic", "notice")
)


@tracks_history()
@refuses_when(
    update=f"OLD.state = 'archived' OR {state_rank('NEW')} < {state_rank('OLD')} "
    f"OR (OLD.state <> 'draft' AND ({_IDENTITY_CHANGES})) OR ({UNSEALED_BY_ONE})",
    delete="OLD.state <> 'draft'",
)
class Study(models.Model):
    """One reader study. Its state moves forward only, but for a pause (reading/lifecycle.py).

    Once it is under way, what is synthetic stays so, and goes on saying so. Where the protocol
    wants two people to unblind it, it is unsealed by no other way. Archived, nothing of it changes
    any more.
    """

    class State(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAUSED = "paused"
        LOCKED = "locked"
        UNBLINDED = "unblinded"
        ARCHIVED = "archived"

    slug = models.SlugField(max_length=64, unique=True)
    title = models.CharField(max_length=200)
    state = models.CharField(
        max_length=10, choices=State, default=State.DRAFT, editable=False, db_index=True
    )
    is_synthetic = models.BooleanField(
        default=False, help_text="Images or readings are simulated; every page says so"
    )
    notice = models.CharField(
        max_length=200,
        blank=True,
        help_text="What every page of a synthetic study says of it; blank: that it is simulated",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    opened_at = models.DateTimeField(null=True, editable=False)
    locked_at = models.DateTimeField(null=True, editable=False)
    unblinded_at = models.DateTimeField(null=True, editable=False)
    archived_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        verbose_name_plural = "studies"
        ordering = ["slug"]
        constraints = [
            models.CheckConstraint(
                condition=Q(
                    state__in=["draft", "open", "paused", "locked", "unblinded", "archived"]
                ),
                name="study_state_known",
            )
        ]

    def __str__(self):
        return self.title

    @property
    def is_unsealed(self) -> bool:
        """Whether results and truth may be seen."""
        return self.state in (Study.State.UNBLINDED, Study.State.ARCHIVED)


def random_seed() -> int:
    """A seed that fits a signed 64-bit column."""
    return secrets.randbits(63)


@tracks_history(without=("frozen_document",))
@append_only(when="OLD.frozen_at IS NOT NULL")
class Protocol(models.Model):
    """How the study is read. Frozen with a hash when the study opens."""

    class Design(models.TextChoices):
        TWO_SESSION = "two_session", "Two-session: all of stage 1, a washout, all of stage 2"
        SEQUENTIAL = "sequential", "Sequential: stage 2 right after stage 1, case by case"

    class Confidence(models.TextChoices):
        NONE = "none", "Not asked"
        FIVE_POINT = "five_point", "Five points, from 1 (a guess) to 5 (certain)"
        PERCENT = "percent", "0 to 100 percent"

    study = models.OneToOneField(Study, on_delete=models.PROTECT)
    design = models.CharField(max_length=12, choices=Design, default=Design.TWO_SESSION)
    washout_days = models.PositiveSmallIntegerField(
        default=0, help_text="Two-session design: days between a reader's stages"
    )
    seed = models.BigIntegerField(default=random_seed, help_text="Draws every reader's order")
    stratify_by_cohort = models.BooleanField(
        default=False,
        help_text="Spread each cohort evenly through the order, instead of one pooled shuffle",
    )
    confidence = models.CharField(
        max_length=10,
        choices=Confidence,
        default=Confidence.NONE,
        help_text="Whether and how a reader says how sure each diagnosis is",
    )
    rates_aid = models.BooleanField(
        default=False,
        help_text="Ask in stage 2 how far the AI's output is trusted and how useful it was",
    )
    information = models.TextField(
        blank=True,
        help_text="What a reader is told of the study, and consents to, before the first case; "
        "blank: no consent is asked",
    )
    asks_profile = models.BooleanField(
        default=False, help_text="Ask for the reader's experience before the first case"
    )
    checks_display = models.BooleanField(
        default=False, help_text="A visual check of the display at each sign-in"
    )
    session_minutes = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Suggest a break after so many minutes; blank: never"
    )
    stage_1_due = models.DateField(null=True, blank=True, help_text="When stage 1 is due")
    stage_2_due = models.DateField(null=True, blank=True, help_text="When stage 2 is due")
    plan_before_opening = models.BooleanField(
        "Analysis plan before opening",
        default=True,
        help_text="The study opens only once an analysis plan is registered. A synthetic study "
        "opens without one in any case",
    )
    unblinding_needs_two = models.BooleanField(
        "Two people unblind",
        default=False,
        help_text="One person asks for the unblinding and another one confirms it",
    )
    frozen_at = models.DateTimeField(null=True, editable=False)
    frozen_document = models.TextField(blank=True, editable=False)
    frozen_sha256 = models.CharField(max_length=64, blank=True, editable=False)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(frozen_at__isnull=True, frozen_sha256="")
                | (Q(frozen_at__isnull=False) & ~Q(frozen_sha256="")),
                name="protocol_frozen_with_hash",
            ),
            models.CheckConstraint(
                condition=Q(design="two_session") | Q(design="sequential", washout_days=0),
                name="protocol_washout_only_between_sessions",
            ),
            models.CheckConstraint(
                condition=Q(confidence__in=["none", "five_point", "percent"]),
                name="protocol_confidence_known",
            ),
            models.CheckConstraint(
                condition=Q(session_minutes__isnull=True) | Q(session_minutes__gte=1),
                name="protocol_session_not_empty",
            ),
        ]

    def __str__(self):
        return f"Protocol of {self.study}"


@tracks_history()
@refuses_when(insert=READS_IT, update=READS_IT)
class Membership(models.Model):
    """A person's part in running a study: one role in each. What it allows is in permissions.py.

    Whoever is a member of a study can't read it: all of these roles are told too much.
    """

    class Role(models.TextChoices):
        INVESTIGATOR = "investigator", "Investigator: sets up and runs the study; no truth"
        DATA_MANAGER = "data_manager", "Data manager: cases, import and truth; no readings"
        AUDITOR = "auditor", "Auditor: looks at what is there to audit, changes nothing"

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    role = models.CharField(max_length=12, choices=Role, default=Role.INVESTIGATOR)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="membership_once"),
            models.CheckConstraint(
                condition=Q(role__in=["investigator", "data_manager", "auditor"]),
                name="membership_role_known",
            ),
        ]

    def __str__(self):
        return f"{self.user}, {Membership.Role(self.role).name.lower().replace('_', ' ')}"


@tracks_history()
@frozen_when(STUDY_UNDER_WAY)
class Cohort(models.Model):
    """Cases of one hospital and period. Testing cohorts are read; practice cases come before."""

    class Role(models.TextChoices):
        TRAINING = "training", "Training"
        INTERNAL = "internal_testing", "Internal testing"
        EXTERNAL = "external_testing", "External testing"
        PRACTICE = "practice", "Practice, with the answer told: never part of the results"

        @property
        def is_testing(self) -> bool:
            """Whether its cases are read for the study."""
            return self in (Cohort.Role.INTERNAL, Cohort.Role.EXTERNAL)

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    name = models.CharField(max_length=64)
    role = models.CharField(max_length=16, choices=Role, default=Role.INTERNAL)
    hospital = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["study", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["study", "name"], name="cohort_name_once"),
            models.CheckConstraint(
                condition=Q(
                    role__in=["training", "internal_testing", "external_testing", "practice"]
                ),
                name="cohort_role_known",
            ),
        ]

    def __str__(self):
        return f"{self.study.slug} / {self.name}"


@frozen_when(COHORT_UNDER_WAY)
class Case(models.Model):
    """One patient's node: baseline characteristics that a reader may see, and where it came from.

    The method of pathological diagnosis is kept with the truth: it is not known when a case is
    read, and correlates with the etiology.
    """

    cohort = models.ForeignKey(Cohort, on_delete=models.PROTECT)
    case_id = models.CharField(
        max_length=64, validators=[RegexValidator(r"^[A-Za-z0-9._-]+$")], help_text="Manifest's id"
    )
    sex = models.CharField(max_length=6, choices=choices(Sex))
    age = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(MAX_AGE)], help_text="Years"
    )
    diameter_mm = models.FloatField(
        validators=[MinValueValidator(0.1), MaxValueValidator(MAX_DIAMETER_MM)],
        help_text="Longitudinal diameter of the node",
    )
    location = models.CharField(max_length=10, choices=choices(Location))
    neck_level = models.CharField(max_length=16, choices=choices(NeckLevel))
    instrument = models.CharField(max_length=100)

    class Meta:
        ordering = ["cohort", "case_id"]
        constraints = [
            models.UniqueConstraint(fields=["cohort", "case_id"], name="case_id_once"),
            models.CheckConstraint(condition=Q(age__lte=MAX_AGE), name="case_age_plausible"),
            models.CheckConstraint(
                condition=Q(diameter_mm__gt=0, diameter_mm__lte=MAX_DIAMETER_MM),
                name="case_diameter_plausible",
            ),
            models.CheckConstraint(
                condition=Q(
                    sex__in=plain_values(Sex),
                    location__in=plain_values(Location),
                    neck_level__in=plain_values(NeckLevel),
                ),
                name="case_in_vocabulary",
            ),
        ]

    def __str__(self):
        return f"{self.cohort} / {self.case_id}"


@frozen_when(CASE_UNDER_WAY)
class Image(models.Model):
    """A re-encoded PNG without metadata, stored under a random name."""

    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    modality = models.CharField(max_length=4, choices=choices(Modality))
    file = models.FileField(upload_to="images", max_length=100)
    sha256 = models.CharField(max_length=64)
    width = models.PositiveIntegerField(help_text="Pixels")
    height = models.PositiveIntegerField(help_text="Pixels")
    mm_per_pixel = models.FloatField(null=True, help_text="Where the file or manifest tells it")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "modality"], name="image_modality_once"),
            models.UniqueConstraint(fields=["file"], name="image_file_once"),
            models.CheckConstraint(
                condition=Q(modality__in=["bus", "cdfi"]) & ~Q(sha256=""), name="image_sound"
            ),
            models.CheckConstraint(
                condition=Q(mm_per_pixel__isnull=True)
                | Q(mm_per_pixel__gt=0, mm_per_pixel__lte=10),
                name="image_spacing_plausible",
            ),
        ]

    def __str__(self):
        return f"{self.get_modality_display()} of {self.case}"


@frozen_when(CASE_UNDER_WAY)
class ReferenceStandard(models.Model):
    """The truth of a case, by pathology."""

    audit_hidden = ("malignancy", "etiology", "pathologic_method")

    case = models.OneToOneField(Case, on_delete=models.PROTECT)
    malignancy = models.CharField(max_length=9, choices=choices(Malignancy))
    etiology = models.CharField(max_length=32, choices=choices(Etiology))
    pathologic_method = models.CharField(max_length=24, choices=choices(PathologicMethod))

    class Meta:
        constraints = [
            consistent_diagnosis("reference_standard_consistent"),
            models.CheckConstraint(
                condition=Q(pathologic_method__in=plain_values(PathologicMethod)),
                name="reference_standard_method_known",
            ),
        ]

    def __str__(self):
        return f"Reference standard of {self.case}"


def testing_cases(study: Study) -> models.QuerySet[Case]:
    """The cases that readers of this study read, in a fixed order."""
    return _cases(study, [role for role in Cohort.Role if role.is_testing])


def practice_cases(study: Study) -> models.QuerySet[Case]:
    """The cases on which readers practise before their first one, in a fixed order."""
    return _cases(study, [Cohort.Role.PRACTICE])


def _cases(study: Study, roles: list[Cohort.Role]) -> models.QuerySet[Case]:
    return (
        Case.objects.filter(cohort__study=study, cohort__role__in=roles)
        .annotate(cohort_name=F("cohort__name"))
        .order_by("cohort__name", "case_id")
    )
