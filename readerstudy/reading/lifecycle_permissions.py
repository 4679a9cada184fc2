"""Who may move a study on: whoever has the right by role (``studies/permissions.py``), and no
reader."""

from readerstudy.accounts.models import User
from readerstudy.reading.models import Reader
from readerstudy.studies.models import Study
from readerstudy.studies.permissions import Action, may


def may_perform(user: User, study: Study, action: Action) -> bool:
    """Whether this person may do this with the study.

    Never a reader of it: who diagnoses blindly has no hand in the unblinding.
    """
    if Reader.objects.filter(study=study, user=user).exists():
        return False
    return may(user, action, study)


def who_may_perform(study: Study, action: Action) -> list[User]:
    """All who may do this with the study, by username."""
    people = User.objects.filter(is_active=True).order_by("username")
    some = people.filter(is_staff=True) | people.filter(membership__study=study)
    return [user for user in some.distinct() if may_perform(user, study, action)]
