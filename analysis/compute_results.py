"""Compute the document of a run's results (``results_document``): every section of a plan, in
its order."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from analysis import canonical, sections
from analysis.plan import Plan
from analysis.results_document import FORMAT
from analysis.study_arrays import StudyData


class SectionFailed(Exception):
    """A section could not be computed; the message names it, and the cause is chained."""


def compute(
    *,
    study: dict[str, Any],
    data: StudyData,
    plan: Plan,
    registered: Plan | None,
    begin: Callable[[int, str], None],
) -> dict:
    """Compute every section of the plan.

    ``study`` goes into the document as it is; ``begin(number, title)`` is called before each
    section, counted from 0. Raises SectionFailed.
    """
    return {
        "format": FORMAT,
        "study": study,
        "plan": json.loads(plan.to_document()),
        "planned": plan == registered,
        "data": {
            "sha256": data.digest(),
            "cohorts": [asdict(cohort) for cohort in data.cohorts],
            "readers": [asdict(reader) for reader in data.readers],
            "model": asdict(data.model),
        },
        "sections": [
            _section(number, name, data=data, plan=plan, registered=registered, begin=begin)
            for number, name in enumerate(plan.sections)
        ],
    }


def _section(number: int, name: str, *, data, plan, registered, begin) -> dict:
    section = sections.SECTIONS[name]
    begin(number, section.TITLE)
    try:
        found = section.compute(data, plan)
        canonical.to_json(found)  # a NaN is this section's fault
    except Exception as error:
        raise SectionFailed(f"{section.TITLE}: {type(error).__name__}: {error}") from error
    return {
        "name": name,
        "title": section.TITLE,
        "planned": sections.was_planned(section, plan, registered=registered),
        **found,
    }
