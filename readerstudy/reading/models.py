"""Who reads what, in which order, and what was read. Orders and readings are append-only."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from readerstudy.audit.append_only import append_only, frozen_when, refuses_when
from readerstudy.audit.simple_history_setup import tracks_history
from readerstudy.diagnosis import Etiology, Malignancy, choices
from readerstudy.studies.db_conditions import HAS_A_ROLE, STUDY_UNDER_WAY, consistent_diagnosis
from readerstudy.studies.models import Case, Study

# SQL: the study of the new row's assignment takes no readings now.
_NOT_OPEN = (
    "(SELECT study.state FROM cohorts_study study "
    "JOIN reading_reader reader ON reader.study_id = study.id "
    "JOIN reading_assignment place ON place.reader_id = reader.id "
    "WHERE place.id = NEW.assignment_id) <> 'open'"
)


class Stage(models.IntegerChoices):
    """The two readings of a case."""

    UNAIDED = 1, _("Stage 1, without AI")
    AIDED = 2, _("Stage 2, with AI")


@tracks_history()
@frozen_when(STUDY_UNDER_WAY, never=HAS_A_ROLE)
class Reader(models.Model):
    """A radiologist in one study, with the experience that groups the analysis."""

    class Group(models.TextChoices):
        SENIOR = "senior", "Senior"
        MIDDLE = "middle", "Middle"
        JUNIOR = "junior", "Junior"

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    code = models.CharField(max_length=16, help_text="How tables name this reader, such as R1")
    years_of_experience = models.PositiveSmallIntegerField(help_text="Years of ultrasound")
    group = models.CharField(max_length=6, choices=Group, help_text="Experience group")

    class Meta:
        ordering = ["study", "code"]
        constraints = [
            models.UniqueConstraint(fields=["study", "user"], name="reader_once"),
            models.UniqueConstraint(fields=["study", "code"], name="reader_code_once"),
            models.CheckConstraint(
                condition=Q(group__in=["senior", "middle", "junior"]), name="reader_group_known"
            ),
            models.CheckConstraint(
                condition=Q(years_of_experience__lte=70), name="reader_experience_plausible"
            ),
        ]

    def __str__(self):
        return f"{self.code} in {self.study.slug}"


@append_only()
class ReadingOrder(models.Model):
    """How one reader's order of one stage was drawn; the order itself is its assignments."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT)
    stage = models.PositiveSmallIntegerField(choices=Stage)
    seed = models.BigIntegerField()
    algorithm = models.CharField(max_length=32)
    stratification = models.JSONField(
        help_text="Whether cohorts were spread evenly, and the number of cases in each"
    )
    order_sha256 = models.CharField(max_length=64, help_text="Digest of the realised order")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["reader", "stage"], name="order_once"),
            models.CheckConstraint(condition=Q(stage__in=[1, 2]), name="order_stage_known"),
        ]

    def __str__(self):
        return f"Order of {self.reader}, stage {self.stage}"


@append_only()
class Assignment(models.Model):
    """A place in a reader's order. ``code`` is all that the reader's browser ever sees of it."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    stage = models.PositiveSmallIntegerField(choices=Stage)
    position = models.PositiveIntegerField(help_text="1 is first")
    code = models.CharField(max_length=16, unique=True)

    class Meta:
        ordering = ["reader", "stage", "position"]
        constraints = [
            models.UniqueConstraint(fields=["reader", "stage", "position"], name="place_once"),
            models.UniqueConstraint(fields=["reader", "stage", "case"], name="case_once_a_stage"),
            models.CheckConstraint(
                condition=Q(stage__in=[1, 2], position__gte=1), name="assignment_sound"
            ),
        ]

    def __str__(self):
        return f"{self.reader}, stage {self.stage}, place {self.position}"


@refuses_when(insert=_NOT_OPEN, update="1 = 1", delete="1 = 1")
class Presentation(models.Model):
    """When a case was first shown to its reader, by the server's clock. In an open study alone."""

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return f"{self.assignment} shown"


