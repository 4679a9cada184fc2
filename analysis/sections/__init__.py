"""The parts of an analysis: pure functions of the data and the plan, each a module.

A section has a NAME, under which a plan asks for it, a TITLE, the settings of the plan that it
READS, and ``compute(data, plan)``, which returns what goes into the document: ``{"tables": {name:
table}}`` (``analysis.document``). The same data and plan give the same result.
"""

from types import ModuleType

from analysis.plan import Plan
from analysis.sections import (
    agreement,
    baseline,
    confusion,
    errors,
    experience,
    flow,
    mrmc,
    primary,
    roc,
    switches,
    table1,
    table2,
    table3,
    times,
)

SECTIONS: dict[str, ModuleType] = {
    section.NAME: section
    for section in (
        primary, flow, baseline, table1, table2, table3, mrmc, roc, confusion, errors, switches,
        agreement, times, experience,
    )
}  # fmt: skip


def was_planned(section: ModuleType, plan: Plan, *, registered: Plan | None) -> bool:
    """Whether the registered plan has the section too, with all that the section reads."""
    return (
        registered is not None
        and section.NAME in registered.sections
        and all(getattr(plan, part) == getattr(registered, part) for part in section.READS)
    )
