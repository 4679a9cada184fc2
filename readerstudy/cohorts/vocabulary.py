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
