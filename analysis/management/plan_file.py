"""A plan from a file, for the commands."""

from pathlib import Path

from django.core.management.base import CommandError

from analysis.plan import InvalidPlan, Plan


def read_plan(path: Path) -> Plan:
    """Raises CommandError, with the file and all that is wrong with it."""
    try:
        return Plan.from_document(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{path} can't be read: {error}.") from None
    except InvalidPlan as invalid:
        raise CommandError("\n".join([f"{path} is not a valid plan:", *invalid.problems])) from None
