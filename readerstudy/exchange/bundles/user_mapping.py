"""The people of a bundle on this site: users that are there, by an explicit word, or placeholders.

A placeholder can't sign in: it is inactive and has no password. No name is taken for the same
person by itself, since it would open one person's study to another.
"""

import csv
from pathlib import Path

from django.core.exceptions import ValidationError

from readerstudy.accounts.models import User
from readerstudy.exchange.errors import ExchangeError, abridged

MAP_HEADER = ["bundle", "site"]


def read_user_map(path: Path) -> dict[str, str]:
    """Who of the bundle is whom here: a CSV with the columns ``bundle,site``. Raises
    ExchangeError."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise ExchangeError(f"{path} can't be read as CSV: {error}.") from None
    if header != MAP_HEADER or any(len(row) != 2 or not all(row) for row in rows):
        raise ExchangeError(
            f"{path} must have the columns {','.join(MAP_HEADER)} and a name in each cell."
        )
    if len({row[0] for row in rows}) < len(rows):
        raise ExchangeError(f"{path} has a name of the bundle twice.")
    return dict(rows)


def resolve_users(people: list[dict[str, str]], *, slug: str, named: bool, known: dict[str, str]):
    """The users of this site for a bundle's people, by their number. Raises ExchangeError.

    ``known`` says by a bundle's name who that is here; a name that is not here becomes a
    placeholder of that name.
    """
    strangers = set(known) - {person["name"] for person in people}
    if strangers:
        raise ExchangeError(f"Nobody in the bundle is called {abridged(sorted(strangers))}.")
    users, taken, new = {}, [], set()
    for number, person in enumerate(people, start=1):
        if person["id"] != str(number):
            raise ExchangeError(f"tables/people.csv: the id {person['id']} is not {number}.")
        name = known.get(person["name"]) or _placeholder_name(person["name"], slug, named=named)
        user = User.objects.called(name)
        if (user and person["name"] not in known) or name.casefold() in new:
            taken.append(name)
        users[number] = user or _placeholder(name, person)
        if user is None:
            new.add(name.casefold())
    if taken:
        raise ExchangeError(
            f"This site already has users called {abridged(taken)}. In a file for --map (columns "
            "bundle,site), state for each whether it is the same person, as in anna,anna, or "
            "give a new name for the one in the bundle, as in anna,anna-2."
        )
    for user in users.values():
        if user.pk is None:
            user.save()
    return users


def _placeholder_name(name: str, slug: str, *, named: bool) -> str:
    return name if named else f"{slug}-{name}"


def _placeholder(username: str, person: dict[str, str]) -> User:
    user = User(
        username=username,
        is_active=False,
        is_demo=person["is_demo"] == "true",
        **{name: person[name] for name in ("first_name", "last_name", "email")},
    )
    user.set_unusable_password()
    try:
        user.full_clean()
    except ValidationError as error:
        raise ExchangeError(
            f"tables/people.csv, {person['name']}: {' '.join(error.messages)}"
        ) from None
    return user
