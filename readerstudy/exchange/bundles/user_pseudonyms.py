"""People in a bundle: under numbers, and under their names only where that was asked for.

A person is whoever a row of the study refers to, numbered as they first come up. Usernames that
stand in texts go through the same numbers.
"""

import re
from collections.abc import Iterator
from typing import Any

from readerstudy.accounts.models import User
from readerstudy.exchange.bundles.study_models import PEOPLE, RECORDS, TABLES, BundleTable
from readerstudy.studies.models import Study

COLUMNS = ("id", "name", "first_name", "last_name", "email", "is_demo")
_E_MAIL = re.compile(r"[^\s@<>\"']+@[^\s@<>\"']+\.\w+")
NO_E_MAIL = "(e-mail withheld)"


class People:
    """Who a study's rows speak of, numbered; ``named`` tells their names."""

    def __init__(self, study: Study, *, named: bool):
        self.named = named
        self.numbers = {pk: n for n, pk in enumerate(_referred(study), start=1)}
        users = User.objects.in_bulk(list(self.numbers))
        self.users = [users[pk] for pk in self.numbers]
        names = dict.fromkeys(
            [user.username for user in self.users] + list(_usernames_in_texts(study))
        )
        self._names = {name: f"person-{n}" for n, name in enumerate(names, start=1)}
        words = sorted(self._words(), key=len, reverse=True)
        self._known = re.compile(rf"\b({'|'.join(map(re.escape, words))})\b") if words else None

    def rows(self) -> Iterator[list[str]]:
        """The people's table: a row each, under ``COLUMNS``."""
        for number, user in enumerate(self.users, start=1):
            name_and_mail = (
                [user.first_name, user.last_name, user.email] if self.named else ["", "", ""]
            )
            is_demo = "true" if user.is_demo else "false"
            yield [str(number), self.name(user.username), *name_and_mail, is_demo]

    def name(self, username: str) -> str:
        """How the bundle calls a user; "" stays."""
        return username if self.named else self._names.get(username, username and "person-0")

    def scrubbed(self, value: Any) -> Any:
        """Text or JSON without the names and e-mail addresses of people, unless they are named."""
        if self.named:
            return value
        if isinstance(value, str):
            text = _E_MAIL.sub(NO_E_MAIL, value)
            return self._known.sub(self._replacement, text) if self._known else text
        if isinstance(value, list):
            return [self.scrubbed(each) for each in value]
        if isinstance(value, dict):
            return {self.scrubbed(key): self.scrubbed(each) for key, each in value.items()}
        return value

    def _words(self) -> set[str]:
        full = {name for user in self.users for name in (user.get_full_name(), user.last_name)}
        return {word for word in {*self._names, *full} if word}

    def _replacement(self, found: re.Match) -> str:
        return self._names.get(found[0], "(name withheld)")


def _referred(study: Study) -> dict[int, None]:
    """The users that rows refer to, as they come up."""
    return dict.fromkeys(referred_keys(study, PEOPLE))


def referred_keys(study: Study, target: BundleTable) -> Iterator[int]:
    """The keys of another table's rows that the study's rows refer to, as they come up."""
    for table in TABLES:
        columns = [f.attname for f in table.references() if f.related_model is target.model]
        if table.study and columns:
            for keys in table.rows(study).values_list(*columns).iterator(chunk_size=2000):
                yield from (key for key in keys if key is not None)


def _usernames_in_texts(study: Study) -> Iterator[str]:
    """Usernames in texts, as they come up."""
    for part in (*TABLES, *RECORDS):
        if part.study and part.usernames:
            for names in part.rows(study).values_list(*part.usernames).iterator(chunk_size=2000):
                yield from filter(None, names)
