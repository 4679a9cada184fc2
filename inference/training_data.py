"""The training cohort as the network learns from it. Testing cohorts are out of its reach."""

import hashlib
from collections.abc import Iterator

import numpy as np

from inference.images import read_pixels
from readerstudy.diagnosis import Etiology
from readerstudy.studies.models import Case, Cohort, Study


class NoTrainingCohort(ValueError):
    """A study's training cohort can't be learnt from; the message says why."""


def training_cases(study: Study) -> list[Case]:
    """The cases with role training, their truth and images at hand, in a fixed order.

    Raises NoTrainingCohort if there are none, a case has no truth, or an etiology has no case.
    """
    cases = list(
        Case.objects.filter(cohort__study=study, cohort__role=Cohort.Role.TRAINING)
        .select_related("cohort", "referencestandard")
        .prefetch_related("image_set")
        .order_by("cohort__name", "case_id")
    )
    if not cases:
        raise NoTrainingCohort(f'Study "{study.slug}" has no training cohort with cases.')
    if unknown := [case.case_id for case in cases if not hasattr(case, "referencestandard")]:
        raise NoTrainingCohort(
            f"{len(unknown)} cases have no reference standard, the first is {unknown[0]}."
        )
    found = {case.referencestandard.etiology for case in cases}
    if absent := [etiology.label for etiology in Etiology if etiology not in found]:
        raise NoTrainingCohort(f"The training cohort has no case of: {', '.join(absent)}.")
    return cases


def training_pairs(cases: list[Case]) -> Iterator[tuple[np.ndarray, np.ndarray, Etiology]]:
    """(BUS, CDFI, etiology) of each case, as `inference.clahdm.data.cohort` takes them.

    Raises ValueError, naming the case, when its images are not those that were imported.
    """
    for case in cases:
        try:
            pixels = read_pixels(case.image_set.all())
        except (ValueError, OSError) as error:
            raise ValueError(f"{case}: {error}") from error
        yield pixels["bus"], pixels["cdfi"], Etiology(case.referencestandard.etiology)


def cohort_sha256(cases: list[Case]) -> str:
    """The digest that a model card names its training cohort by.

    SHA-256 of one line a case: its id, etiology and the digests of its BUS and CDFI image.
    """
    digest = hashlib.sha256()
    for case in cases:
        images = {image.modality: image.sha256 for image in case.image_set.all()}
        facts = (case.case_id, case.referencestandard.etiology, images["bus"], images["cdfi"])
        digest.update((",".join(facts) + "\n").encode())
    return digest.hexdigest()
