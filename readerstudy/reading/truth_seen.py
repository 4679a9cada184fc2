"""Who may have seen the truth of a study's patients by a part in another study, or in this one.

Studies have patients in common by an image or a hospital's id (``studies/shared_patients.py``), as
a copy has those of its source. A data manager is told the truth of a study; whoever has another
role in it, once it is unblinded. Roles that were taken away count: what was seen stays seen.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from readerstudy.accounts.models import User
from readerstudy.studies.models import Membership, Study
from readerstudy.studies.permissions import UNSEALED
from readerstudy.studies.shared_patients import share_patients

_DELETED = "-"


@dataclass(frozen=True)
class TruthSeen:
    """Why a person may know the truth; ``is_now``: by what they may do still."""

    user: int
    why: str
    is_now: bool


@dataclass(frozen=True)
class _Held:
    """A role that somebody had until then; None: has."""

    user: int
    study: int
    role: str
    until: datetime | None


def who_saw_truth(users: Iterable[User], study: Study) -> list[TruthSeen]:
    """Why any of these people may know the truth of a patient of this study."""
    ids = [user.pk for user in users]
    held = _roles_held(ids)
    others = Study.objects.in_bulk({each.study for each in held})
    shared = {
        pk
        for pk, other in others.items()
        if pk == study.pk or share_patients(study.pk, Study.objects.filter(pk=other.pk))
    }
    seen = [_truth_seen(each, others[each.study], study) for each in held if each.study in shared]
    return [*filter(None, seen), *_former_staff(ids)]


def role_against_reading(user: User, study: Study) -> str:
    """Why this person can't read this study, by a role that they have; blank for nothing."""
    return next((seen.why for seen in who_saw_truth([user], study) if seen.is_now), "")


def reads_patients(user: User, study: Study) -> bool:
    """Whether this person reads some of a study's patients in another study, still sealed."""
    read = Study.objects.filter(reader__user=user).exclude(state__in=UNSEALED)
    return share_patients(study.pk, read.exclude(pk=study.pk))


def _truth_seen(held: _Held, other: Study, study: Study) -> TruthSeen | None:
    """What a role says; None where it never was one that is told the truth."""
    unblinded = other.unblinded_at
    after = unblinded is not None and (held.until is None or held.until > unblinded)
    if held.role != Membership.Role.DATA_MANAGER and not after:
        return None
    role = Membership.Role(held.role).name.lower().replace("_", " ")
    had = "is" if held.until is None else f"was until {held.until:%Y-%m-%d}"
    of = "this study" if other == study else other.slug
    since = f" (unblinded on {unblinded:%Y-%m-%d})" if after else ""
    patients = "" if other == study else ", which shares patients with this study"
    why = f"{had} {role} of {of}{since}{patients}, and may know the reference standard"
    return TruthSeen(held.user, why, held.until is None)


def _roles_held(users: list[int]) -> list[_Held]:
    """All roles that these people have or had, by the history of each membership."""
    known = Membership.history.filter(user_id__in=users).values_list("id", flat=True)
    states = Membership.history.filter(id__in=known).order_by("id", "history_id")
    fields = ("id", "user_id", "study_id", "role", "history_type", "history_date")
    rows = list(states.values_list(*fields))
    held: dict[tuple[int, int, str], datetime | None] = {}
    for (pk, user, study, role, kind, _at), following in pairwise([*rows, None]):
        if following and following[0] == pk and kind != _DELETED:
            held[user, study, role] = following[-1]
    now = Membership.objects.filter(user__in=users).values_list("user", "study", "role")
    held |= dict.fromkeys(now)
    return [_Held(*key, until) for key, until in held.items() if key[0] in users]


def _former_staff(users: list[int]) -> list[TruthSeen]:
    """Those who were staff once: of every study, staff may be told the truth."""
    rows = User.history.filter(id__in=users)
    staff = rows.filter(is_staff=True) | rows.filter(is_superuser=True)
    once = set(staff.values_list("id", flat=True))
    now = User.objects.filter(pk__in=once)
    now = now.filter(is_staff=True) | now.filter(is_superuser=True)
    once -= set(now.values_list("pk", flat=True))  # whom another check refuses
    return [
        TruthSeen(pk, "was staff, with access to all reference standards", False)
        for pk in sorted(once)
    ]
