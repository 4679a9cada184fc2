"""The people of a bundle on this site: users that are there, by an explicit word, or placeholders.

A placeholder can't sign in: it is inactive and has no password. No name is taken for the same
person by itself, since it would open one person's study to another.
"""

import csv
from pathlib import Path

from django.core.exceptions import ValidationError

from readerstudy.accounts.models import User
from readerstudy.handover.problems import Refused, first

MAP_HEADER = ["bundle", "site"]


def read_map(path: Path) -> dict[str, str]:
    """Who of the bundle is whom here: a CSV with the columns ``bundle,site``. Raises Refused."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        raise Refused(f"{path} can't be read as a CSV: {error}.") from None
    if header != MAP_HEADER or any(len(row) != 2 or not all(row) for row in rows):
        raise Refused(f"{path}: needs the columns {','.join(MAP_HEADER)}, and a name in each cell.")
    if len({row[0] for row in rows}) < len(rows):
        raise Refused(f"{path}: a name of the bundle is there twice.")
    return dict(rows)


def settle(people: list[dict[str, str]], *, slug: str, named: bool, known: dict[str, str]):
    """The users of this site for a bundle's people, by their number. Raises Refused.

    ``known`` says by a bundle's name who that is here; a name that is not here becomes a
    placeholder of that name.
    """
    strangers = set(known) - {person["name"] for person in people}
    if strangers:
        raise Refused(f"Nobody in the bundle is called {first(sorted(strangers))}.")
    users, taken = {}, []
    for number, person in enumerate(people, start=1):
        if person["id"] != str(number):
            raise Refused(f"tables/people.csv: the id {person['id']} is not {number}.")
        name = known.get(person["name"]) or _placeholder_name(person["name"], slug, named=named)
        user = User.objects.filter(username=name).first()
        if user and person["name"] not in known:
            taken.append(name)
        users[number] = user or _placeholder(name, person)
    if taken:
        raise Refused(
            f"There are users called {first(taken)} on this site already. Say in a file for --map "
            "(columns bundle,site) whether each is the same person, as in anna,anna, or under "
            "which new name to keep the other one, as in anna,anna-2."
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
        raise Refused(f"tables/people.csv, {person['name']}: {' '.join(error.messages)}") from None
    return user
