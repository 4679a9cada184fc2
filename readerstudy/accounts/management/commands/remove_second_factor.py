"""manage.py remove_second_factor USERNAME: for the only admin, whose telephone was lost."""

from django.core.management.base import BaseCommand, CommandError

from readerstudy.accounts import second_factor
from readerstudy.accounts.models import User
from readerstudy.audit.log import record


class Command(BaseCommand):
    help = "Take a person's second factor away and end their sessions; they set it up anew."

    def add_arguments(self, parser):
        parser.add_argument("username")

    def handle(self, *, username: str, **_options):
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no user {username}.")
        if not second_factor.remove(user):
            raise CommandError(f"{username} has no second factor.")
        record("account.second_factor_removed", target=username, detail={"by": "command"})
        self.stdout.write(f"{username}: the second factor is removed.")
