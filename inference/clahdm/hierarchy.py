"""From the three sub-models' probabilities to a diagnosis: gating and decisions, without torch.

Source: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from types import MappingProxyType

from readerstudy.diagnosis import Etiology, Malignancy

DEFAULT_THRESHOLD = 0.5

MALIGNANCY_SUB_MODEL = "malignancy"

SUB_MODELS: Mapping[str, tuple[StrEnum, StrEnum]] = MappingProxyType(
    {
        MALIGNANCY_SUB_MODEL: (Malignancy.BENIGN, Malignancy.MALIGNANT),
        Malignancy.BENIGN.value: Malignancy.BENIGN.etiologies,
        Malignancy.MALIGNANT.value: Malignancy.MALIGNANT.etiologies,
    }
)
"""Sub-models 1, 2, 3 by name, each with its (negative, positive) class.

The first decides level 1; the other two bear the name of the branch whose etiology they decide.
"""


@dataclass(frozen=True)
class HierarchicalProbabilities:
    """One case's three positive-class probabilities, each in [0, 1], and the gate's threshold.

    Sub-models 2 and 3 are run on every case whatever the gate says, so that each can be judged
    on the true members of its branch.

    Raises
    ------
    ValueError
        If any of the four numbers is NaN or outside [0, 1].
    """

    p_malignant: float
    """Sub-model 1: probability of malignancy."""
    p_tuberculous: float
    """Sub-model 2: probability of tuberculous lymphadenitis, given benign."""
    p_metastatic: float
    """Sub-model 3: probability of metastatic carcinoma, given malignant."""
    threshold: float = DEFAULT_THRESHOLD
    """Probability of malignancy from which on the gate says malignant."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0.0 <= value <= 1.0:  # also false for NaN
                raise ValueError(f"{field.name} must lie in [0, 1], got {value!r}")

    @property
    def malignancy(self) -> Malignancy:
        """Level 1, the gate: malignant if `p_malignant >= threshold`."""
        return Malignancy.MALIGNANT if self.p_malignant >= self.threshold else Malignancy.BENIGN

    @property
    def etiology(self) -> Etiology:
        """Level 2: the likelier etiology of the gated branch; a tie goes to the positive class."""
        negative, positive = self.malignancy.etiologies
        return positive if self._p_positive(self.malignancy) >= 0.5 else negative

    def gated(self) -> tuple[float, float, float, float]:
        """The published four-class probabilities, in class order, summing to 1.

        Hard gating: the gated branch's two are (1 - p, p) of its sub-model, the other two are 0.
        """
        p = self._p_positive(self.malignancy)
        if self.malignancy is Malignancy.BENIGN:
            return (1.0 - p, p, 0.0, 0.0)
        return (0.0, 0.0, 1.0 - p, p)

    def soft(self) -> tuple[float, float, float, float]:
        """Four-class probabilities without a gate, in class order, summing to 1.

        Each is the probability of its branch times its probability within the branch. Not the
        published rule; the threshold plays no part in it.
        """
        malignant, benign = self.p_malignant, 1.0 - self.p_malignant
        return (
            benign * (1.0 - self.p_tuberculous),
            benign * self.p_tuberculous,
            malignant * (1.0 - self.p_metastatic),
            malignant * self.p_metastatic,
        )

    def _p_positive(self, branch: Malignancy) -> float:
        return self.p_tuberculous if branch is Malignancy.BENIGN else self.p_metastatic
