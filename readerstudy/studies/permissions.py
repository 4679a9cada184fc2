"""Who may do what in a study: one table, role by role. What isn't in it, no member may.

Superusers may do all, and staff what Django's model permissions say, in every study. Whoever is
neither has a role in each study that they are a member of, and may there, and there alone, do
what this table says of the role. The admin's classes take it from here (role_limited_admin.py).

The truth stays away from readers: a member who reads some of the study's patients in another
study sees neither truth nor results of it, until the other study is unblinded too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.db.models import Model, Q, QuerySet

from readerstudy.accounts.models import User
from readerstudy.studies.models import Membership, Study
from readerstudy.studies.shared_patients import share_patients

Role = Membership.Role
UNSEALED = frozenset({"unblinded", "archived"})  # states in which the results may be seen


class Verb(StrEnum):
    """What can be done with a row, by the names that Django's permissions have."""

    VIEW = "view"
    ADD = "add"
    CHANGE = "change"
    DELETE = "delete"


Verbs = frozenset[Verb]
NOTHING: Verbs = frozenset()
LOOK: Verbs = frozenset({Verb.VIEW})
FILL_IN: Verbs = LOOK | {Verb.ADD, Verb.CHANGE}
SET_UP: Verbs = FILL_IN | {Verb.DELETE}


@dataclass(frozen=True, kw_only=True)
class Rule:
    """What members may do with the rows of a model; with ``after``, once the study is unblinded.

    ``truth``: the rows tell it. ``to_study`` is the lookup from a row to its study: "" for a
    study, None for rows that are the site's. ``by_slug``: it ends at the study's slug. ``only``:
    which of the site's rows; it takes the ids of a member's studies.
    """

    to_study: str | None
    investigator: Verbs = NOTHING
    data_manager: Verbs = NOTHING
    auditor: Verbs = NOTHING
    after: Verbs = NOTHING
    truth: bool = False
    by_slug: bool = False
    only: Callable[[list[int]], Q] | None = None

    def verbs(self, role: "StudyRole") -> Verbs:
        """What a person with this role may do with the rows of its study."""
        if self.truth and role.is_blinded:
            return NOTHING
        return getattr(self, role.role) | (self.after if role.is_unsealed else NOTHING)

    def study_of(self, row: Model) -> int | str:
        """The id, or the slug, of a row's study."""
        for name in filter(None, self.to_study.split("__")):
            row = getattr(row, name)
        return row if self.by_slug else row.pk


def _model_versions(studies: list[int]) -> Q:
    """Weights are the site's; predictions made elsewhere are of the study that shows them."""
    return Q(is_external=False) | Q(studymodel__study__in=studies)


NOBODY = Rule(to_study=None)  # of the members: these are the admins' own
_WATCHED = {"investigator": LOOK, "auditor": LOOK}
_SEEN = _WATCHED | {"data_manager": LOOK}

MODELS: Mapping[str, Rule] = {
    "cohorts.study": Rule(to_study="", **_SEEN | {"investigator": LOOK | {Verb.CHANGE}}),
    "cohorts.protocol": Rule(to_study="study", **_SEEN | {"investigator": FILL_IN}),
    # Roles are given by admins: whoever hands out roles hands out the truth.
    "cohorts.membership": Rule(to_study="study", **_SEEN),
    "cohorts.cohort": Rule(
        to_study="study", investigator=SET_UP, data_manager=SET_UP, auditor=LOOK
    ),
    "cohorts.case": Rule(to_study="cohort__study", **_SEEN | {"data_manager": SET_UP}),
    "cohorts.image": Rule(to_study="case__cohort__study", **_SEEN),
    "cohorts.referencestandard": Rule(
        to_study="case__cohort__study", data_manager=FILL_IN, after=LOOK, truth=True
    ),
    "cohorts.importjob": Rule(to_study="study", **_SEEN),
    "cohorts.screening": Rule(
        to_study="study", investigator=SET_UP, data_manager=SET_UP, auditor=LOOK
    ),
    "cohorts.exclusion": Rule(
        to_study="screening__study", investigator=SET_UP, data_manager=SET_UP, auditor=LOOK
    ),
    "inference.modelversion": Rule(to_study=None, **_SEEN, only=_model_versions),
    "inference.studymodel": Rule(to_study="study", **_SEEN | {"investigator": FILL_IN}),
    "inference.inferencejob": Rule(to_study="case__cohort__study", **_SEEN),
    "reading.reader": Rule(to_study="study", investigator=SET_UP, auditor=LOOK),
    "reading.readingorder": Rule(to_study="reader__study", **_WATCHED),
    "reading.assignment": Rule(to_study="reader__study", **_WATCHED),
    "reading.consent": Rule(to_study="reader__study", **_WATCHED),
    "reading.profile": Rule(to_study="reader__study", **_WATCHED),
    "reading.displaycheck": Rule(to_study="reader__study", **_WATCHED),
    "reading.practicereading": Rule(to_study="reader__study", after=LOOK),
    "reading.reading": Rule(to_study="assignment__reader__study", after=LOOK),
    "audit.auditevent": Rule(to_study="study", by_slug=True, auditor=LOOK),
    "accounts.user": NOBODY,
    "auth.group": NOBODY,
}


