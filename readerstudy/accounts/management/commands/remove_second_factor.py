"""manage.py remove_second_factor USERNAME: for the only admin, whose telephone was lost."""

from django.core.management.base import BaseCommand, CommandError

from readerstudy.accounts import second_factor_policy
from readerstudy.accounts.models import User
from readerstudy.audit.log import record


class Command(BaseCommand):
    help = "Remove a person's second factor and end their sessions. They can then set up a new one."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *, username: str, **_options):
        user = User.objects.called(username)
        if user is None:
            raise CommandError(f"There is no user {username}.")
        if not second_factor_policy.remove_second_factor(user):
            raise CommandError(f"{username} has no second factor.")
        record("account.second_factor_removed", target=username, detail={"by": "command"})
        self.stdout.write(f"Removed the second factor of {username}.")
