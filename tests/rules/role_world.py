"""Two studies with a person in each role, and what is looked for on their pages."""

import re

from readerstudy.studies.models import Case, Cohort, Study
from tests import factories
from tests.rules.members import OWN
from tests.rules.walk import sign_in

ROLES = {"i": "investigator", "d": "data_manager", "a": "auditor"}
PEOPLE = tuple(OWN)
TRUTH = re.compile(
    r'<option value="(?:lymphoma|\w+_\w+)" selected>|readonly">(?:Lymphoma|Reactive|Tuberc|Metast)'
)


def make_studies() -> tuple[Study, Study]:
    """Drafts alpha and beta, of different patients, with a person in each role of each."""
    alpha = factories.make_draft("alpha", cases=2, readers=("anna",), cohorts=("ALPHA-COHORT",))
    beta = factories.make_draft("beta", cases=2, readers=("boris",), cohorts=("BETA-COHORT",))
    Cohort.objects.filter(study=beta).update(hospital="BETA-HOSPITAL")
    for person, letter in OWN.items():
        factories.make_member(alpha, person, ROLES[letter])
        factories.make_member(beta, f"other_{person}", ROLES[letter])
    return alpha, beta


def unblind(study: Study) -> None:
    """Through all of a study's life, every case read."""
    if study.state == "draft":
        factories.lifecycle.open_study(study, by="test")
    factories.read_all(study)
    factories.finish(study)


def case_page(person: str, study: Study) -> str:
    case = Case.objects.filter(cohort__study=study).first()
    answer = sign_in(person).get(f"/admin/cohorts/case/{case.pk}/change/")
    return answer.content.decode() if answer.status_code == 200 else ""