class Action(StrEnum):
    """What is done with a study as a whole."""

    RUN_MODEL = "run_model"
    OPEN = "open"
    PAUSE = "pause"
    RESUME = "resume"
    LOCK = "lock"
    UNBLIND = "unblind"
    ARCHIVE = "archive"
    COPY = "copy"
    INVITE = "invite"
    IMPORT_CASES = "import_cases"
    IMPORT_TRUTH = "import_truth"
    IMPORT_PREDICTIONS = "import_predictions"
    REVIEW_IMAGES = "review_images"
    SEE_TRUTH = "see_truth"
    SEE_AUDIT = "see_audit"
    SEE_PROGRESS = "see_progress"
    REMIND = "remind"
    SEE_RESULTS = "see_results"
    REGISTER_PLAN = "register_plan"
    RUN_ANALYSIS = "run_analysis"
    EXPORT = "export"


@dataclass(frozen=True, kw_only=True)
class Permit:
    """Whose an action is: of these roles, of others once the study is unblinded, and of staff
    with these permissions of Django's (none named: of no staff, superusers included).

    ``truth``: it tells the truth, and is not for whoever is blinded."""

    roles: frozenset[str] = field(default_factory=frozenset)
    after: frozenset[str] = field(default_factory=frozenset)
    staff: tuple[str, ...] = ()
    truth: bool = False


_EVERY_ROLE = frozenset(Role.values)
_INVESTIGATOR = frozenset({Role.INVESTIGATOR.value})
_DATA_MANAGER = frozenset({Role.DATA_MANAGER.value})
_STEP = Permit(roles=_INVESTIGATOR, staff=("cohorts.change_study",))

ACTIONS: Mapping[Action, Permit] = {
    Action.RUN_MODEL: _STEP,
    Action.OPEN: _STEP,
    Action.PAUSE: _STEP,
    Action.RESUME: _STEP,
    Action.LOCK: _STEP,
    Action.UNBLIND: _STEP,
    Action.ARCHIVE: _STEP,
    Action.COPY: Permit(roles=_INVESTIGATOR, staff=("cohorts.add_study",)),
    Action.INVITE: Permit(roles=_INVESTIGATOR, staff=("reading.add_reader",)),
    Action.IMPORT_CASES: Permit(roles=_DATA_MANAGER, staff=("cohorts.add_case",)),
    Action.IMPORT_TRUTH: Permit(
        roles=_DATA_MANAGER, staff=("cohorts.add_referencestandard",), truth=True
    ),
    Action.IMPORT_PREDICTIONS: Permit(
        roles=_INVESTIGATOR | _DATA_MANAGER,
        staff=("inference.add_modelversion", "cohorts.change_study"),
    ),
    Action.REVIEW_IMAGES: Permit(roles=_DATA_MANAGER, staff=("cohorts.change_image",)),
    Action.SEE_TRUTH: Permit(
        roles=_DATA_MANAGER,
        after=_EVERY_ROLE,
        staff=("cohorts.view_referencestandard",),
        truth=True,
    ),
    Action.SEE_AUDIT: Permit(
        roles=frozenset({Role.AUDITOR.value}), staff=("audit.view_auditevent",)
    ),
    Action.SEE_PROGRESS: Permit(roles=_EVERY_ROLE),
    Action.REMIND: Permit(roles=_INVESTIGATOR),
    Action.SEE_RESULTS: Permit(after=_EVERY_ROLE),
    Action.REGISTER_PLAN: Permit(roles=_INVESTIGATOR),
    Action.RUN_ANALYSIS: Permit(after=_INVESTIGATOR),
    Action.EXPORT: Permit(roles=_INVESTIGATOR, staff=("handover.add_studyexport",), truth=True),
}


