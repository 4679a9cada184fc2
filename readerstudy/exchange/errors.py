"""Why something is not handed over: in words for whoever asked for it."""

from collections.abc import Iterable


class ExchangeError(Exception):
    """Nothing was changed; ``problems`` says all that stands in the way, and the way out."""

    def __init__(self, *problems: str):
        super().__init__("\n".join(problems))
        self.problems = problems


def abridged(names: Iterable[str], *, most: int = 5) -> str:
    """The first few names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
