"""What this floor asks for before a study is opened or locked. See ``checks``."""

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from inference.inputs import Told, model_inputs
from inference.models import StudyModel
from readerstudy.accounts.models import User
from readerstudy.cohorts.models import (
    Case,
    Cohort,
    Image,
    Membership,
    Protocol,
    Study,
    practice_cases,
    testing_cases,
)
from readerstudy.cohorts.review.decisions import images_awaiting_review
from readerstudy.cohorts.roles import Action
from readerstudy.cohorts.screening.agreement import screening_disagreements
from readerstudy.cohorts.screening.models import Screening
from readerstudy.reading.checks import Found, on_results_page, on_study_page, register
from readerstudy.reading.models import Assignment, Reader
from readerstudy.reading.people import who_may

TOLD = 5  # cases named, so that nobody must go through a list


def _cases_page(study: Study, _user: User) -> str:
    return f"{reverse('admin:cohorts_case_changelist')}?cohort__study__id__exact={study.pk}"


def _cohorts_page(study: Study, _user: User) -> str:
    return f"{reverse('admin:cohorts_cohort_changelist')}?study__id__exact={study.pk}"


def _screening_page(study: Study, _user: User) -> str:
    return f"{reverse('admin:cohorts_screening_changelist')}?study__id__exact={study.pk}"


def _jobs_page(study: Study, _user: User) -> str:
    page = reverse("admin:inference_inferencejob_changelist")
    return f"{page}?case__cohort__study__id__exact={study.pk}"


@register("open", title="Protocol", where=on_study_page("protocol-group"))
def protocol(study: Study) -> Found:
    """There is one; what it leaves out is told."""
    found = Protocol.objects.filter(study=study).first()
    if found is None:
        return Found(missing=["The study has no protocol."])
    sessions = found.design == Protocol.Design.TWO_SESSION
    warnings = []
    if sessions and not found.washout_days:
        warnings.append("There is no washout: stage 2 may begin right after stage 1.")
    if not found.information.strip():
        warnings.append("There is no study information: no consent is asked.")
    there = [
        f"{found.get_design_display().partition(':')[0]} design",
        f"washout of {found.washout_days} days" if sessions else "",
        f"confidence: {found.get_confidence_display().lower()}",
        f"seed {found.seed}",
    ]
    return Found(warnings=warnings, there=", ".join(filter(None, there)) + ".")


@register("open", title="Cohorts and cases", where=_cases_page)
def cases(study: Study) -> Found:
    """Testing cases there are, each with its images and its truth."""
    rows = testing_cases(study)
    count = rows.count()
    if not count:
        return Found(missing=["No testing cohort has a case."])
    cohorts = [role.value for role in Cohort.Role if role.is_testing]
    within = study.cohort_set.filter(role__in=cohorts).count()
    return Found(
        missing=_incomplete(rows, kind=""),
        there=f"{count} testing cases in {within} cohort{'s' if within != 1 else ''}.",
    )


@register("open", title="Practice", where=_cases_page)
def practice(study: Study) -> Found:
    """Practice tells the answer, so no case of it may be one that is read for the study."""
    rows = practice_cases(study)
    count = rows.count()
    return Found(
        missing=_incomplete(rows, kind="practice ") + _in_both(rows, testing_cases(study)),
        warnings=[] if count else ["There is no practice case: readers begin without practice."],
        there=f"{count} practice cases.",
    )


@register("open", title="Images looked at", where=_cohorts_page)
def images(study: Study) -> Found:
    """A person has approved each image that a reader is going to be shown."""
    there = "All images that are here are approved."
    return Found(missing=images_awaiting_review(study), there=there)


@register("open", title="Screening", where=_screening_page)
def screening(study: Study) -> Found:
    """What is recorded adds up: it is fixed from the opening, and makes the flowchart."""
    recorded = Screening.objects.filter(study=study).exists()
    nothing = "No screening is recorded: the flowchart begins with the patients enrolled."
    return Found(
        missing=screening_disagreements(study),
        warnings=[] if recorded else [nothing],
        there="The numbers add up.",
    )


def _incomplete(rows: QuerySet[Case], *, kind: str) -> list[str]:
    reasons = []
    incomplete = rows.exclude(image__modality="bus") | rows.exclude(image__modality="cdfi")
    if count := incomplete.distinct().count():
        reasons.append(f"{count} {kind}cases lack an image.")
    if count := rows.filter(referencestandard__isnull=True).count():
        reasons.append(f"{count} {kind}cases have no reference standard.")
    return reasons


