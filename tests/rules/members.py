"""What a role in a study gets of Django admin: a row for every model, of own and other studies.

Written down by itself, not read from the product's table: what it says is what is promised.
"""

from readerstudy.studies.permissions import Action

OWN = {"investigator": "i", "data_manager": "d", "auditor": "a"}  # of study alpha
OTHER = {  # of study beta; the last two read in alpha
    "other_investigator": "i",
    "other_data_manager": "d",
    "other_auditor": "a",
    "reader_and_other_investigator": "i",
    "reader_and_other_data_manager": "d",
}
MEMBERS = OWN | OTHER

# By model, while the studies are open: who sees the rows, who may add some (to another study that
# is a draft), and whose change of this one is taken. i, d, a: the roles. Nobody deletes anything.
ROWS = {
    "auth/group": ("", "", ""),
    "accounts/user": ("", "", ""),
    "audit/auditevent": ("a", "", ""),
    "cohorts/study": ("ida", "", "i"),
    "cohorts/cohort": ("ida", "id", ""),
    "cohorts/case": ("ida", "d", ""),
    "cohorts/screening": ("ida", "id", ""),
    "cohorts/importjob": ("ida", "", ""),
    "inference/modelversion": ("ida", "", ""),
    "inference/inferencejob": ("ida", "", ""),
    "reading/reader": ("ia", "i", ""),
    "reading/readingorder": ("ia", "", ""),
    "reading/assignment": ("ia", "", ""),
    "reading/reading": ("", "", ""),
    "reading/consent": ("ia", "", ""),
    "reading/profile": ("ia", "", ""),
    "reading/displaycheck": ("ia", "", ""),
    "reading/practicereading": ("", "", ""),
}
TELLS_THE_TRUTH = {"cohorts/importjob"}  # the row does: it is there for data managers alone
OF_THE_SITE = {"inference/modelversion"}  # rows that every study may choose
SEEN_AFTER = {"reading/reading", "reading/practicereading"}  # by every role, once unblinded

# The pages of the admin beside Django's own, and whose they are: by address as in the matrix. An
# address with a row of study alpha is of that study's members alone.
PAGES = {
    "inference/modelversion/import-predictions/": "id",
    "cohorts/cohort/{cohorts/cohort}/images/": "ida",
    "cohorts/cohort/{cohorts/cohort}/images/{image}.png": "ida",
    "cohorts/cohort/{cohorts/cohort}/images/0-converted.png": "ida",
    "cohorts/cohort/{cohorts/cohort}/frames/0.png": "ida",
    "cohorts/importjob/{cohorts/importjob}/import/": "d",
    "cohorts/importjob/{cohorts/importjob}/cancel/": "d",
    "cohorts/importjob/{cohorts/importjob}/state.json": "d",
    "cohorts/importjob/{cohorts/importjob}/problems.csv": "d",
    "cohorts/importjob/{cohorts/importjob}/sheet.png": "d",
    "cohorts/importjob/template/truth.csv": "ida",
    "cohorts/screening/import/": "id",
    "cohorts/study/{cohorts/study}/step/lock/": "i",
    "cohorts/study/{cohorts/study}/run-model/": "i",
    "cohorts/study/{cohorts/study}/copy/": "i",
    "cohorts/study/{cohorts/study}/invite/": "i",
    "cohorts/study/{cohorts/study}/export/": "i",
    "cohorts/study/{cohorts/study}/export/1/": "i",
}

# What is done with a whole study: who may while it is open, and who besides once unblinded.
ACTIONS = {
    Action.RUN_MODEL: ("i", ""),
    Action.OPEN: ("i", ""),
    Action.PAUSE: ("i", ""),
    Action.RESUME: ("i", ""),
    Action.LOCK: ("i", ""),
    Action.UNBLIND: ("i", ""),
    Action.ARCHIVE: ("i", ""),
    Action.COPY: ("i", ""),
    Action.INVITE: ("i", ""),
    Action.IMPORT_CASES: ("d", ""),
    Action.IMPORT_TRUTH: ("d", ""),
    Action.IMPORT_PREDICTIONS: ("id", ""),
    Action.REVIEW_IMAGES: ("d", ""),
    Action.SEE_TRUTH: ("d", "ia"),
    Action.SEE_AUDIT: ("a", ""),
    Action.SEE_PROGRESS: ("ida", ""),
    Action.REMIND: ("i", ""),
    Action.SEE_RESULTS: ("", "ida"),
    Action.REGISTER_PLAN: ("i", ""),
    Action.RUN_ANALYSIS: ("", "i"),
    Action.EXPORT: ("i", ""),
}

# The actions that a list in the admin offers, besides deleting (of models not named: that alone).
LIST_ACTIONS = {
    "accounts/user": {"delete_selected", "invite_again", "remove_second_factor"},
}
DELETES = {"cohorts/cohort": "id", "cohorts/case": "d", "reading/reader": "i"}  # of drafts


def list_of(model: str) -> dict[str, int]:
    """The status that each member gets for the list of a model's rows."""
    return {person: 200 if role in ROWS[model][0] else 403 for person, role in MEMBERS.items()}


def adding(model: str) -> dict[str, int]:
    """For the form of a new row."""
    return {person: 200 if role in ROWS[model][1] else 403 for person, role in MEMBERS.items()}


def looking(model: str) -> dict[str, int]:
    """For a page of a row of study alpha."""
    return {person: _of_row(model, person, allowed=True) for person in MEMBERS}


def changing(model: str) -> dict[str, int]:
    """For a change of that row."""
    allowed = {person: role in ROWS[model][2] for person, role in MEMBERS.items()}
    return {person: _of_row(model, person, allowed=allowed[person]) for person in MEMBERS}


def deleting(model: str) -> dict[str, int]:
    """For its deletion, which a study that is open forbids."""
    return {person: _of_row(model, person, allowed=False) for person in MEMBERS}


def page(path: str, *, allowed: int) -> dict[str, int]:
    """For a page of the admin beside Django's own; of one that is not named, for each member."""
    roles, model = PAGES.get(path, ""), "/".join(path.split("/")[:2])
    statuses = {person: allowed if role in roles else 403 for person, role in MEMBERS.items()}
    if f"{{{model}}}" in path:
        hidden = {person: _of_row(model, person, allowed=False) for person in MEMBERS}
        statuses |= {person: 404 for person, status in hidden.items() if status == 404}
    return statuses


def _of_row(model: str, person: str, *, allowed: bool) -> int:
    if MEMBERS[person] not in ROWS[model][0]:
        return 403
    hidden = model in TELLS_THE_TRUTH and MEMBERS[person] != "d"
    if hidden or (person in OTHER and model not in OF_THE_SITE):
        return 404  # as if it weren't there
    return 200 if allowed else 403