@dataclass(frozen=True)
class StudyRole:
    """A person's role in one study, and whether its results are open to that person.

    ``is_blinded``: the person reads some of its patients in a study that is not unblinded.
    """

    study_id: int
    slug: str
    role: str
    is_unsealed: bool
    is_blinded: bool

    def may(self, action: Action) -> bool:
        """Whether the role allows this action, as the study stands now."""
        permit = ACTIONS[action]
        if permit.truth and self.is_blinded:
            return False
        return self.role in permit.roles or (self.is_unsealed and self.role in permit.after)


def roles_of(user: User, *, study: Study | None = None) -> list[StudyRole]:
    """The person's role in every study, or in one of them alone."""
    if not user.is_authenticated:
        return []
    rows = Membership.objects.filter(user=user)
    if study is not None:
        rows = rows.filter(study=study)
    rows = list(rows.values_list("study", "study__slug", "role", "study__state"))
    read = Study.objects.filter(reader__user=user).exclude(state__in=UNSEALED)
    is_reader = bool(rows) and read.exists()
    roles = []
    for study_id, slug, role, state in rows:
        blinded = is_reader and share_patients(study_id, read)
        unsealed = state in UNSEALED and not blinded
        roles.append(StudyRole(study_id, slug, role, is_unsealed=unsealed, is_blinded=blinded))
    return roles


def studies_for(user: User, action: Action) -> QuerySet[Study]:
    """The studies with which this person may do this, by role or as staff."""
    if _as_staff(user, action):
        return Study.objects.all()
    allowed = [role.study_id for role in roles_of(user) if role.may(action)]
    return Study.objects.filter(pk__in=allowed)


def may(user: User, action: Action, study: Study) -> bool:
    """Whether this person may do this with this study, by role or as staff."""
    return _as_staff(user, action) or any(role.may(action) for role in roles_of(user, study=study))


def may_anywhere(user: User, action: Action) -> bool:
    """Whether this person may do this with some study, there being one or not."""
    return _as_staff(user, action) or any(role.may(action) for role in roles_of(user))


def _as_staff(user: User, action: Action) -> bool:
    wanted = ACTIONS[action].staff
    return bool(wanted) and user.has_perms(wanted)


def roles_allowing(roles: list[StudyRole], model: type[Model], verb: Verb) -> list[StudyRole]:
    """The roles that allow this with rows of the model: none for a model without a rule."""
    rule = MODELS.get(model._meta.label_lower, NOBODY)
    return [role for role in roles if verb in rule.verbs(role)]


def rows_within(
    queryset: QuerySet, roles: list[StudyRole], *, model: type[Model], through: str = ""
) -> QuerySet:
    """Those rows that belong to the studies of these roles, by the model's rule.

    ``through``: the rows are what the first step of ``model``'s lookup leads to.
    """
    rule = MODELS.get(model._meta.label_lower, NOBODY)
    if not roles or rule is NOBODY:
        return queryset.none()
    if rule.to_study is None:
        studies = [role.study_id for role in roles]
        return queryset.filter(pk__in=queryset.filter(rule.only(studies)).values("pk"))
    lookup = rule.to_study.removeprefix(through).removeprefix("__") or "pk"
    studies = [role.slug if rule.by_slug else role.study_id for role in roles]
    return queryset.filter(**{f"{lookup}__in": studies})