class QualityProblem(models.TextChoices):
    """Why an image is not good enough to be sure of a diagnosis."""

    NOT_SHOWN = "not_shown", _("The node is not shown, or is cut off")
    GAIN = "gain", _("Too dark, too bright or too noisy")
    BLURRED = "blurred", _("Blurred")
    DOPPLER = "doppler", _("The colour Doppler image can't be used")
    OTHER = "other", _("Another reason")


@refuses_when(insert=_NOT_OPEN, update="1 = 1", delete="1 = 1")
class Reading(models.Model):
    """A submitted diagnosis, taken while the study is open: stage and case are its assignment's.

    ``confidence`` is 1 to 5 or 0 to 100, by the protocol; the two ratings are 1 to 5.
    """

    audit_hidden = (
        "malignancy", "etiology", "confidence", "quality_problem", "quality_note", "trust",
        "usefulness",
    )  # fmt: skip

    assignment = models.OneToOneField(Assignment, on_delete=models.PROTECT)
    malignancy = models.CharField(max_length=9, choices=choices(Malignancy))
    etiology = models.CharField(max_length=32, choices=choices(Etiology))
    confidence = models.PositiveSmallIntegerField(null=True)
    quality_problem = models.CharField(max_length=10, choices=QualityProblem, blank=True)
    quality_note = models.CharField(max_length=200, blank=True)
    trust = models.PositiveSmallIntegerField(null=True, help_text="In the AI's output: 1 to 5")
    usefulness = models.PositiveSmallIntegerField(null=True, help_text="Of the AI: 1 to 5")
    idempotency_key = models.UUIDField(unique=True, help_text="Made once for each submit")
    started_at = models.DateTimeField(help_text="When the case was first shown")
    submitted_at = models.DateTimeField()

    class Meta:
        constraints = [
            consistent_diagnosis("reading_consistent"),
            models.CheckConstraint(
                condition=Q(submitted_at__gte=F("started_at")), name="reading_times_in_order"
            ),
            models.CheckConstraint(
                condition=(Q(confidence__isnull=True) | Q(confidence__lte=100))
                & (Q(trust__isnull=True) | Q(trust__gte=1, trust__lte=5))
                & (Q(usefulness__isnull=True) | Q(usefulness__gte=1, usefulness__lte=5)),
                name="reading_ratings_in_range",
            ),
            models.CheckConstraint(
                condition=Q(quality_problem__in=["", *QualityProblem.values])
                & (Q(quality_note="") | ~Q(quality_problem="")),
                name="reading_quality_problem_known",
            ),
        ]

    def __str__(self):
        return f"Reading of {self.assignment}"


@append_only()
class Trace(models.Model):
    """How a reading went in the browser, as the browser told it: see ``reading/trace.py``.

    Without times where what it told made no sense.
    """

    audit_hidden = (
        "active_ms", "elapsed_ms", "client_submitted_at", "events", "exposure", "flags",
    )  # fmt: skip

    reading = models.OneToOneField(Reading, on_delete=models.PROTECT)
    active_ms = models.PositiveIntegerField(
        null=True, help_text="From both images painted to the submit, without hidden and idle spans"
    )
    elapsed_ms = models.PositiveIntegerField(null=True, help_text="The same with them")
    client_submitted_at = models.DateTimeField(null=True, help_text="By the browser's clock")
    events = models.JSONField(help_text="[milliseconds, name, detail], as they came")
    exposure = models.JSONField(help_text="What of the AI was shown, for how long, how opaque")
    flags = models.CharField(
        max_length=40, blank=True, help_text="Where browser and server disagree on time"
    )

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=~Q(flags=""), name="trace_flagged"),
        ]

    def __str__(self):
        return f"Trace of {self.reading}"


