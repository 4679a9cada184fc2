"""What the database holds studies and their parts to: conditions of triggers and constraints."""

from enum import StrEnum

from django.db import models
from django.db.models import Q

from readerstudy.diagnosis import Malignancy

# SQL: the study at the end of each path is no draft any more. What a study rests on is fixed then.
STUDY_UNDER_WAY = "(SELECT state FROM cohorts_study WHERE id = {row}.study_id) <> 'draft'"
COHORT_UNDER_WAY = (
    "(SELECT study.state FROM cohorts_study study JOIN cohorts_cohort cohort "
    "ON cohort.study_id = study.id WHERE cohort.id = {row}.cohort_id) <> 'draft'"
)
CASE_UNDER_WAY = (
    "(SELECT study.state FROM cohorts_study study JOIN cohorts_cohort cohort "
    "ON cohort.study_id = study.id JOIN cohorts_case a_case ON a_case.cohort_id = cohort.id "
    "WHERE a_case.id = {row}.case_id) <> 'draft'"
)
IMAGE_UNDER_WAY = (
    "(SELECT study.state FROM cohorts_study study JOIN cohorts_cohort cohort "
    "ON cohort.study_id = study.id JOIN cohorts_case a_case ON a_case.cohort_id = cohort.id "
    "JOIN cohorts_image image ON image.case_id = a_case.id "
    "WHERE image.id = {row}.image_id) <> 'draft'"
)
PAIR_UNDER_WAY = IMAGE_UNDER_WAY.replace("image_id", "second_id")
SCREENING_UNDER_WAY = (
    "(SELECT study.state FROM cohorts_study study JOIN cohorts_screening screening "
    "ON screening.study_id = study.id WHERE screening.id = {row}.screening_id) <> 'draft'"
)
# SQL: the update unseals a study whose protocol wants two people, and no request of one person
# was confirmed by another one.
UNSEALED_BY_ONE = (
    "NEW.state IN ('unblinded', 'archived') AND OLD.state NOT IN ('unblinded', 'archived') "
    "AND EXISTS (SELECT 1 FROM cohorts_protocol protocol "
    "WHERE protocol.study_id = NEW.id AND protocol.unblinding_needs_two) "
    "AND NOT EXISTS (SELECT 1 FROM reading_unblindinganswer answer "
    "JOIN reading_unblindingrequest request ON request.id = answer.request_id "
    "WHERE request.study_id = NEW.id AND answer.outcome = 'confirmed' "
    "AND answer.by_id <> request.by_id)"
)
# SQL: the person reads the study that they get a role in, or has a role in the one they read.
READS_IT = (
    "EXISTS (SELECT 1 FROM reading_reader reader "
    "WHERE reader.study_id = NEW.study_id AND reader.user_id = NEW.user_id)"
)
HAS_A_ROLE = (
    "EXISTS (SELECT 1 FROM cohorts_membership member "
    "WHERE member.study_id = NEW.study_id AND member.user_id = NEW.user_id)"
)

_RANKS = {"draft": 0, "open": 1, "paused": 1, "locked": 2, "unblinded": 3, "archived": 4}


def plain_values(kind: type[StrEnum]) -> list[str]:
    """The plain values of a vocabulary, as a constraint's condition wants them."""
    return [member.value for member in kind]


def consistent_diagnosis(name: str) -> models.CheckConstraint:
    """The database refuses an etiology that is not of its malignancy's branch."""
    branches = Q()
    for malignancy in Malignancy:
        etiologies = [etiology.value for etiology in malignancy.etiologies]
        branches |= Q(malignancy=malignancy.value, etiology__in=etiologies)
    return models.CheckConstraint(condition=branches, name=name)


def state_rank(row: str) -> str:
    """SQL: how far a study is in its life. Between open and paused it may go to and fro."""
    cases = " ".join(f"WHEN '{state}' THEN {far}" for state, far in _RANKS.items())
    return f"(CASE {row}.state {cases} END)"
