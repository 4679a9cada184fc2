"""What the values of environment variables must be, said in words where they are not."""

from collections.abc import Callable
from zoneinfo import ZoneInfo

import dj_database_url
from django.core.exceptions import ImproperlyConfigured
from environs import ValidationError, validate

DEVICE = validate.Regexp(
    r"(auto|cpu|cuda(:\d+)?)\Z", error='"{input}" is not a device: use auto, cpu or cuda.'
)
LOG_LEVEL = validate.OneOf(
    ["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"],
    error='"{input}" is not a level: use one of {choices}.',
)
SITE = validate.Regexp(
    r"(https?://[^/?#@\s]+/?)?\Z",
    error='"{input}" is not the address of a site: give scheme and host, as in '
    "https://study.example.org.",
)
FROM_ONE = validate.Range(min=1)
ABOVE_ZERO = validate.Range(min=0, min_inclusive=False)
ENGINES = ("django.db.backends.postgresql", "django.db.backends.sqlite3")


def time_zone(name: str) -> None:
    """A name of the time zone database, as Europe/Berlin."""
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValidationError(
            f'there is no time zone "{name}": use one such as UTC or Europe/Berlin.'
        ) from None


def origins(given: list[str]) -> None:
    """Addresses with their scheme."""
    for each in given:
        if not each.startswith(("https://", "http://")):
            raise ValidationError(f'"{each}" has no scheme: write https://{each}.')


def address(example: str) -> Callable[[str], None]:
    """A service's address, or nothing; its text is not repeated, since it may have a password."""

    def check(given: str) -> None:
        if given and "://" not in given:
            raise ValidationError(f"this is not an address: write it as {example}.")

    return check


def database(url: str) -> dict:
    """Django's DATABASES entry for this address. Raises ImproperlyConfigured."""
    try:
        parsed = dj_database_url.parse(url)
        if parsed["ENGINE"] not in ENGINES:
            raise ValueError(parsed["ENGINE"])
    except (ValueError, KeyError):
        raise ImproperlyConfigured(
            "DATABASE_URL is not the address of a PostgreSQL or SQLite database: write "
            "postgres://user:password@host:5432/name, or sqlite:////folder/db.sqlite3."
        ) from None
    return parsed
