"""Who may import what, and see what an import tells."""

from django.db.models import QuerySet

from readerstudy.accounts.models import User
from readerstudy.cohorts import roles
from readerstudy.cohorts.imports.models import ImportJob
from readerstudy.cohorts.models import Screening, Study
from readerstudy.cohorts.roles import Action, Verb

Kind = ImportJob.Kind


def importable(user: User, study: Study) -> list[Kind]:
    """The kinds of import that this person may make into a study."""
    cases = roles.may(user, Action.IMPORT_CASES, study)
    truth = roles.may(user, Action.IMPORT_TRUTH, study)
    truth = truth and roles.may(user, Action.SEE_TRUTH, study)
    allowed = {
        Kind.CASES_WITH_TRUTH: cases and truth,
        Kind.CASES: cases,
        Kind.TRUTH: truth,
        Kind.SCREENING: _may_add_screening(user, study),
    }
    return [kind for kind in Kind if allowed[kind]]


def visible(user: User, jobs: QuerySet[ImportJob]) -> QuerySet[ImportJob]:
    """Those of these imports that tell nothing this person may not know: what is wrong with a
    source may tell the truth of a case."""
    told = [kind for kind in Kind if kind.has_truth]
    studies = Study.objects.filter(pk__in=jobs.filter(kind__in=told).values("study"))
    sealed = [study.pk for study in studies if not roles.may(user, Action.SEE_TRUTH, study)]
    return jobs.exclude(kind__in=told, study__in=sealed)


def _may_add_screening(user: User, study: Study) -> bool:
    if user.has_perm("cohorts.add_screening"):
        return True
    return bool(roles.reach(roles.parts_of(user, study=study), Screening, Verb.ADD))