@append_only()
class Consent(models.Model):
    """A reader has read the study information, of which this is the digest, and consents."""

    reader = models.OneToOneField(Reader, on_delete=models.PROTECT)
    information_sha256 = models.CharField(max_length=64)
    at = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return f"Consent of {self.reader}"


@append_only()
class Profile(models.Model):
    """A reader's experience, as the reader tells it before the first case."""

    class AiUse(models.TextChoices):
        NEVER = "never", _("Never")
        TRIED = "tried", _("Tried it")
        REGULARLY = "regularly", _("Regularly")

    reader = models.OneToOneField(Reader, on_delete=models.PROTECT)
    years_of_ultrasound = models.PositiveSmallIntegerField(help_text="Years")
    years_of_neck_ultrasound = models.PositiveSmallIntegerField(help_text="Years")
    neck_scans_a_week = models.PositiveSmallIntegerField(help_text="Neck ultrasound scans a week")
    ai_use = models.CharField(max_length=10, choices=AiUse, help_text="AI in the daily work")
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(years_of_ultrasound__lte=70)
                & Q(years_of_neck_ultrasound__lte=F("years_of_ultrasound"))
                & Q(neck_scans_a_week__lte=1000)
                & Q(ai_use__in=["never", "tried", "regularly"]),
                name="profile_plausible",
            )
        ]

    def __str__(self):
        return f"Profile of {self.reader}"


@append_only()
class PracticeReading(models.Model):
    """A practice diagnosis, after which the answer is told. Never part of the results."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT)
    case = models.ForeignKey(Case, on_delete=models.PROTECT)
    malignancy = models.CharField(max_length=9, choices=choices(Malignancy))
    etiology = models.CharField(max_length=32, choices=choices(Etiology))
    at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = [
            consistent_diagnosis("practice_reading_consistent"),
            models.UniqueConstraint(fields=["reader", "case"], name="practice_reading_once"),
        ]

    def __str__(self):
        return f"Practice of {self.reader}"


@append_only()
class DisplayCheck(models.Model):
    """What a reader saw of the test patches, and on what display. Visual: calibrates nothing."""

    reader = models.ForeignKey(Reader, on_delete=models.PROTECT)
    session = models.CharField(max_length=64, db_index=True, help_text="Digest of the session")
    passed = models.BooleanField(help_text="All patches were told apart")
    seen = models.JSONField(help_text="By test, what the reader saw")
    display = models.JSONField(help_text="Resolution, pixel ratio, colour depth, browser")
    at = models.DateTimeField(default=timezone.now)

    def __str__(self):
        return f"Display check of {self.reader}"


@append_only()
class UnblindingRequest(models.Model):
    """One person asks for the unblinding, where the protocol wants two.

    It stands until it is answered, or has lapsed (``reading/two_person_unblinding.py``).
    """

    study = models.ForeignKey(Study, on_delete=models.PROTECT)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    at = models.DateTimeField(default=timezone.now)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ["pk"]

    def __str__(self):
        return f"Unblinding of {self.study.slug}, asked for by {self.by}"


# SQL: whoever asked confirms it too.
_SAME_PERSON = (
    "NEW.outcome = 'confirmed' AND NEW.by_id = "
    "(SELECT by_id FROM reading_unblindingrequest WHERE id = NEW.request_id)"
)


@refuses_when(insert=_SAME_PERSON, update="1 = 1", delete="1 = 1")
class UnblindingAnswer(models.Model):
    """What became of a request: another person confirmed it, or somebody took it back."""

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed"
        WITHDRAWN = "withdrawn"

    request = models.OneToOneField(UnblindingRequest, on_delete=models.PROTECT)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT)
    at = models.DateTimeField(default=timezone.now)
    outcome = models.CharField(max_length=9, choices=Outcome)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(outcome__in=["confirmed", "withdrawn"]), name="unblinding_answer_known"
            )
        ]

    def __str__(self):
        return f"{self.request}: {self.outcome}"
