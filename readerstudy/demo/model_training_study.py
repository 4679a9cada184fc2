"""A synthetic study to train and test CLA-HDM on: the published cohorts' sizes, in phantoms.

Case mixes: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z. The testing
cohorts' follow from the sub-models' published counts. Of the training cohort the paper prints 136
benign and 259 malignant patients; their etiologies are the whole numbers nearest to what it prints
of sub-models 2 and 3 on them, sensitivity 84.6% and 92.6%, specificity 90.9% and 96.9%.
"""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from readerstudy.demo.phantoms import HOSPITALS, Hospital
from readerstudy.demo.synthetic_cohort import MASKS, write_source
from readerstudy.diagnosis import Etiology
from readerstudy.studies.cohort_import import import_cohort
from readerstudy.studies.models import Case, Cohort, Study

SLUG = "phantoms"
TITLE = "Phantoms: a training cohort and three testing cohorts"
BY = "demo"


@dataclass(frozen=True)
class CohortPlan:
    """A cohort to be drawn; `counts` are in the order of Etiology."""

    name: str
    role: Cohort.Role
    hospital: Hospital
    counts: tuple[int, int, int, int]
    seed: int

    def mix(self, size: int | None = None) -> dict[Etiology, int]:
        """Cases by etiology; for a smaller `size` about the same mix, two of each at least."""
        of = sum(self.counts)
        share = 1 if size is None else size / of
        return {
            etiology: count if size is None else max(2, round(count * share))
            for etiology, count in zip(Etiology, self.counts, strict=True)
        }


COHORTS = (
    CohortPlan("training", Cohort.Role.TRAINING, HOSPITALS[0], (33, 103, 32, 227), seed=901),
    CohortPlan("internal", Cohort.Role.INTERNAL, HOSPITALS[0], (15, 42, 15, 99), seed=902),
    CohortPlan("external 1", Cohort.Role.EXTERNAL, HOSPITALS[1], (12, 21, 10, 62), seed=903),
    CohortPlan("external 2", Cohort.Role.EXTERNAL, HOSPITALS[2], (16, 21, 8, 47), seed=904),
)


def build(
    *, slug: str = SLUG, size: int | None = None, masks: Path | None = None, progress=iter
) -> Study:
    """Draw and import what is not there yet, cohort by cohort.

    `size` makes every cohort of about so many cases, for a rehearsal. With `masks`, the nodes'
    masks stay as MASKS/COHORT/CASE_ID.png, for `evaluate_clahdm --masks`.
    """
    study, _ = Study.objects.get_or_create(
        slug=slug, defaults={"title": TITLE, "is_synthetic": True}
    )
    for plan in COHORTS:
        cohort, _ = Cohort.objects.get_or_create(
            study=study, name=plan.name, defaults={"role": plan.role, "hospital": "Synthetic"}
        )
        if not Case.objects.filter(cohort=cohort).exists():
            with tempfile.TemporaryDirectory() as folder:
                write_source(
                    Path(folder),
                    counts=plan.mix(size),
                    hospital=plan.hospital,
                    seed=plan.seed,
                    masks=True,
                    progress=progress,
                )
                if masks is not None:
                    shutil.copytree(Path(folder) / MASKS, masks / plan.name, dirs_exist_ok=True)
                import_cohort(cohort=cohort, source=Path(folder), by=BY, reviewed_by=BY)
    return study
