"""Controlled vocabularies of a case's baseline characteristics, in plain Python.

The one source of truth for these values and their labels, so that manifests, models, forms and
tables all say the same thing. The diagnoses live in ``readerstudy.diagnosis``.
"""

from enum import StrEnum


class Sex(StrEnum):
    """Sex of the patient."""

    FEMALE = "female"
    MALE = "male"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class Location(StrEnum):
    """Side of the neck on which the node lies."""

    LEFT = "left"
    RIGHT = "right"
    BILATERAL = "bilateral"
    MIDLINE = "midline"

    @property
    def label(self) -> str:
        return self.value.capitalize()


class NeckLevel(StrEnum):
    """Level of the neck in which the node lies, with its sublevel where it is known."""

    LEVEL_I = "I"
    LEVEL_IA = "Ia"
    LEVEL_IB = "Ib"
    LEVEL_II = "II"
    LEVEL_IIA = "IIa"
    LEVEL_IIB = "IIb"
    LEVEL_III = "III"
    LEVEL_IV = "IV"
    LEVEL_V = "V"
    LEVEL_VA = "Va"
    LEVEL_VB = "Vb"
    LEVEL_VI = "VI"
    LEVEL_VII = "VII"
    SUPRACLAVICULAR = "supraclavicular"

    @property
    def label(self) -> str:
        if self is NeckLevel.SUPRACLAVICULAR:
            return self.value.capitalize()
        return f"Level {self.value}"


class PathologicMethod(StrEnum):
    """How the tissue for the pathological diagnosis was obtained."""

    NEEDLE_BIOPSY = "needle_biopsy"
    EXCISIONAL_BIOPSY = "excisional_biopsy"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()


class ExclusionReason(StrEnum):
    """Why a patient who was screened was not enrolled."""

    PATHOLOGY_INCOMPLETE = "pathology_incomplete"
    CLINICAL_INCOMPLETE = "clinical_incomplete"
    POOR_BUS = "poor_bus"
    POOR_CDFI = "poor_cdfi"
    NO_IMAGE = "no_image"
    INELIGIBLE = "ineligible"
    NO_CONSENT = "no_consent"
    DUPLICATE = "duplicate"
    OTHER = "other"

    @property
    def label(self) -> str:
        return {
            ExclusionReason.PATHOLOGY_INCOMPLETE: "Incomplete pathology",
            ExclusionReason.CLINICAL_INCOMPLETE: "Incomplete clinical information",
            ExclusionReason.POOR_BUS: "Poor B-mode image",
            ExclusionReason.POOR_CDFI: "Poor colour Doppler image",
            ExclusionReason.NO_IMAGE: "No B-mode or no colour Doppler image",
            ExclusionReason.INELIGIBLE: "Not eligible by the protocol",
            ExclusionReason.NO_CONSENT: "No consent",
            ExclusionReason.DUPLICATE: "Patient or node already there",
            ExclusionReason.OTHER: "Other",
        }[self]
