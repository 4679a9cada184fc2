"""What this app asks for before a study is opened or locked. See ``step_checks``."""

from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from inference.case_status import CaseNote, model_inputs
from inference.models import StudyModel
from readerstudy.accounts.models import User
from readerstudy.reading.lifecycle_permissions import who_may_perform
from readerstudy.reading.models import Assignment, Reader
from readerstudy.reading.step_checks import (
    CheckResult,
    on_results_page,
    on_study_page,
    register_check,
)
from readerstudy.reading.truth_seen import reads_patients, who_saw_truth
from readerstudy.studies.models import (
    Case,
    Cohort,
    Image,
    Membership,
    Protocol,
    Study,
    practice_cases,
    testing_cases,
)
from readerstudy.studies.permissions import Action
from readerstudy.studies.review import similar_images
from readerstudy.studies.review.approval import unapproved_image_reasons
from readerstudy.studies.screening.models import Screening
from readerstudy.studies.screening.screening_consistency import screening_disagreements

NAMED_AT_MOST = 5  # cases named, so that nobody must go through a list


def _cases_page(study: Study, _user: User) -> str:
    return f"{reverse('admin:cohorts_case_changelist')}?cohort__study__id__exact={study.pk}"


def _cohorts_page(study: Study, _user: User) -> str:
    return f"{reverse('admin:cohorts_cohort_changelist')}?study__id__exact={study.pk}"


def _screening_page(study: Study, _user: User) -> str:
    return f"{reverse('admin:cohorts_screening_changelist')}?study__id__exact={study.pk}"


def _jobs_page(study: Study, _user: User) -> str:
    page = reverse("admin:inference_inferencejob_changelist")
    return f"{page}?case__cohort__study__id__exact={study.pk}"


@register_check("open", title="Protocol", where=on_study_page("protocol-group"))
def check_protocol(study: Study) -> CheckResult:
    """There is one; what it leaves out is told."""
    found = Protocol.objects.filter(study=study).first()
    if found is None:
        return CheckResult(missing=["The study has no protocol."])
    sessions = found.design == Protocol.Design.TWO_SESSION
    warnings = []
    if sessions and not found.washout_days:
        warnings.append("There is no washout: stage 2 may begin right after stage 1.")
    if not found.information.strip():
        warnings.append("There is no study information, so readers are not asked for consent.")
    there = [
        f"{found.get_design_display().partition(':')[0]} design",
        f"washout of {found.washout_days} days" if sessions else "",
        f"confidence: {found.get_confidence_display().lower()}",
        f"seed {found.seed}",
    ]
    return CheckResult(warnings=warnings, there=", ".join(filter(None, there)) + ".")


@register_check("open", title="Cohorts and cases", where=_cases_page)
def check_cases(study: Study) -> CheckResult:
    """Testing cases there are, each with its images and its truth."""
    rows = testing_cases(study)
    count = rows.count()
    if not count:
        return CheckResult(missing=["No testing cohort has a case."])
    cohorts = [role.value for role in Cohort.Role if role.is_testing]
    within = study.cohort_set.filter(role__in=cohorts).count()
    return CheckResult(
        missing=_incomplete(rows, kind=""),
        there=f"{count} testing cases in {within} cohort{'s' if within != 1 else ''}.",
    )


@register_check("open", title="Practice", where=_cases_page)
def check_practice(study: Study) -> CheckResult:
    """Practice tells the answer, so no case of it may be one that is read for the study."""
    rows = practice_cases(study)
    count = rows.count()
    return CheckResult(
        missing=_incomplete(rows, kind="practice ") + _in_both(rows, testing_cases(study)),
        warnings=[] if count else ["There are no practice cases. Readers start without practice."],
        there=f"{count} practice cases.",
    )


@register_check("open", title="Image review", where=_cohorts_page)
def check_images_approved(study: Study) -> CheckResult:
    """A person has approved each image that a reader is going to be shown."""
    images = Image.objects.filter(case__cohort__study=study)
    there = "All images are approved." if images.exists() else "There are no images yet."
    return CheckResult(missing=unapproved_image_reasons(study), there=there)


@register_check("open", title="Pictures that stand twice", where=_cohorts_page)
def check_similar_images(study: Study) -> CheckResult:
    """Whoever reads the same picture twice, under two truths, makes one of them wrong."""
    return CheckResult(
        missing=similar_images.unanswered_reasons(study),
        there="No pair of pictures that look the same waits for an answer. Pictures that were "
        "turned, mirrored, or cropped before the import are not found.",
    )


@register_check("open", title="Screening", where=_screening_page)
def check_screening(study: Study) -> CheckResult:
    """What is recorded adds up: it is fixed from the opening, and makes the flowchart."""
    recorded = Screening.objects.filter(study=study).exists()
    nothing = "No screening is recorded. The patient flow will begin with the cases."
    return CheckResult(
        missing=screening_disagreements(study),
        warnings=[] if recorded else [nothing],
        there="The numbers add up.",
    )


def _incomplete(rows: QuerySet[Case], *, kind: str) -> list[str]:
    reasons = []
    incomplete = rows.exclude(image__modality="bus") | rows.exclude(image__modality="cdfi")
    if count := incomplete.distinct().count():
        reasons.append(f"{count} {kind}cases have an image missing.")
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
        "has the same id as a testing case of its hospital": practice.filter(Exists(same_id)),
        "has the same image as a testing case": practice.filter(
            image__sha256__in=images.values("sha256")
        ),
    }
    return [
        f"Practice case {case.cohort_name} / {case.case_id} {reason}. No patient may be in "
        "both: remove the case from one of the cohorts."
        for reason, found in reasons.items()
        for case in found.distinct()[:NAMED_AT_MOST]
    ]


