"""Which rows of a study's foundation the audit log witnesses (``audit/row_digests.py``)."""

from readerstudy.audit.row_digests import EvidenceKind, exclude_from_evidence, register

_CASE = ("case__cohort__name", "case__case_id")

register(
    EvidenceKind(
        name="protocols",
        format="protocol/1",
        model="cohorts.Protocol",
        study="study",
        fields=(
            "design", "washout_days", "seed", "stratify_by_cohort", "confidence", "rates_aid",
            "information", "asks_profile", "checks_display", "session_minutes", "stage_1_due",
            "stage_2_due", "plan_before_opening", "unblinding_needs_two", "frozen_at",
            "frozen_document", "frozen_sha256",
        ),
    ),
    EvidenceKind(
        name="cohorts",
        format="cohort/1",
        model="cohorts.Cohort",
        study="study",
        fields=("name", "role", "hospital"),
    ),
    EvidenceKind(
        name="cases",
        format="case/1",
        model="cohorts.Case",
        study="cohort__study",
        fields=(
            "case_id", "cohort__name", "sex", "age", "diameter_mm", "location", "neck_level",
            "instrument",
        ),
    ),
    EvidenceKind(
        name="images",
        format="image/1",
        model="cohorts.Image",
        study="case__cohort__study",
        fields=(*_CASE, "modality", "file", "sha256", "width", "height", "mm_per_pixel"),
    ),
    EvidenceKind(
        name="image reviews",
        format="image-review/1",
        model="cohorts.ImageReview",
        study="image__case__cohort__study",
        fields=(
            "image", "state", "suspected", "is_screened", "says_burned_in", "needs_crop",
            "needs_frame", "sha256", "reason", "decided_by", "decided_at",
        ),
    ),
    EvidenceKind(
        name="reference standards",
        format="reference-standard/1",
        model="cohorts.ReferenceStandard",
        study="case__cohort__study",
        fields=(*_CASE, "malignancy", "etiology", "pathologic_method"),
    ),
    EvidenceKind(
        name="screenings",
        format="screening/1",
        model="cohorts.Screening",
        study="study",
        fields=("cohort__name", "screened", "enrolled"),
    ),
    EvidenceKind(
        name="exclusions",
        format="exclusion/1",
        model="cohorts.Exclusion",
        study="screening__study",
        fields=("screening", "position", "reason", "note", "patients"),
    ),
)  # fmt: skip
exclude_from_evidence(
    cohorts_ImportJob="how cases were imported",
    cohorts_CandidateFrame="frames that were not chosen",
    cohorts_ImageFinding="what was found about images (its answers are events)",
    cohorts_ImageThumbnail="thumbnails of images",
    cohorts_SimilarImages="pictures that stand twice (the answers are events)",
    cohorts_Study_title="titles of studies",
    cohorts_Study_created_at="when studies were created",
    accounts_User="accounts",
    cohorts_HistoricalStudy="earlier states of settings",
    MEDIA="files on the disk (a backup and an export check them against their digests)",
)
