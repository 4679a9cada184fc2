"""Fix an analysis plan before anybody may see a result: the only place that registers one."""

from django.db import transaction

from analysis.models import RegisteredPlan
from analysis.plan import Plan
from analysis.witnessed_rows import PLAN
from readerstudy.audit.log import record
from readerstudy.audit.row_digests import row_evidence
from readerstudy.reading.lifecycle import StepNotPossible
from readerstudy.studies.models import Study


@transaction.atomic
def register(study: Study, plan: Plan, *, by: str) -> RegisteredPlan:
    """Register a plan; from now on it is the one that counts.

    Raises StepNotPossible once the study is unblinded, or for the plan that counts already.
    """
    study = Study.objects.select_for_update().get(pk=study.pk)  # no unblinding is under way now
    if study.is_unsealed:
        raise StepNotPossible(
            ["The study is unblinded. A plan can be registered only before unblinding."]
        )
    document, sha256 = plan.to_document(), plan.sha256()
    current = registered_plan(study)
    if current and current.sha256 == sha256:
        raise StepNotPossible([f"This plan is already registered ({sha256[:12]}...)."])
    registered = RegisteredPlan.objects.create(
        study=study, document=document, sha256=sha256, registered_by=by
    )
    detail = {"plan": sha256} | row_evidence(PLAN, registered)
    record("analysis.register_plan", actor=by, study=study.slug, detail=detail)
    return registered


def registered_plan(study: Study) -> RegisteredPlan | None:
    """The plan that counts: the last one registered."""
    return RegisteredPlan.objects.filter(study=study).last()


def registered_or_default_plan(study: Study) -> Plan:
    """The plan that counts; the default plan for a study that registered none."""
    registered = registered_plan(study)
    return Plan.from_document(registered.document) if registered else Plan()
