"""What the analysis asks for before a study is opened, unblinded or archived. See
``readerstudy/reading/checks.py``."""

from analysis.models import AnalysisRun
from analysis.registration import registered_plan
from readerstudy.cohorts.models import Protocol, Study
from readerstudy.reading.checks import Found, on_results_page, register


@register("open", title="Analysis plan", where=on_results_page)
def plan_before_opening(study: Study) -> Found:
    """Registered before the first diagnosis, where the protocol wants it."""
    plan = registered_plan(study)
    if plan:
        return Found(there=f"Registered by {plan.registered_by} ({plan.sha256[:12]}...).")
    wanted = Protocol.objects.filter(study=study, plan_before_opening=True).exists()
    if wanted and not study.is_synthetic:
        told = "No analysis plan is registered; an investigator of the study registers one."
        return Found(missing=[told])
    return Found(warnings=["No analysis plan is registered yet."])


@register("unblind", title="Analysis plan", where=on_results_page)
def plan_before_unblinding(study: Study) -> Found:
    """After the unblinding none can be registered."""
    plan = registered_plan(study)
    if plan:
        return Found(there=f"Registered by {plan.registered_by} ({plan.sha256[:12]}...).")
    return Found(warnings=["No analysis plan is registered: all results will be exploratory."])


@register("archive", title="Analysis runs", where=on_results_page)
def no_run_under_way(study: Study) -> Found:
    """None is under way; after the archiving none can be made."""
    runs = AnalysisRun.objects.filter(study=study)
    states = [AnalysisRun.State.QUEUED, AnalysisRun.State.RUNNING]
    under_way = runs.filter(state__in=states).values_list("number", flat=True)
    if under_way:
        names = ", ".join(f"run {number}" for number in under_way)
        return Found(missing=[f"An analysis is under way ({names}); wait until it has ended."])
    done = runs.filter(state=AnalysisRun.State.DONE).count()
    if not done:
        return Found(warnings=["No analysis was run, and none can be run after this."])
    return Found(there=f"{done} done.")
