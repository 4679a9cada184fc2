"""A copied study may take over the analysis plan. See ``readerstudy/reading/copying.py``."""

from analysis.plan import Plan
from analysis.registration import register as register_plan
from analysis.registration import registered_plan
from readerstudy.reading.copying import Copying, CopyPart, register_part


def _copy_plan(copying: Copying) -> None:
    """Register the source's plan for the copy, if it has one: a registration of the copy's own."""
    plan = registered_plan(copying.source)
    if plan:
        register_plan(copying.study, Plan.from_document(plan.document), by=copying.by)


register_part(CopyPart(name="plan", label="Register the same analysis plan", copy=_copy_plan))
