"""Whether the numbers of screening add up, and fit the cases that are there."""

from readerstudy.studies.models import Case, Cohort, Study
from readerstudy.studies.screening.models import Screening


def screening_disagreements(study: Study) -> list[str]:
    """What does not add up, for people; nothing where no screening was recorded at all.

    Practice is no part of it: its patients are not enrolled in the study.
    """
    found = list(
        Screening.objects.filter(study=study)
        .select_related("cohort")
        .prefetch_related("exclusion_set")
    )
    if not found:
        return []
    cohorts = Cohort.objects.filter(study=study).exclude(role=Cohort.Role.PRACTICE)
    problems = [text for each in found for text in _of_one(each, study)]
    together = [each for each in found if each.cohort is None]
    if together and len(found) > 1:
        problems.append(
            "Screening is recorded both for all cohorts together and for single cohorts. Keep "
            "only one of these."
        )
    if not together:
        missing = cohorts.exclude(pk__in=[each.cohort_id for each in found])
        problems += [f"No screening is recorded for cohort {cohort.name}." for cohort in missing]
    return problems


def _of_one(screening: Screening, study: Study) -> list[str]:
    name = f"cohort {screening.cohort.name}" if screening.cohort else "all cohorts"
    if screening.cohort and screening.cohort.study_id != study.pk:
        return [f"Screening of {name}: this cohort belongs to another study."]
    excluded = sum(each.patients for each in screening.exclusion_set.all())
    problems = []
    if screening.screened != excluded + screening.enrolled:
        problems.append(
            f"Screening of {name}: {screening.screened} patients screened, but {excluded} excluded "
            f"and {screening.enrolled} enrolled."
        )
    cases = Case.objects.filter(cohort__study=study).exclude(cohort__role=Cohort.Role.PRACTICE)
    if screening.cohort:
        cases = Case.objects.filter(cohort=screening.cohort)
    if (count := cases.count()) != screening.enrolled:
        problems.append(
            f"Screening of {name}: {screening.enrolled} patients enrolled, but there are {count} "
            "cases."
        )
    return problems