@register_check("open", title="Readers", where=on_study_page("reader_set-group"))
def check_readers(study: Study) -> CheckResult:
    """Readers there must be, and none who could look up the truth or the results."""
    rows = list(Reader.objects.filter(study=study).select_related("user"))
    if not rows:
        return CheckResult(missing=["The study has no reader."])
    members = set(Membership.objects.filter(study=study).values_list("user", flat=True))
    missing = [
        f"{reader.code} ({reader.user}) is staff or has a role in this study. A reader must not "
        "have access to the reference standard."
        for reader in rows
        if reader.user.is_staff or reader.user.is_superuser or reader.user_id in members
    ]
    names = {reader.user_id: f"{reader.code} ({reader.user})" for reader in rows}
    seen = [
        each for each in who_saw_truth([r.user for r in rows], study) if each.user not in members
    ]
    missing += [
        f"{names[each.user]} {each.why}. A reader must not." for each in seen if each.is_now
    ]
    grave = [f"{names[each.user]} {each.why}." for each in seen if not each.is_now]
    warnings = [
        f"{reader.code} ({reader.user}) {_awaited(reader.user)}"
        for reader in rows
        if not study.is_synthetic and _awaited(reader.user)
    ]
    there = f"{len(rows)} readers."
    return CheckResult(missing=missing, grave=grave, warnings=warnings, there=there)


def _awaited(user: User) -> str:
    """What keeps this person from reading at once; blank for nothing."""
    if user.invited_at and not user.accepted_at:
        return "has not accepted the invitation yet."
    return "" if user.last_login else "has not signed in yet."


@register_check("open", title="Model results", where=_jobs_page)
def check_model_results(study: Study) -> CheckResult:
    """Stage 2 must never find a case without the model's result."""
    chosen = StudyModel.objects.filter(study=study).select_related("model_version").first()
    if chosen is None:
        return CheckResult(missing=["No model version is selected for the study."])
    version = chosen.model_version
    inputs = model_inputs(testing_cases(study), model_version=version)
    missing, warnings = [], []
    if inputs.pending and version.is_external:
        missing.append(
            f"{len(inputs.pending)} cases have no prediction for their current images. Import "
            f"predictions of {version} for this study."
        )
    elif inputs.pending:
        missing.append(
            f"{len(inputs.pending)} cases have no model result yet. Run the model first."
        )
    if inputs.failed:
        missing.append(_failures(inputs.failed))
    if not version.is_trained:
        warnings.append(f"{version} is not trained; its output has no diagnostic meaning.")
    if inputs.poor:
        warnings.append(f"{len(inputs.poor)} cases have poor images.")
    return CheckResult(
        missing=missing,
        warnings=warnings,
        there=f"{version}, with results for {len(inputs.done)} cases.",
    )


def _failures(failed: list[CaseNote]) -> str:
    """On which cases the model failed and why, the first few of them."""
    lines = [f"{note.case.cohort_name} / {note.case.case_id}: {note.text}" for note in failed]
    if more := lines[NAMED_AT_MOST:]:
        lines[NAMED_AT_MOST:] = [f"and {len(more)} more (see the job list in the admin)"]
    return (
        f"The model failed on {len(failed)} cases. Fix the cause, then run the model again. "
        f"{'; '.join(lines)}."
    )


@register_check("open", title="Investigators", where=on_study_page("membership_set-group"))
def check_investigators(study: Study) -> CheckResult:
    """Who looks at the progress and registers the plan."""
    role = Membership.Role.INVESTIGATOR
    count = Membership.objects.filter(study=study, role=role).count()
    nobody = "There is no investigator: nobody can follow the progress or register a plan."
    return CheckResult(warnings=[] if count else [nobody], there=f"{count} investigators.")


@register_check("open", title="People who unblind", where=on_study_page("protocol-group"))
def check_two_people(study: Study) -> CheckResult:
    """Where the protocol wants two people to unblind, there are two who may."""
    found = Protocol.objects.filter(study=study).first()
    if found is None or not found.unblinding_needs_two:
        return CheckResult(there="One person, according to the protocol.")
    names = [user.get_username() for user in who_may_perform(study, Action.UNBLIND)]
    if len(names) >= 2:
        return CheckResult(
            there=f"Two people. {len(names)} may unblind: {', '.join(names[:NAMED_AT_MOST])}."
        )
    return CheckResult(
        missing=[
            "The protocol requires two people to unblind, but "
            f"{'only ' + names[0] if names else 'nobody'} may. Give another person the right to "
            "unblind."
        ]
    )


@register_check(
    "unblind", title="Members reading elsewhere", where=on_study_page("membership_set-group")
)
def check_reading_elsewhere(study: Study) -> CheckResult:
    """Nobody with a role here still reads these patients blindly in another study."""
    rows = Membership.objects.filter(study=study).select_related("user").order_by("pk")
    grave = [
        f"{member.user} has a role in this study and reads some of its patients in another "
        "study that is not unblinded yet."
        for member in rows
        if reads_patients(member.user, study)
    ]
    return CheckResult(
        grave=grave, there="No member of this study reads its patients in another study."
    )


@register_check("lock", title="Reading", where=on_results_page)
def check_unread(study: Study) -> CheckResult:
    """A study may be locked early; how early is told."""
    count = unread_count(study)
    left = [f"{count} diagnoses are missing and can't be submitted after locking."] if count else []
    return CheckResult(warnings=left, there="Every reader has read all cases.")


def unread_count(study: Study) -> int:
    """Diagnoses that readers still owe."""
    return Assignment.objects.filter(reader__study=study, reading__isnull=True).count()