def _in_both(practice: QuerySet[Case], testing: QuerySet[Case]) -> list[str]:
    """Patients that are in practice and in testing: by their hospital's id, or by an image."""
    same_id = testing.filter(
        case_id=OuterRef("case_id"), cohort__hospital=OuterRef("cohort__hospital")
    )
    images = Image.objects.filter(case__in=testing.values("pk"))
    reasons = {
        "has the id of a testing case of its hospital": practice.filter(Exists(same_id)),
        "has an image of a testing case": practice.filter(
            image__sha256__in=images.values("sha256")
        ),
    }
    return [
        f"Practice case {case.cohort_name} / {case.case_id} {reason}; "
        "no patient may be in both: take the case out of one cohort."
        for reason, found in reasons.items()
        for case in found.distinct()[:TOLD]
    ]


@register("open", title="Readers", where=on_study_page("reader_set-group"))
def readers(study: Study) -> Found:
    """Readers there must be, and none who could look up the truth or the results."""
    rows = list(Reader.objects.filter(study=study).select_related("user"))
    if not rows:
        return Found(missing=["The study has no reader."])
    members = set(Membership.objects.filter(study=study).values_list("user", flat=True))
    missing = [
        f"{reader.code} ({reader.user}) is staff or has a role in running this study; "
        "a reader must not have a way to the truth."
        for reader in rows
        if reader.user.is_staff or reader.user.is_superuser or reader.user_id in members
    ]
    warnings = [
        f"{reader.code} ({reader.user}) {_awaited(reader.user)}"
        for reader in rows
        if not study.is_synthetic and _awaited(reader.user)
    ]
    return Found(missing=missing, warnings=warnings, there=f"{len(rows)} readers.")


def _awaited(user: User) -> str:
    """What keeps this person from reading at once; blank for nothing."""
    if user.invited_at and not user.accepted_at:
        return "has not accepted the invitation yet."
    return "" if user.last_login else "has not signed in yet."


@register("open", title="Model and its results", where=_jobs_page)
def model_results(study: Study) -> Found:
    """Stage 2 must never find a case without the model's result."""
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    if chosen is None:
        return Found(missing=["No model version was chosen for the study."])
    version = chosen.model_version
    inputs = model_inputs(testing_cases(study), model_version=version)
    missing, warnings = [], []
    if inputs.pending and version.is_external:
        missing.append(
            f"{len(inputs.pending)} cases have no prediction that fits their images; import those "
            f"of {version} for this study."
        )
    elif inputs.pending:
        missing.append(
            f"{len(inputs.pending)} cases have no model result yet; run the model first."
        )
    if inputs.failed:
        missing.append(_failures(inputs.failed))
    if not version.is_trained:
        warnings.append(f"{version} says nothing of patients: it is not trained.")
    if inputs.poor:
        warnings.append(f"{len(inputs.poor)} cases have poor images.")
    return Found(
        missing=missing,
        warnings=warnings,
        there=f"{version}, with results for {len(inputs.done)} cases.",
    )


def _failures(failed: list[Told]) -> str:
    """On which cases the model failed and why, the first few of them."""
    lines = [f"{told.case.cohort_name} / {told.case.case_id}: {told.text}" for told in failed]
    if more := lines[TOLD:]:
        lines[TOLD:] = [f"and {len(more)} more, which the admin's job list has"]
    return (
        f"The model failed on {len(failed)} cases; run it again once the cause is gone. "
        f"{'; '.join(lines)}."
    )


@register("open", title="Investigators", where=on_study_page("membership_set-group"))
def investigators(study: Study) -> Found:
    """Who looks at the progress and registers the plan."""
    role = Membership.Role.INVESTIGATOR
    count = Membership.objects.filter(study=study, role=role).count()
    nobody = "There is no investigator: nobody sees the progress or can register a plan."
    return Found(warnings=[] if count else [nobody], there=f"{count} of them.")


@register("open", title="Who unblinds", where=on_study_page("protocol-group"))
def two_people(study: Study) -> Found:
    """Where the protocol wants two people to unblind, there are two who may."""
    found = Protocol.objects.filter(study=study).first()
    if found is None or not found.unblinding_needs_two:
        return Found(there="One person, as the protocol has it.")
    names = [user.get_username() for user in who_may(study, Action.UNBLIND)]
    if len(names) >= 2:
        return Found(there=f"Two people; {len(names)} may: {', '.join(names[:TOLD])}.")
    return Found(
        missing=[
            "The protocol wants two people to unblind, and "
            f"{'only ' + names[0] if names else 'nobody'} may. Give another person the right."
        ]
    )


@register("lock", title="Reading", where=on_results_page)
def unread(study: Study) -> Found:
    """A study may be locked early; how early is told."""
    count = unread_count(study)
    left = [f"{count} diagnoses are not given yet, and will never be."] if count else []
    return Found(warnings=left, there="Every reader has read everything.")


def unread_count(study: Study) -> int:
    """Diagnoses that readers still owe."""
    return Assignment.objects.filter(reader__study=study, reading__isnull=True).count()
