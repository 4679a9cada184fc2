"""What diagnoses, baseline characteristics and states are called on a reader's pages.

Their labels are plain English (``readerstudy.diagnosis``, ``studies.clinical_vocabulary``), as
manifests, tables and exports write them; a reader sees them in the reader's language.
"""

from enum import StrEnum

from django.utils.translation import gettext, gettext_noop

# Listed for the catalogue, which is gathered from the source; a test holds the list complete.
IN_LANGUAGE = (
    gettext_noop("Benign"),
    gettext_noop("Malignant"),
    gettext_noop("Reactive hyperplasia"),
    gettext_noop("Tuberculous lymphadenitis"),
    gettext_noop("Lymphoma"),
    gettext_noop("Metastatic carcinoma"),
    gettext_noop("B-mode ultrasound"),
    gettext_noop("Colour Doppler flow imaging"),
    gettext_noop("Female"),
    gettext_noop("Male"),
    gettext_noop("Left"),
    gettext_noop("Right"),
    gettext_noop("Bilateral"),
    gettext_noop("Midline"),
    gettext_noop("Level I"),
    gettext_noop("Level Ia"),
    gettext_noop("Level Ib"),
    gettext_noop("Level II"),
    gettext_noop("Level IIa"),
    gettext_noop("Level IIb"),
    gettext_noop("Level III"),
    gettext_noop("Level IV"),
    gettext_noop("Level V"),
    gettext_noop("Level Va"),
    gettext_noop("Level Vb"),
    gettext_noop("Level VI"),
    gettext_noop("Level VII"),
    gettext_noop("Supraclavicular"),
    gettext_noop("Draft"),
    gettext_noop("Open"),
    gettext_noop("Paused"),
    gettext_noop("Locked"),
    gettext_noop("Unblinded"),
    gettext_noop("Archived"),
)


def in_language(member: StrEnum) -> str:
    """A member's label in the language that is active."""
    return gettext(member.label)
