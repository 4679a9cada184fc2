"""What the analysis asks for before a study is opened, unblinded or archived. See
``readerstudy/reading/step_checks.py``."""

from analysis.models import AnalysisRun
from analysis.registration import registered_plan
from readerstudy.reading.step_checks import CheckResult, on_results_page, register_check
from readerstudy.studies.models import Protocol, Study


@register_check("open", title="Analysis plan", where=on_results_page)
def check_plan_before_opening(study: Study) -> CheckResult:
    """Registered before the first diagnosis, where the protocol wants it."""
    plan = registered_plan(study)
    if plan:
        return CheckResult(there=f"Registered by {plan.registered_by} ({plan.sha256[:12]}...).")
    wanted = Protocol.objects.filter(study=study, plan_before_opening=True).exists()
    if wanted and not study.is_synthetic:
        text = "No analysis plan is registered. An investigator of the study must register one."
        return CheckResult(missing=[text])
    return CheckResult(warnings=["No analysis plan is registered yet."])


@register_check("unblind", title="Analysis plan", where=on_results_page)
def check_plan_before_unblinding(study: Study) -> CheckResult:
    """After the unblinding none can be registered."""
    plan = registered_plan(study)
    if plan:
        return CheckResult(there=f"Registered by {plan.registered_by} ({plan.sha256[:12]}...).")
    return CheckResult(
        warnings=["No analysis plan is registered. All results will be exploratory."]
    )


@register_check("archive", title="Analysis runs", where=on_results_page)
def check_no_run_under_way(study: Study) -> CheckResult:
    """None is under way; after the archiving none can be made."""
    runs = AnalysisRun.objects.filter(study=study)
    states = [AnalysisRun.State.QUEUED, AnalysisRun.State.RUNNING]
    under_way = runs.filter(state__in=states).values_list("number", flat=True)
    if under_way:
        names = ", ".join(f"run {number}" for number in under_way)
        return CheckResult(missing=[f"An analysis is running ({names}). Wait until it has ended."])
    done = runs.filter(state=AnalysisRun.State.DONE).count()
    if not done:
        return CheckResult(warnings=["No analysis has been run, and none can be run after this."])
    return CheckResult(there=f"{done} done.")
