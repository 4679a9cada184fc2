"""Who may move a study on: whoever has the right by role (``cohorts/roles.py``), and no reader."""

from readerstudy.accounts.models import User
from readerstudy.cohorts.models import Study
from readerstudy.cohorts.roles import Action, may
from readerstudy.reading.models import Reader


def may_step(user: User, study: Study, action: Action) -> bool:
    """Whether this person may do this with the study.

    Never a reader of it: who diagnoses blindly has no hand in the unblinding.
    """
    if Reader.objects.filter(study=study, user=user).exists():
        return False
    return may(user, action, study)


def who_may(study: Study, action: Action) -> list[User]:
    """All who may do this with the study, by username."""
    people = User.objects.filter(is_active=True).order_by("username")
    some = people.filter(is_staff=True) | people.filter(membership__study=study)
    return [user for user in some.distinct() if may_step(user, study, action)]
