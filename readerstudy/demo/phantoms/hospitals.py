"""Invented hospitals: whom they see, which machines they own, and how they are used to scanning."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from readerstudy.demo.phantoms.instruments import INSTRUMENTS, Instrument
from readerstudy.diagnosis import Etiology


@dataclass(frozen=True, kw_only=True)
class Technique:
    """An operator's habits, the same on every machine."""

    depth_mm: tuple[float, float] = (28, 38)  # of the picture, at least
    gain_db: tuple[float, float] = (0.0, 0.0)  # mean and SD, on top of the machine's
    box_mm: tuple[float, float] = (1.5, 4.0)  # colour box around the node
    vessels: float = 0.4  # how often a great vessel of the neck is looked for beside the node


@dataclass(frozen=True, kw_only=True)
class Hospital:
    """Where a synthetic case is scanned."""

    name: str
    machines: Mapping[int, float]  # number of each instrument: its share of the cases
    technique: Technique
    cases: Mapping[Etiology, int]  # of the published testing cohort: the hospital's case mix

    @property
    def instruments(self) -> tuple[Instrument, ...]:
        return tuple(INSTRUMENTS[number - 1] for number in self.machines)

    def choose(self, rng: np.random.Generator) -> Instrument:
        """The instrument of the next case."""
        shares = np.array(list(self.machines.values()))
        return self.instruments[rng.choice(shares.size, p=shares / shares.sum())]

    def mix(self, cases: int) -> dict[Etiology, int]:
        """This many cases in the hospital's mix, at least one of each etiology for 4 or more.

        As many as published give the published counts.
        """
        shares = np.array(list(self.cases.values()))
        counts = np.full(shares.size, 1 if cases >= shares.size else 0)
        for _ in range(cases - counts.sum()):  # Webster's apportionment
            counts[np.argmax(shares / (2 * counts + 1))] += 1
        return dict(zip(self.cases, counts.tolist(), strict=True))


# Case mixes: Zhu et al., BMC Medicine 2022, 20:269, the testing cohorts of the three hospitals.
HOSPITALS = (
    Hospital(  # training and internal testing
        name="Synthetic hospital 1",
        machines={1: 4, 2: 3, 3: 3, 4: 2, 5: 2, 6: 1, 7: 1},
        technique=Technique(),
        cases=dict(zip(Etiology, (15, 42, 15, 99), strict=True)),
    ),
    Hospital(
        name="Synthetic hospital 2",
        machines={3: 2, 6: 2, 8: 3, 9: 2, 10: 1},
        technique=Technique(depth_mm=(32, 44), gain_db=(1.5, 1.0), box_mm=(2, 6), vessels=0.55),
        cases=dict(zip(Etiology, (12, 21, 10, 62), strict=True)),
    ),
    Hospital(
        name="Synthetic hospital 3",
        machines={2: 1, 7: 1, 11: 3, 12: 2, 13: 2, 14: 2},
        technique=Technique(depth_mm=(25, 36), gain_db=(-1.5, 1.2), box_mm=(1, 3), vessels=0.3),
        cases=dict(zip(Etiology, (16, 21, 8, 47), strict=True)),
    ),
)
