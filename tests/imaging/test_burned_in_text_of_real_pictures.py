"""The screen for burned-in text on the real ultrasound pictures that pydicom ships: what letters
stand in them, read by eye, and how many of those it finds. docs/admin.md gives the figures.
"""

import numpy as np
import pytest
from pydicom import examples

from readerstudy.imaging.pixels import decode_rgb
from tests.imaging.test_burned_in_text import lettered_on, share_found

FOUND = 0.3  # of a piece's width
# Left, top, right and bottom of each piece of text, in pixels.
PIECES = {
    "rgb_color": [  # bright letters, eight pixels high
        (9, 12, 85, 20), (9, 21, 44, 28), (9, 29, 34, 36), (9, 37, 40, 44), (9, 44, 32, 52),
        (139, 20, 180, 28), (248, 12, 312, 20), (275, 21, 312, 28), (264, 29, 312, 36),
        (279, 37, 312, 44), (279, 44, 312, 52), (4, 68, 20, 75), (4, 109, 20, 116),
        (299, 68, 316, 75), (299, 109, 316, 116), (124, 180, 180, 188), (199, 228, 311, 237),
    ],
    "palette_color": [  # white letters, fourteen pixels high
        (10, 9, 75, 23), (95, 9, 120, 23), (573, 9, 633, 23), (668, 9, 773, 23),
        (95, 36, 265, 51), (325, 36, 508, 51), (573, 36, 647, 51), (668, 36, 780, 51),
        (3, 67, 75, 81), (3, 86, 45, 100), (3, 105, 48, 119), (3, 124, 50, 138),
        (125, 87, 215, 101), (238, 87, 302, 101), (3, 162, 28, 176), (10, 182, 55, 196),
        (10, 203, 65, 217), (10, 223, 48, 237), (10, 241, 75, 255),
    ],
    "ybr_color": [  # grey letters that hardly rise from the black
        (12, 3, 28, 11), (2, 13, 36, 21), (302, 13, 317, 22), (302, 24, 317, 32),
        (306, 62, 316, 71), (302, 72, 317, 80), (302, 82, 317, 90), (302, 91, 317, 99),
        (287, 198, 297, 207), (60, 229, 76, 238), (137, 229, 160, 238), (180, 229, 206, 238),
        (247, 229, 277, 238),
    ],
}  # fmt: skip
LEAST = {"rgb_color": 15, "palette_color": 19, "ybr_color": 2}
"""Pieces found, of 17, 19 and 13."""


def real(name: str) -> np.ndarray:
    return decode_rgb(examples.get_path(name).read_bytes())


@pytest.mark.parametrize("name", PIECES)
def test_what_is_lettered_in_it_is_found_unless_it_is_faint(name):
    picture = real(name)
    found = [share_found(picture, place) >= FOUND for place in PIECES[name]]
    assert sum(found) >= LEAST[name], [p for p, f in zip(PIECES[name], found, strict=True) if not f]


@pytest.mark.parametrize(("on_tissue", "least"), [(False, 0.95), (True, 0.8)])
def test_a_line_that_is_added_to_a_real_picture_is_found(on_tissue, least):
    rng = np.random.default_rng(5)
    pictures = [real("ybr_color"), real("rgb_color")[66:166, 8:312]]
    tried = []
    for number in range(80):
        picture = pictures[number % 2]
        before = picture if on_tissue else None
        made, place = lettered_on(picture, rng, on_tissue=on_tissue)
        if before is not None and share_found(before, place) > 0:
            continue  # it took this place for text anyway
        tried.append(share_found(made, place) >= FOUND)
    assert len(tried) >= 20
    assert np.mean(tried) >= least, (len(tried), np.mean(tried))
