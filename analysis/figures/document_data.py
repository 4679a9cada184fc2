"""What figures take from the document of a run's results, or why they can't be drawn."""

from collections.abc import Iterable
from typing import Any

from analysis.results_document import records, section
from readerstudy.diagnosis import Etiology

Record = dict[str, Any]

ALL_COHORTS = "All cohorts"
MODEL = "CLA-HDM"
WITHOUT, WITH = STAGES = ("without AI", "with AI")
GROUPS = ("senior", "middle", "junior")
ETIOLOGIES = tuple(etiology.value for etiology in Etiology)
SHORT = dict(zip(ETIOLOGIES, ("Reactive", "Tuberculous", "Lymphoma", "Metastatic"), strict=True))

NAME_LENGTH = 30  # of a cohort's name on a figure


class NotAvailable(Exception):
    """The document does not hold what a figure shows; the message says why, for people."""


def required_rows(document: dict, name: str, table: str) -> list[Record]:
    """The rows of a section's table. Raises NotAvailable if there are none."""
    found = section(document, name)
    if found is None:
        raise NotAvailable(f"The plan of this run does not ask for the section “{name}”.")
    if table not in found["tables"]:
        raise NotAvailable(f"The section “{found['title']}” has no table “{table}”.")
    wanted = list(records(found["tables"][table]))
    if not wanted:
        raise NotAvailable(f"In the section “{found['title']}” nothing could be computed.")
    return wanted


def complete_rows(found: Iterable[Record], *columns: str) -> list[Record]:
    """The rows whose columns all hold a value. Raises NotAvailable, with a reason, if none does."""
    found = list(found)
    wanted = [row for row in found if all(row[column] is not None for column in columns)]
    if not wanted:
        reason = next((row["reason"] for row in found if row.get("reason")), "No value is known.")
        raise NotAvailable(reason)
    return wanted


def cohorts_of(found: Iterable[Record]) -> list[str]:
    """The cohorts in their order; all together only if there are several."""
    names = list(dict.fromkeys(row["cohort"] for row in found))
    return [name for name in names if name != ALL_COHORTS or len(names) != 2]


def overall_cohort(found: Iterable[Record]) -> str:
    """All cohorts together, or the only one."""
    return cohorts_of(found)[-1]


def rows_by(found: Iterable[Record], *columns: str) -> dict[Any, Record]:
    """The rows by the values of one column, or of several."""
    if len(columns) == 1:
        return {row[columns[0]]: row for row in found}
    return {tuple(row[column] for column in columns): row for row in found}


def group_of(document: dict) -> dict[str, str]:
    """Every reader's experience group, by code."""
    return {reader["code"]: reader["group"] for reader in document["data"]["readers"]}


def caveats(document: dict, *names: str) -> str:
    """What a figure of these sections must say of itself: synthetic, exploratory, untrained."""
    study = document["study"]
    words = []
    if study["is_synthetic"]:
        words.append(study.get("notice", "").rstrip(".") or "Synthetic data")
    if not document["data"]["model"]["is_trained"]:
        words.append("Model without training")
    if any(found and not found["planned"] for found in (section(document, n) for n in names)):
        words.append("Exploratory")
    return " · ".join(words)


def left_out_note(shown: int, of: int, what: str) -> str:
    """What a figure says at its foot if it leaves some out."""
    return f"{shown} of {of} {what}." if shown < of else ""


def short_cohort_name(name: str) -> str:
    """A cohort's name where there is no room for a long one; what is said beside has all of it."""
    if len(name) <= NAME_LENGTH:
        return name
    return name[: NAME_LENGTH - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def percent(share: float) -> str:
    """One decimal, as the page prints it."""
    return f"{100 * share:.1f}"


def p_value(p: float) -> str:
    """Three decimals; never 0.000."""
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def interval(row: Record, digits: int = 3) -> str:
    """The value with its limits in brackets, or alone."""
    value = f"{row['value']:.{digits}f}"
    if row.get("low") is None or row.get("high") is None:
        return value
    dash = " to " if row["low"] < 0 else "\N{EN DASH}"
    text = f"{value} ({row['low']:.{digits}f}{dash}{row['high']:.{digits}f})"
    return text.replace("-", "\N{MINUS SIGN}")
