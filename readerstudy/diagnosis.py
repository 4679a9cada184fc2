"""The diagnostic hierarchy: level 1 is benign or malignant, level 2 an etiology of that branch.

The one source of truth for class names and their order, in plain Python, so that models,
forms, the network and the statistics all say the same thing.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from enum import StrEnum


class Malignancy(StrEnum):
    """Level 1."""

    BENIGN = "benign"
    MALIGNANT = "malignant"

    @property
    def label(self) -> str:
        return self.value.capitalize()

    @property
    def etiologies(self) -> tuple["Etiology", ...]:
        """The etiologies of this branch, in class order."""
        return tuple(e for e in Etiology if e.malignancy is self)


class Etiology(StrEnum):
    """Level 2. Definition order is the class order of every probability vector, shape (4,)."""

    REACTIVE = "reactive_hyperplasia"
    TUBERCULOUS = "tuberculous_lymphadenitis"
    LYMPHOMA = "lymphoma"
    METASTATIC = "metastatic_carcinoma"

    @property
    def label(self) -> str:
        return self.value.replace("_", " ").capitalize()

    @property
    def malignancy(self) -> Malignancy:
        benign = (Etiology.REACTIVE, Etiology.TUBERCULOUS)
        return Malignancy.BENIGN if self in benign else Malignancy.MALIGNANT

    @property
    def class_index(self) -> int:
        """0-based position in the class order."""
        return list(Etiology).index(self)


class Modality(StrEnum):
    """The two ultrasound images that a diagnosis rests on."""

    BUS = "bus"
    CDFI = "cdfi"

    @property
    def label(self) -> str:
        return "B-mode ultrasound" if self is Modality.BUS else "Colour Doppler flow imaging"


def choices(kind: type[StrEnum]) -> list[tuple[str, str]]:
    """(value, label) pairs, as forms and model fields want them."""
    return [(member.value, member.label) for member in kind]


def is_consistent(malignancy: str, etiology: str) -> bool:
    """Whether the etiology belongs to the branch; False for any unknown name."""
    try:
        return Etiology(etiology).malignancy is Malignancy(malignancy)
    except ValueError:
        return False
