"""Readers and members by invitation.

A paste of lines becomes users, readers and mails, or nothing at all. Each line is ``e-mail, name,
code, years, group``, with commas or, as a spreadsheet pastes it, tabs between; a first line with
these names is passed over.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.http import HttpRequest

from readerstudy.accounts import invitations
from readerstudy.accounts.models import User
from readerstudy.audit.log import record
from readerstudy.reading.models import Reader
from readerstudy.reading.truth_seen import reads_patients, role_against_reading
from readerstudy.studies.models import Membership, Study

COLUMNS = ("email", "name", "code", "years", "group")
MAX_LINES = 500
MAX_LINE = 1000  # characters
MAX_YEARS = 70


class InvitationsRefused(Exception):
    """Nobody was invited; ``problems`` says why, by line and column."""

    def __init__(self, problems: list[str]):
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class InvitationRow:
    """One person of a paste."""

    number: int
    email: str
    name: str
    code: str
    years: int
    group: str


@dataclass(frozen=True)
class Sent:
    """Somebody who was invited; ``error`` says why their mail could not be sent, or nothing."""

    user: User
    error: str = ""


def invite_readers(study: Study, text: str, *, request: HttpRequest) -> list[Sent]:
    """Add the people of these lines to a draft's readers, and mail them.

    Raises InvitationsRefused, with all that is wrong, before anything is written. A mail that
    can't be sent undoes nothing: it can be sent again.
    """
    if study.state != Study.State.DRAFT:
        raise InvitationsRefused(
            ["Readers can be added only while the study is a draft, and this study no longer is."]
        )
    lines = _read(text)
    try:
        with transaction.atomic():
            readers = _add_all(study, lines, request=request)
    except IntegrityError:  # the database refuses readers of a study that is under way
        raise InvitationsRefused(
            [
                "The study has been opened or its readers have changed in the meantime. Reload "
                "the page and try again."
            ]
        ) from None
    return [send(study, reader.user, request=request) for reader in readers]


def invite_member(
    study: Study, *, email: str, name: str, role: Membership.Role, request: HttpRequest
) -> Sent:
    """Give somebody this role in the study, whatever its state, and mail them.

    Raises InvitationsRefused, before anything is written, if they can't have it.
    """
    try:
        with transaction.atomic():
            user = invitations.find_or_make(email, name=name)
            if why := _has_a_part(study, user) or _reads_elsewhere(study, user):
                raise InvitationsRefused([why])
            Membership.objects.create(study=study, user=user, role=role)
            record(
                "cohorts.member_invited",
                request=request,
                study=study.slug,
                target=user.username,
                detail={"user": user.pk, "role": role},
            )
    except invitations.NotInvited as refusal:
        raise InvitationsRefused([str(refusal)]) from None
    return send(study, user, request=request)


def send(study: Study, user: User, *, request: HttpRequest) -> Sent:
    """Mail somebody their invitation to this study, a new one each time."""
    try:
        invitations.send_invitation(user, request=request, study=study.title, slug=study.slug)
    except OSError as error:
        return Sent(user, error=str(error) or type(error).__name__)
    return Sent(user)


def _read(text: str) -> list[InvitationRow]:
    """The lines of a paste, each of them sound by itself and no two alike in e-mail or code."""
    problems: list[str] = []
    lines = list(_rows(text, problems))
    if not lines and not problems:
        problems.append("There are no lines. Enter one person per line.")
    for name in ("email", "code"):
        first: dict[str, int] = {}
        for line in lines:
            value = getattr(line, name)
            if value in first:
                problems.append(
                    f"Line {line.number}, {name}: {value} is already on line {first[value]}."
                )
            first.setdefault(value, line.number)
    if problems:
        raise InvitationsRefused(problems)
    return lines


def _rows(text: str, problems: list[str]) -> Iterator[InvitationRow]:
    rows = text.splitlines()
    if len(rows) > MAX_LINES:
        problems.append(
            f"There are {len(rows)} lines, but at most {MAX_LINES} are allowed at a time."
        )
        return
    for number, row in enumerate(rows, start=1):
        if len(row) > MAX_LINE:
            problems.append(f"Line {number}: the line is longer than {MAX_LINE} characters.")
            continue
        cells = _cells(row)
        if not any(cells) or (number == 1 and [c.lower() for c in cells] == list(COLUMNS)):
            continue
        if len(cells) != len(COLUMNS):
            problems.append(
                f"Line {number}: {len(cells)} values instead of {len(COLUMNS)}: "
                f"{', '.join(COLUMNS)}."
            )
            continue
        line = _row(number, cells, problems)
        if line:
            yield line


def _cells(row: str) -> list[str]:
    delimiter = "\t" if "\t" in row else ","
    [cells] = csv.reader([row], delimiter=delimiter) if row else [[]]
    return [cell.strip().replace("\x00", "") for cell in cells]


def _row(number: int, cells: list[str], problems: list[str]) -> InvitationRow | None:
    email, name, code, years, group = cells
    email, group = email.lower(), group.lower()
    found = []
    try:
        validate_email(email)
    except ValidationError:
        found.append(f'email: "{email}" is not an e-mail address.')
    if len(name) > User._meta.get_field("first_name").max_length:
        found.append("name: the name is longer than 150 characters.")
    longest = Reader._meta.get_field("code").max_length
    if not 0 < len(code) <= longest:
        found.append(f'code: "{code}" must have 1 to {longest} characters, such as R1.')
    if not (years.isascii() and years.isdigit() and len(years) <= 2 and int(years) <= MAX_YEARS):
        found.append(f'years: "{years}" is not a whole number from 0 to {MAX_YEARS}.')
    if group not in Reader.Group.values:
        found.append(f'group: "{group}" is not one of {", ".join(Reader.Group.values)}.')
    problems += [f"Line {number}, {problem}" for problem in found]
    return None if found else InvitationRow(number, email, name, code, int(years), group)


def _add_all(study: Study, lines: list[InvitationRow], *, request: HttpRequest) -> list[Reader]:
    problems: list[str] = []
    readers = [_add(study, line, problems) for line in lines]
    if problems:
        raise InvitationsRefused(problems)
    for reader, line in zip(readers, lines, strict=True):
        detail = {"code": line.code, "years": line.years, "group": line.group}
        record(
            "reading.reader_invited",
            request=request,
            study=study.slug,
            target=reader.user.username,
            detail=detail,
        )
    return readers


def _add(study: Study, line: InvitationRow, problems: list[str]) -> Reader | None:
    """The reader of a line; None, and a problem more, if this person can't be one."""
    where = f"Line {line.number}, email: "
    try:
        user = invitations.find_or_make(line.email, name=line.name)
    except invitations.NotInvited as refusal:
        problems.append(where + str(refusal))
        return None
    if why := _why_not(study, user):
        problems.append(where + why)
    elif Reader.objects.filter(study=study, code=line.code).exists():
        problems.append(f"Line {line.number}, code: {line.code} is already a reader of this study.")
    else:
        return Reader.objects.create(
            study=study, user=user, code=line.code, years_of_experience=line.years, group=line.group
        )
    return None


def _why_not(study: Study, user: User) -> str:
    """Why this person can't read this study, or nothing."""
    if user.is_staff:
        return f"{user} is staff, can see the reference standard, and so can't be a reader."
    if why := _has_a_part(study, user):
        return why
    seen = role_against_reading(user, study)
    return f"{user} {seen}, and so can't be a reader." if seen else ""


def _reads_elsewhere(study: Study, user: User) -> str:
    """Why this person can have no role in the study, or nothing: what they read elsewhere."""
    if not reads_patients(user, study):
        return ""
    return (
        f"{user} reads some of this study's patients in another study and can't have a role in "
        "this one until that study is unblinded."
    )


def _has_a_part(study: Study, user: User) -> str:
    """What part this person has in the study, in words, or nothing: nobody has two."""
    if Membership.objects.filter(study=study, user=user).exists():
        return f"{user} already has a role in this study and can't be added again."
    if Reader.objects.filter(study=study, user=user).exists():
        return f"{user} is a reader of this study and can't be added again."
    return ""
