"""Who may import what, and see what an import tells."""

from readerstudy.accounts.models import User
from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.models import Study

Kind = ImportJob.Kind


def importable(user: User, study: Study) -> list[Kind]:
    """The kinds of import that this person may make into a study."""
    cases, truth = may_import_cases(user, study), may_import_truth(user, study)
    allowed = {
        Kind.CASES_WITH_TRUTH: cases and truth,
        Kind.CASES: cases,
        Kind.TRUTH: truth,
        Kind.SCREENING: cases,
    }
    return [kind for kind in Kind if allowed[kind]]


def may_see(user: User, job: ImportJob) -> bool:
    """Whether this person may look at an import: what is wrong with one may tell the truth."""
    if job.kind_of.has_truth and not may_see_truth(user, job.study):
        return False
    return user.has_perm("cohorts.view_importjob") or job.kind_of in importable(user, job.study)


def may_import_cases(user: User, study: Study) -> bool:
    return user.has_perm("cohorts.add_case")


def may_import_truth(user: User, study: Study) -> bool:
    return user.has_perm("cohorts.add_referencestandard") and may_see_truth(user, study)


def may_see_truth(user: User, study: Study) -> bool:
    return user.has_perm("cohorts.view_referencestandard")
