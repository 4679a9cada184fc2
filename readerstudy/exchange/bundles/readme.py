"""The first file that somebody who opens a bundle reads."""

from typing import Any

from readerstudy.studies.models import Study

_TEXT = """\
{title}
{line}

This is everything that the site which ran this reader study has to say of it, in files that can be
opened without its software. The study was {state} when it was exported.
{notice}
What is where
-------------
README.txt            this text
manifest.json         what this bundle is: the study, its tables and their numbers of rows, the
                      versions of the software
data-dictionary.csv   every table and column in words, with units
tables/               the study's rows: a CSV each, or JSON lines where a row is nested
protocol/             the protocol as it was frozen when the study opened
images/               the cases' images, as readers saw them
models/               the weights of the model, where there are any (safetensors, with a model card)
heatmaps/             what the model's explanation showed in stage 2
plans/                analysis plans, as they were registered before the unblinding
runs/                 analysis runs: plan and results, as they were stored
results/              for reading: the runs' metrics and tests, and the data case by case
records/              the audit events of the study, as the origin recorded them
SHA256SUMS            the SHA-256 of every file: sha256sum --check SHA256SUMS

How to read the tables
----------------------
Rows are numbered from 1 in each table, and refer to each other by these numbers: the column `case`
of tables/readings.csv leads to assignments, from there to cases. An empty cell is a missing value.
Times are UTC. A text that a spreadsheet would take for a formula has an apostrophe in front of it.

What is left out
----------------
{left_out}
{people}
Passwords, second factors, sessions and permissions are in no bundle.

The audit events
----------------
Each event is as it stands in the origin's log, with its number there. The log is kept as a chain of
digests where the columns of records/audit.jsonl have one; it goes through the whole site, so that
between two events of this study there may be others, of which nothing is told here. {chain}
Exports of the study are not among the events.

To import
---------
manage.py import_study BUNDLE.zip, on a site with the same version of the software ({code}).
"""
_NAMES = "People are told with their names and e-mail addresses. Treat this bundle accordingly."
_NO_NAMES = (
    "Names and e-mail addresses of people are left out: each person has a number, and names are "
    "replaced in the audit events."
)
_CHAIN_NAMED = "The events are told in full, so that their digests can be computed again."
_CHAIN_UNNAMED = (
    "Since names are replaced here, an event's own digest can't be computed again from this "
    "bundle; from one that was exported with names it can."
)


def readme(study: Study, manifest: dict[str, Any]) -> str:
    """The text, for a bundle of which this is the manifest."""
    notice = study.notice or "Images or readings are simulated."
    return _TEXT.format(
        title=study.title,
        line="=" * len(study.title),
        state=study.get_state_display().lower(),
        notice=f"\nSynthetic: {notice}\n" if study.is_synthetic else "",
        left_out=_left_out(manifest["left_out"]),
        people=_NAMES if manifest["named"] else _NO_NAMES,
        chain=_CHAIN_NAMED if manifest["named"] else _CHAIN_UNNAMED,
        code=manifest["software"]["code"],
    )


def _left_out(names: list[str]) -> str:
    if not names:
        return "Nothing of the study's tables and images is left out."
    return (
        f"{', '.join(names)}: they are not in this bundle, which therefore can be read but not "
        "imported."
    )
