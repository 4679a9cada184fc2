"""The parts of an analysis: pure functions of the data and the plan, each a module.

A section has a NAME, under which a plan asks for it, a TITLE, the settings of the plan that it
READS, and ``compute(data, plan)``, which returns what goes into the document: ``{"tables": {name:
table}}`` (``analysis.results_document``). The same data and plan give the same result.
"""

from types import ModuleType

from analysis.plan import Plan
from analysis.sections import (
    agreement,
    baseline,
    changes_and_reliance,
    clahdm_performance,
    confusion,
    error_rates,
    flow,
    gain_by_experience,
    group_performance,
    model_roc,
    mrmc,
    primary,
    reader_performance,
    times,
)

SECTIONS: dict[str, ModuleType] = {
    section.NAME: section
    for section in (
        primary, flow, baseline, clahdm_performance, reader_performance, group_performance, mrmc,
        model_roc, confusion, error_rates, changes_and_reliance, agreement, times,
        gain_by_experience,
    )
}  # fmt: skip


def was_planned(section: ModuleType, plan: Plan, *, registered: Plan | None) -> bool:
    """Whether the registered plan has the section too, with all that the section reads."""
    return (
        registered is not None
        and section.NAME in registered.sections
        and all(getattr(plan, part) == getattr(registered, part) for part in section.READS)
    )
