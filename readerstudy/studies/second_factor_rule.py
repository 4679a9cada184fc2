"""Whoever has a part in a study that lets them see more than a reader signs in with two factors."""

from readerstudy.accounts.models import User
from readerstudy.accounts.second_factor_policy import requires_second_factor
from readerstudy.studies.models import Membership


@requires_second_factor
def is_member(user: User) -> bool:
    return Membership.objects.filter(user=user).exists()
