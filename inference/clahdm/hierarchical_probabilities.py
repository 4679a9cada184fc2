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


def gate(p_malignant: float, *, threshold: float = DEFAULT_THRESHOLD) -> Malignancy:
    """Level 1: malignant if `p_malignant >= threshold`."""
    return Malignancy.MALIGNANT if p_malignant >= threshold else Malignancy.BENIGN


@dataclass(frozen=True)
class HierarchicalProbabilities:
    """One case's three positive-class probabilities, each in [0, 1], and the gate's threshold.

    As a rule sub-models 2 and 3 are run on every case whatever the gate says, so that each can be
    judged on the true members of its branch. On the fast path the one that the gate left out is
    not run and its probability is None; the gated diagnosis needs it no more than it ever did.

    Raises
    ------
    ValueError
        If a number is NaN or outside [0, 1], or None where the gate asks for it.
    """

    p_malignant: float
    """Sub-model 1: probability of malignancy."""
    p_tuberculous: float | None
    """Sub-model 2: probability of tuberculous lymphadenitis, given benign. None: not run."""
    p_metastatic: float | None
    """Sub-model 3: probability of metastatic carcinoma, given malignant. None: not run."""
    threshold: float = DEFAULT_THRESHOLD
    """Probability of malignancy from which on the gate says malignant."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if value is None and field.name in ("p_tuberculous", "p_metastatic"):
                continue
            if value is None or not 0.0 <= value <= 1.0:  # also false for NaN
                raise ValueError(f"{field.name} must lie in [0, 1], got {value!r}")
        if self._p_positive(self.malignancy) is None:
            raise ValueError(f"the gate says {self.malignancy}, whose sub-model was not run")

    @property
    def malignancy(self) -> Malignancy:
        """Level 1, as the gate has it."""
        return gate(self.p_malignant, threshold=self.threshold)

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
        published rule; the threshold plays no part in it. ValueError if a sub-model was not run.
        """
        if self.p_tuberculous is None or self.p_metastatic is None:
            raise ValueError("soft probabilities need all three sub-models; one was not run")
        malignant, benign = self.p_malignant, 1.0 - self.p_malignant
        return (
            benign * (1.0 - self.p_tuberculous),
            benign * self.p_tuberculous,
            malignant * (1.0 - self.p_metastatic),
            malignant * self.p_metastatic,
        )

    def _p_positive(self, branch: Malignancy) -> float | None:
        return self.p_tuberculous if branch is Malignancy.BENIGN else self.p_metastatic
