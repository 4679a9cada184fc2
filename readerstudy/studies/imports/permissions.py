"""Who may import what, and see what an import tells."""

from django.db.models import QuerySet

from readerstudy.accounts.models import User
from readerstudy.studies import permissions
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Screening, Study
from readerstudy.studies.permissions import Action, Verb

Kind = ImportJob.Kind


def importable_kinds(user: User, study: Study) -> list[Kind]:
    """The kinds of import that this person may make into a study."""
    cases = permissions.may(user, Action.IMPORT_CASES, study)
    truth = permissions.may(user, Action.IMPORT_TRUTH, study)
    truth = truth and permissions.may(user, Action.SEE_TRUTH, study)
    allowed = {
        Kind.CASES_WITH_TRUTH: cases and truth,
        Kind.CASES: cases,
        Kind.TRUTH: truth,
        Kind.SCREENING: _may_add_screening(user, study),
    }
    return [kind for kind in Kind if allowed[kind]]


def visible_jobs(user: User, jobs: QuerySet[ImportJob]) -> QuerySet[ImportJob]:
    """Those of these imports that tell nothing this person may not know: what is wrong with a
    source may tell the truth of a case."""
    truth_kinds = [kind for kind in Kind if kind.has_truth]
    studies = Study.objects.filter(pk__in=jobs.filter(kind__in=truth_kinds).values("study"))
    sealed = [study.pk for study in studies if not permissions.may(user, Action.SEE_TRUTH, study)]
    return jobs.exclude(kind__in=truth_kinds, study__in=sealed)


def _may_add_screening(user: User, study: Study) -> bool:
    if user.has_perm("cohorts.add_screening"):
        return True
    return bool(
        permissions.roles_allowing(permissions.roles_of(user, study=study), Screening, Verb.ADD)
    )
