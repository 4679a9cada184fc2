"""What is known of an image that a person must look at, and what that person decided."""

from django.db import models
from django.db.models import F, Q

from readerstudy.audit.append_only import frozen_when
from readerstudy.imaging.box import Box
from readerstudy.studies.db_conditions import IMAGE_UNDER_WAY, PAIR_UNDER_WAY


@frozen_when(IMAGE_UNDER_WAY)
class ImageReview(models.Model):
    """What was found in an image at import, and the decision of who looked at it.

    An approval is of the very pixels that were looked at: it names their SHA-256.
    """

    class State(models.TextChoices):
        PENDING = "pending", "To be looked at"
        CROPPED = "cropped", "Cropped by hand: look at the result"
        APPROVED = "approved", "Approved"
        REJECTED = "rejected", "Rejected"

    image = models.OneToOneField("cohorts.Image", on_delete=models.PROTECT, related_name="review")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    suspected = models.JSONField(
        default=list, help_text="Boxes where text is suspected: left, top, right, bottom in pixels"
    )
    is_screened = models.BooleanField(
        default=True, help_text="Not so for images imported before there was a screening"
    )
    says_burned_in = models.BooleanField(
        default=False, help_text="Its DICOM file says that the pixels name the patient"
    )
    needs_crop = models.CharField(
        max_length=100, blank=True, help_text="Why a box must be drawn by hand; blank: it need not"
    )
    needs_frame = models.BooleanField(default=False, help_text="A frame of the clip must be chosen")
    sha256 = models.CharField(max_length=64, blank=True, help_text="Of the file that was approved")
    reason = models.CharField(max_length=200, blank=True, help_text="Of a rejection")
    decided_by = models.CharField(max_length=150, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["pending", "cropped", "approved", "rejected"]),
                name="image_review_state_known",
            ),
            models.CheckConstraint(
                condition=Q(state="pending") | (~Q(decided_by="") & Q(decided_at__isnull=False)),
                name="image_review_by_someone",
            ),
            models.CheckConstraint(
                condition=~Q(state="approved")
                | (Q(needs_crop="", needs_frame=False) & ~Q(sha256="")),
                name="image_review_approved_whole",
            ),
            models.CheckConstraint(
                condition=~Q(state="rejected") | ~Q(reason=""),
                name="image_review_rejected_with_reason",
            ),
        ]

    def __str__(self):
        return f"Review of {self.image}"

    @property
    def boxes(self) -> list[Box]:
        """Where text is suspected."""
        return [Box(*sides) for sides in self.suspected]


class CandidateFrame(models.Model):
    """A frame of a clip, kept as a bare PNG until one is chosen as the image."""

    image = models.ForeignKey("cohorts.Image", on_delete=models.PROTECT)
    number = models.PositiveIntegerField(help_text="In the clip, from 1")
    file = models.FileField(upload_to="images", max_length=100, unique=True)

    class Meta:
        ordering = ["image", "number"]
        constraints = [
            models.UniqueConstraint(fields=["image", "number"], name="candidate_frame_once")
        ]

    def __str__(self):
        return f"Frame {self.number} of {self.image}"


@frozen_when(IMAGE_UNDER_WAY)
class ImageFinding(models.Model):
    """What may be false about an image, found at import, and who said that it is right.

    One that must be answered keeps the image from being approved.
    """

    image = models.ForeignKey(
        "cohorts.Image",
        on_delete=models.PROTECT,
        related_name="findings",
        help_text="Of which it may be false",
    )
    kind = models.CharField(max_length=16, help_text="As in imaging/findings.py")
    text = models.CharField(max_length=300, help_text="What was found, in words")
    must_answer = models.BooleanField(default=True, help_text="Not so for what is only told")
    answered_by = models.CharField(max_length=150, blank=True, help_text="Who answered")
    answered_at = models.DateTimeField(null=True, help_text="When")

    class Meta:
        ordering = ["image", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["image", "kind"], name="image_finding_once"),
            models.CheckConstraint(
                condition=Q(answered_by="", answered_at__isnull=True)
                | (~Q(answered_by="") & Q(answered_at__isnull=False)),
                name="image_finding_answered_by_someone",
            ),
        ]

    def __str__(self):
        return f"{self.kind} of {self.image}"

    @property
    def is_open(self) -> bool:
        """Whether a person must still answer it."""
        return self.must_answer and not self.answered_by


class ImageThumbnail(models.Model):
    """An image as 16 by 16 brightnesses, by which pictures that show the same are found."""

    image = models.OneToOneField(
        "cohorts.Image", on_delete=models.PROTECT, related_name="thumbnail"
    )
    pixels = models.BinaryField(max_length=256)

    def __str__(self):
        return f"Thumbnail of {self.image}"


@frozen_when(PAIR_UNDER_WAY)
class SimilarImages(models.Model):
    """Two images of a study that show the same, or seem to, and who said why that is right.

    The second one came later. Each image is paired with the first one that it is like.
    """

    first = models.ForeignKey(
        "cohorts.Image",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The image that came first",
    )
    second = models.ForeignKey(
        "cohorts.Image",
        on_delete=models.PROTECT,
        related_name="+",
        help_text="The image that came later",
    )
    is_same = models.BooleanField(help_text="Pixel for pixel; else by their thumbnails")
    answer = models.CharField(max_length=200, blank=True, help_text="Why both may stand")
    answered_by = models.CharField(max_length=150, blank=True, help_text="Who answered")
    answered_at = models.DateTimeField(null=True, help_text="When")

    class Meta:
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["first", "second"], name="similar_images_once"),
            models.CheckConstraint(
                condition=Q(first__lt=F("second")), name="similar_images_in_order"
            ),
            models.CheckConstraint(
                condition=Q(answer="", answered_by="", answered_at__isnull=True)
                | (~Q(answer="") & ~Q(answered_by="") & Q(answered_at__isnull=False)),
                name="similar_images_answered_by_someone",
            ),
        ]

    def __str__(self):
        return f"{self.first} and {self.second}"

    @property
    def images(self) -> list[models.Model]:
        """Both."""
        return [self.first, self.second]

    @property
    def is_told_in_practice(self) -> bool:
        """Whether readers are told the answer to one of the two, and asked for the other's."""
        roles = {image.case.cohort.role for image in self.images}
        return len(roles) > 1 and "practice" in roles
