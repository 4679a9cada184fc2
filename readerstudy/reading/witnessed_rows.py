"""Which rows of readers, besides orders and readings (``audit_digests.py``), the audit log
witnesses."""

from readerstudy.audit.row_digests import EvidenceKind, exclude_from_evidence, register

CONSENT = "consent/1"
PROFILE = "profile/1"
DISPLAY_CHECK = "display-check/1"
PRACTICE_READING = "practice-reading/1"
REQUEST = "unblinding-request/1"
ANSWER = "unblinding-answer/1"

register(
    EvidenceKind(
        name="readers",
        format="reader/1",
        model="reading.Reader",
        study="study",
        fields=("code", "user", "years_of_experience", "group"),
    ),
    EvidenceKind(
        name="consents",
        format=CONSENT,
        model="reading.Consent",
        study="reader__study",
        fields=("reader", "information_sha256", "at"),
    ),
    EvidenceKind(
        name="profiles",
        format=PROFILE,
        model="reading.Profile",
        study="reader__study",
        fields=(
            "reader", "years_of_ultrasound", "years_of_neck_ultrasound", "neck_scans_a_week",
            "ai_use", "at",
        ),
    ),
    EvidenceKind(
        name="display checks",
        format=DISPLAY_CHECK,
        model="reading.DisplayCheck",
        study="reader__study",
        fields=("reader", "session", "passed", "seen", "display", "at"),
    ),
    EvidenceKind(
        name="practice readings",
        format=PRACTICE_READING,
        model="reading.PracticeReading",
        study="reader__study",
        fields=("reader", "case", "malignancy", "etiology", "at"),
    ),
    EvidenceKind(
        name="requests to unblind",
        format=REQUEST,
        model="reading.UnblindingRequest",
        study="study",
        fields=("by", "at", "reason"),
    ),
    EvidenceKind(
        name="answers to unblinding requests",
        format=ANSWER,
        model="reading.UnblindingAnswer",
        study="request__study",
        fields=("request", "by", "at", "outcome", "reason"),
    ),
)  # fmt: skip
exclude_from_evidence(reading_Presentation_unread="cases shown but not yet read")
