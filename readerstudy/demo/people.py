"""The demo's users. Their passwords are public; they can sign in only in demo mode."""

from readerstudy.accounts.models import User
from readerstudy.studies.models import Membership

PASSWORD = "demo-{username}"  # noqa: S105 (public on purpose)
MEMBERS = {
    "investigator": Membership.Role.INVESTIGATOR,
    "data-manager": Membership.Role.DATA_MANAGER,
    "auditor": Membership.Role.AUDITOR,
}
SIGN_INS = ("radiologist", *MEMBERS, "admin")


def make_people() -> None:
    """Create the demo users that are not there yet."""
    for username in SIGN_INS:
        user, created = User.objects.get_or_create(
            username=username,
            defaults={
                "is_demo": True,
                "is_staff": username == "admin",
                "is_superuser": username == "admin",
            },
        )
        if created:
            user.set_password(PASSWORD.format(username=username))
            user.save()


def simulated_reader(number: int) -> User:
    """A user behind simulated readings, who can't sign in at all."""
    user, created = User.objects.get_or_create(
        username=f"simulated-reader-{number}", defaults={"is_demo": True, "is_active": False}
    )
    if created:
        user.set_unusable_password()
        user.save()
    return user
