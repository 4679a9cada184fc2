"""Who may move a study on. One place: the pages, the buttons and the checklist all ask here."""

from readerstudy.accounts.models import User
from readerstudy.cohorts.models import Study
from readerstudy.reading.models import Reader

PERMISSION = "cohorts.change_study"


def may_step(user: User, study: Study, step: str) -> bool:
    """Whether this person may take this step of the study's life.

    Never a reader of it: who diagnoses blindly has no hand in the unblinding.
    """
    if Reader.objects.filter(study=study, user=user).exists():
        return False
    return user.is_staff and user.has_perm(PERMISSION)


def who_may(study: Study, step: str) -> list[User]:
    """All who may take this step, by username."""
    staff = User.objects.filter(is_active=True, is_staff=True).order_by("username")
    return [user for user in staff if may_step(user, study, step)]
