"""What a dry run found about pictures: what a person will have to answer, and which stand twice."""

import hashlib

import numpy as np

from readerstudy.imaging import findings
from readerstudy.imaging.deidentified_image import DeidentifiedImage
from readerstudy.imaging.likeness import alike, thumbnail
from readerstudy.studies.imports.dry_run_report import SHOWN, Summary
from readerstudy.studies.models import Study
from readerstudy.studies.review.models import ImageThumbnail
from readerstudy.studies.review.similar_images import add_missing_thumbnails

_CROP, _FRAME, _TEXT = "box to draw", "frame to choose", "text suspected"
_IN_WORDS = {
    findings.COLOURS: "colours to choose",
    findings.PLANES: "colours perhaps stored otherwise",
    findings.STRETCHED: "made square",
    findings.SHAPE: "doubtful shape",
    findings.FRAMES: "more frames than said",
    findings.EXTRA: "longer than said",
    findings.FLAT: "of one shade",
    findings.GREY: "Doppler without colour",
    findings.COLOURED: "strong colours in B-mode",
    findings.BURNED_IN: "identity shown, says the file",
}
_NOT_COMPARED = "sizes are compared with the cohort's once they are imported"
_NOT_FOUND = "pictures that were cropped, turned or mirrored are not found"


class PictureSummary:
    """Filled picture by picture; then what there is to say of all of them."""

    def __init__(self, study: Study):
        self._study = study
        self._found: dict[str, list[str]] = {}
        self._names: list[str] = []
        self._cases: list[str] = []
        self._thumbnails: list[bytes] = []
        self._digests: list[bytes] = []

    def add(self, case_id: str, kind: str, image: DeidentifiedImage) -> None:
        """Add a case's picture of this kind ("bus" or "cdfi")."""
        name = f"{case_id} {kind}"
        told = image.findings
        kinds = [_IN_WORDS.get(doubt.kind, doubt.kind) for doubt in told.doubts]
        kinds += [_CROP] if told.needs_crop else []
        kinds += [_FRAME] if told.frames else []
        kinds += [_TEXT] if told.boxes else []
        for found in kinds:
            self._found.setdefault(found, []).append(name)
        self._names.append(name)
        self._cases.append(case_id)
        self._thumbnails.append(thumbnail(image.rgb))
        self._digests.append(hashlib.sha256(image.rgb.tobytes()).digest())

    def texts(self) -> Summary:
        """For the report: findings by kind, and pictures that show the same as one before."""
        to_answer = "; ".join(f"{kind}: {_listed(names)}" for kind, names in self._found.items())
        twice = [*self._within(), *self._known_before()]
        return {
            "to_look_at": f"{to_answer or 'nothing was found'}; {_NOT_COMPARED}",
            "same_picture": (_listed(twice) if twice else "none, in this source and in the study")
            + f"; {_NOT_FOUND}",
        }

    def _within(self) -> list[str]:
        """Each picture with the first one before it that shows the same, of another case."""
        first_of: dict[int, int] = {}
        cases = np.array(self._cases)
        for later, places in alike(self._thumbnails, self._thumbnails):
            earlier = places[(places < later) & (cases[places] != cases[later])]
            if earlier.size:
                first_of[later] = int(earlier[0])
        exact: dict[bytes, int] = {}
        for place, digest in enumerate(self._digests):
            if exact.setdefault(digest, place) != place:
                first_of.setdefault(place, exact[digest])
        return [
            f"{self._names[later]} = {self._names[first]}"
            for later, first in sorted(first_of.items())
        ]

    def _known_before(self) -> list[str]:
        add_missing_thumbnails(self._study)
        rows = list(
            ImageThumbnail.objects.filter(image__case__cohort__study=self._study)
            .order_by("image")
            .values_list("image__case__cohort__name", "image__case__case_id",
                         "image__modality", "pixels")
        )  # fmt: skip
        found = []
        for new, old in alike(self._thumbnails, [bytes(row[3]) for row in rows]):
            cohort, case_id, modality, _pixels = rows[old[0]]
            found.append(f"{self._names[new]} = {case_id} {modality} of cohort {cohort}")
        return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
