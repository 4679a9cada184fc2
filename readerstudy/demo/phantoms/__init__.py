"""Synthetic ultrasound of a cervical lymph node: a B-mode picture, a colour Doppler one, the mask.

`draw_phantom` makes one case. What the node is like is drawn first (`findings`), then where it
lies and what lies beside it (`node`), then the two pictures (`bmode`, `doppler`, `frame`) as one
of 14 invented instruments shows them (`instruments`), scanned as an invented hospital scans
(`hospitals`). The findings hang on the etiology and the seed alone, never on the instrument.
"""

from readerstudy.demo.phantoms.anatomy import longest_px
from readerstudy.demo.phantoms.bmode import speckle
from readerstudy.demo.phantoms.findings_model import (
    HABITS,
    MEASURES,
    Flow,
    NodeFindings,
    Sign,
    log_likelihood,
    sample_findings,
)
from readerstudy.demo.phantoms.hospitals import HOSPITALS, Hospital, Technique
from readerstudy.demo.phantoms.instruments import INSTRUMENTS, PLAIN, Instrument
from readerstudy.demo.phantoms.phantom import Phantom, draw_phantom

__all__ = [
    "HABITS",
    "HOSPITALS",
    "INSTRUMENTS",
    "MEASURES",
    "PLAIN",
    "Flow",
    "Hospital",
    "Instrument",
    "NodeFindings",
    "Phantom",
    "Sign",
    "Technique",
    "draw_phantom",
    "log_likelihood",
    "longest_px",
    "sample_findings",
    "speckle",
]
