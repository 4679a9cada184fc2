"""Who may see what: a row for every URL of the site, with the status that each person gets."""

from dataclasses import dataclass, field

from django.contrib import admin
from django.urls import URLResolver, get_resolver

from tests.rules import members
from tests.rules.members import MEMBERS
from tests.rules.members import OTHER as OTHER_MEMBERS
from tests.rules.members import OWN as OWN_MEMBERS
from tests.rules.members import page as members_page

PEOPLE = (
    "anonymous",
    "deactivated",  # a reader of the study whose account was closed while signed in
    "demo",  # a demo user of the study with a session, while the site is no demo
    "stranger",  # signed in, no part in any study
    "other_reader",  # a reader of another study
    *OTHER_MEMBERS,
    *OWN_MEMBERS,
    "reader",
    "second_reader",  # of the same study, with the first one's codes
    "former_reader",  # made staff after the study opened
    "clerk",  # staff without any permission
    "admin",
)
ANONYMOUS = {"anonymous", "deactivated", "demo"}
STAFF = {"former_reader", "clerk", "admin"}
READERS = {
    "reader",
    "second_reader",
    "reader_and_other_investigator",
    "reader_and_other_data_manager",
}

SIGN_IN = 302
API_SIGN_IN = 401


@dataclass(frozen=True)
class Row:
    """What a URL answers to GET and to POST: to the people named, and to the other signed-in."""

    path: str
    get: dict[str, int] = field(default_factory=dict)
    others_get: int = 404
    post: dict[str, int] = field(default_factory=dict)
    others_post: int = 405
    anonymous: int = SIGN_IN
    body: str = ""

    def expected(self, person: str, method: str) -> int:
        named, others = (
            (self.get, self.others_get) if method == "GET" else (self.post, self.others_post)
        )
        if person in named:
            return named[person]
        return self.anonymous if person in ANONYMOUS else others


def every(people: set[str], status: int) -> dict[str, int]:
    return dict.fromkeys(people, status)


# Which apps have pages in the admin, in the order in which Django knows them.
_APPS = dict.fromkeys(model._meta.app_label for model in admin.site._registry)
APP_INDEX = f"admin/^(?P<app_label>{'|'.join(_APPS)})/$"


def for_anyone(path: str, *, get: int, post: int = 405) -> Row:
    """A page that answers everyone alike."""
    everyone_get, everyone_post = every(set(PEOPLE), get), every(set(PEOPLE), post)
    return Row(path, get=everyone_get, post=everyone_post)


ACCOUNTS = {
    "accounts/sign-in/": Row("/accounts/sign-in/", others_get=302, others_post=302, anonymous=200),
    "accounts/sign-out/": for_anyone("/accounts/sign-out/", get=405, post=302),
    # Of no use but between the password and the code.
    "accounts/second-factor/": for_anyone("/accounts/second-factor/", get=302, post=302),
    "accounts/mine/": Row("/accounts/mine/", others_get=200),
    "accounts/second-factor/set-up/": Row(
        "/accounts/second-factor/set-up/", others_get=200, others_post=200
    ),
    # Nobody here has a second factor.
    "accounts/second-factor/set-up/code.svg": Row("/accounts/second-factor/set-up/code.svg"),
    "accounts/second-factor/remove/": Row("/accounts/second-factor/remove/", others_post=404),
    "accounts/recovery-codes/": Row("/accounts/recovery-codes/"),
    "accounts/recovery-codes/new/": Row(
        "/accounts/recovery-codes/new/", others_get=200, others_post=200
    ),
    "accounts/confirm/": Row("/accounts/confirm/", others_get=200, others_post=200),
    "accounts/confirm/code/": Row("/accounts/confirm/code/", others_get=302, others_post=302),
    "accounts/password/": Row("/accounts/password/", others_get=200, others_post=200),
    "accounts/password/forgotten/": for_anyone("/accounts/password/forgotten/", get=200, post=200),
    "accounts/password/forgotten/sent/": for_anyone("/accounts/password/forgotten/sent/", get=200),
    r"accounts/^password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[-\w]+)/$": for_anyone(
        "/accounts/password/new/1-no-such-key/", get=200, post=200
    ),
    "accounts/password/new/done/": for_anyone("/accounts/password/new/done/", get=200),
    "accounts/invitation/": for_anyone("/accounts/invitation/", get=410, post=410),
    "accounts/invitation/<str:token>/": for_anyone("/accounts/invitation/none/", get=302),
    "admin/password_change/": Row("/admin/password_change/", others_get=302, others_post=302),
}

# The log of the site, and of a study.
AUDITED = (("", "", {"admin"}), ("<slug:slug>/", "alpha/", {"admin", "auditor"}))
BUTTONS = {f"admin/cohorts/importjob/<int:job_id>/{name}/" for name in ("import", "cancel")}

READ = "/read/alpha/"
CODE = "/read/alpha/{code}/"

SITE = {
    "": Row("/", others_get=200),
    "healthz": Row("/healthz", others_get=200, others_post=200, anonymous=200),
    "readyz": for_anyone("/readyz", get=200),
    "favicon.ico": Row("/favicon.ico", others_get=302, others_post=302),
    "language/": Row("/language/", others_get=302, others_post=302),
    **ACCOUNTS,
    "admin/login/": Row("/admin/login/", others_get=302, others_post=302),
    "read/<slug:slug>/": Row(READ, get=every(READERS, 200)),
    # Nothing is asked before the first case in this study: each page leads on to the case.
    **{
        f"read/<slug:slug>/before/{step}/": Row(
            f"{READ}before/{step}/",
            get=every(READERS, 302),
            post=every(READERS, 302),
            others_post=404,
        )
        for step in ("consent", "profile", "display")
    },
    "read/<slug:slug>/before/practice/": Row(READ + "before/practice/", get=every(READERS, 302)),
    "read/<slug:slug>/before/practice/<int:number>/": Row(
        READ + "before/practice/1/",
        get=every(READERS, 403),
        post=every(READERS, 403),
        others_post=404,
    ),
    "read/<slug:slug>/before/practice/<int:number>/<modality:modality>.png": Row(
        READ + "before/practice/1/bus.png", get=every(READERS, 403)
    ),
    "read/<slug:slug>/<slug:code>/": Row(
        CODE,
        get=every(READERS, 302),
        post={"reader": 302},
        others_post=404,
        body="form",
    ),
    "read/<slug:slug>/<slug:code>/<modality:modality>.png": Row(
        CODE + "bus.png", get={"reader": 200}
    ),
    "read/<slug:slug>/<slug:code>/heatmap/<level:level>/<modality:modality>.png": Row(
        CODE + "heatmap/1/cdfi.png", get={"reader": 403}
    ),
    "api/v1/<slug:slug>/case/": Row(
        "/api/v1/alpha/case/", get=every(READERS, 200), anonymous=API_SIGN_IN
    ),
    "api/v1/session/": Row("/api/v1/session/", others_get=200, anonymous=API_SIGN_IN),
    "api/v1/<slug:slug>/upcoming/": Row(
        "/api/v1/alpha/upcoming/", get=every(READERS, 200), anonymous=API_SIGN_IN
    ),
    "api/v1/<slug:slug>/readings/": Row(
        "/api/v1/alpha/readings/",
        others_get=405,
        post={"reader": 201},
        others_post=404,
        anonymous=API_SIGN_IN,
        body="json",
    ),
    "results/<slug:slug>/": Row("/results/alpha/", get=every(set(OWN_MEMBERS), 200)),
    # The log of the site or of a study, and its verification; strangers learn of none.
    **{
        f"audit/{route}": Row(
            f"/audit/{path}", get=every(who, 200), post=every(who, 302), others_post=404
        )
        for route, path, who in AUDITED
    },
    **{
        f"audit/{route}events.<log_format:format>": Row(
            f"/audit/{path}events.csv", get=every(who, 200)
        )
        for route, path, who in AUDITED
    },
    "results/<slug:slug>/plan/": Row(
        "/results/alpha/plan/",
        others_get=405,
        post=every(set(OWN_MEMBERS), 403) | {"investigator": 302},
        others_post=404,
    ),
    "results/<slug:slug>/remind/": Row(
        "/results/alpha/remind/",
        others_get=405,
        post=every(set(OWN_MEMBERS), 403) | {"investigator": 302},
        others_post=404,
    ),
    "results/<slug:slug>/runs/": Row(
        "/results/alpha/runs/",
        others_get=405,
        post=every(set(OWN_MEMBERS), 403),
        others_post=404,
    ),
    # The study is open: its runs are sealed before they are there.
    **{
        f"results/<slug:slug>/runs/<int:number>/{file}": Row(
            f"/results/alpha/runs/1/{file}", get=every(set(OWN_MEMBERS), 403)
        )
        for file in (
            "",
            "results.json",
            "results.xlsx",
            "metrics.csv",
            "tests.csv",
            "report.pdf",
            "paper/",
        )
    },
    "results/<slug:slug>/runs/<int:number>/files/": Row(
        "/results/alpha/runs/1/files/",
        get=every(set(OWN_MEMBERS), 403),
        post=every(set(OWN_MEMBERS), 403),
        others_post=404,
    ),
    **{
        f"results/<slug:slug>/runs/<int:number>/{route}": Row(
            f"/results/alpha/runs/1/{file}", get=every(set(OWN_MEMBERS), 403)
        )
        for route, file in (
            ("figures/<slug:name>.<figure_format:format>", "figures/flow.svg"),
            ("charts/<slug:name>.json", "charts/roc-1.json"),
            ("tables/<slug:name>.<table_format:format>", "tables/table1.tex"),
            ("data/<data_file:name>", "data/readings.csv"),
        )
    },
}


def _admin(
    path: str,
    *,
    admin: int,
    staff: int = 403,
    post: int | None = None,
    members: int | dict[str, int] | None = None,
    members_post: dict[str, int] | None = None,
) -> Row:
    """A page of Django admin: nobody but staff and members gets past the door, staff then by
    permission and members by role: as the table of members says, which is asked by default."""
    if members is None:
        members = members_page(path, allowed=admin)
        if post is not None:
            members_post = members_page(path, allowed=post)
    if isinstance(members, int):
        members = every(set(MEMBERS), members)
    by_get = every(STAFF, staff) | {"admin": admin} | members
    by_post = every(STAFF, staff) | {"admin": admin if post is None else post}
    by_post |= members if members_post is None else members_post
    return Row(f"/admin/{path}", get=by_get, others_get=403, post=by_post, others_post=403)


ADMIN = {
    "admin/": _admin("", admin=200, staff=200, members=200),
    "admin/logout/": _admin("logout/", admin=405, staff=405, members=405),
    "admin/password_change/done/": _admin(
        "password_change/done/", admin=200, staff=200, members=200
    ),
    "admin/autocomplete/": _admin(
        "autocomplete/?app_label=reading&model_name=reader&field_name=user", admin=200
    ),
    "admin/jsi18n/": _admin("jsi18n/", admin=200, staff=200, members=200),
    "admin/r/<path:content_type_id>/<path:object_id>/": _admin(
        "r/1/1/", admin=404, staff=404, members=404
    ),
    # The study is open: nothing is imported into it any more, whoever asks.
    "admin/cohorts/cohort/<int:cohort_id>/import/": _admin(
        "cohorts/cohort/{cohorts/cohort}/import/", admin=403
    ),
    "admin/cohorts/screening/import/": _admin("cohorts/screening/import/", admin=200),
    **{
        f"admin/cohorts/importjob/<int:job_id>/{button}/": _admin(
            f"cohorts/importjob/{{cohorts/importjob}}/{button}/", admin=405, staff=405, post=302
        )
        for button in ("import", "cancel")
    },
    **{
        f"admin/cohorts/importjob/<int:job_id>/{file}": _admin(
            f"cohorts/importjob/{{cohorts/importjob}}/{file}", admin=status
        )
        for file, status in (("state.json", 200), ("problems.csv", 200), ("sheet.png", 404))
    },
    "admin/cohorts/importjob/template/<slug:kind>.csv": _admin(
        "cohorts/importjob/template/truth.csv", admin=200
    ),
    "admin/inference/modelversion/import-predictions/": _admin(
        "inference/modelversion/import-predictions/", admin=200
    ),
    "admin/cohorts/study/<int:pk>/step/<slug:step>/": _admin(
        "cohorts/study/{cohorts/study}/step/lock/", admin=200
    ),
    # The study is open: nothing is exported yet, and whoever asks is told so.
    "admin/cohorts/study/<int:study_id>/export/": _admin(
        "cohorts/study/{cohorts/study}/export/", admin=200, post=302
    ),
    "admin/cohorts/study/<int:study_id>/export/<int:export_id>/": _admin(
        "cohorts/study/{cohorts/study}/export/1/", admin=404
    ),
    "admin/cohorts/study/<int:pk>/run-model/": _admin(
        "cohorts/study/{cohorts/study}/run-model/", admin=405, post=302
    ),
    "admin/cohorts/study/<int:pk>/copy/": _admin("cohorts/study/{cohorts/study}/copy/", admin=200),
    "admin/cohorts/cohort/<int:cohort_id>/images/": _admin(
        "cohorts/cohort/{cohorts/cohort}/images/", admin=200, post=403
    ),
    "admin/cohorts/cohort/<int:cohort_id>/images/<int:image_id>.png": _admin(
        "cohorts/cohort/{cohorts/cohort}/images/{image}.png", admin=200
    ),
    "admin/cohorts/cohort/<int:cohort_id>/images/<int:image_id>-converted.png": _admin(
        "cohorts/cohort/{cohorts/cohort}/images/0-converted.png", admin=404
    ),
    "admin/cohorts/cohort/<int:cohort_id>/frames/<int:frame_id>.png": _admin(
        "cohorts/cohort/{cohorts/cohort}/frames/0.png", admin=404
    ),
    "admin/accounts/user/invite/": _admin("accounts/user/invite/", admin=200),
    "admin/cohorts/study/<int:study_id>/invite/": _admin(
        "cohorts/study/{cohorts/study}/invite/", admin=200
    ),
    "admin/accounts/user/<id>/password/": _admin("accounts/user/{user}/password/", admin=200),
    APP_INDEX: _admin(
        "reading/",
        admin=200,
        staff=404,
        members={person: 404 if role == "d" else 200 for person, role in MEMBERS.items()},
    ),
    "admin/(?P<url>.*)$": _admin("no/such/page", admin=404, staff=404, members=404),
}
# Signing out is for whoever is in; some pages of Django's are for GET alone.
ADMIN["admin/logout/"].post.update(every(STAFF | set(MEMBERS), 302))
for read_only in ("autocomplete", "jsi18n", "password_change/done"):
    ADMIN[f"admin/{read_only}/"].post.update(every(STAFF | set(MEMBERS), 405))
for route, row in ADMIN.items():
    if route.endswith((".json", ".csv", ".png")):
        row.post.update(every(STAFF | set(MEMBERS), 405))
    if route in BUTTONS:
        row.get.update(every(set(MEMBERS), 405))
    if route.startswith("admin/cohorts/importjob/<int:job_id>/") and route.endswith("/"):
        row.post.update(every(STAFF - {"admin"}, 403))

# The model's pages as an admin with all permissions sees them, for a study that is open:
# add, change, delete by GET. 403: nobody may, whatever the permissions. What the study rests on
# can be looked at (200) and not changed; tests/rules/test_lifecycle.py sends the forms.
MODELS = {
    "auth/group": (200, 200, 200),
    "accounts/user": (200, 200, 200),
    "audit/auditevent": (403, 200, 403),
    "cohorts/study": (200, 200, 403),
    "cohorts/cohort": (200, 200, 403),
    "cohorts/case": (200, 200, 403),
    "cohorts/screening": (200, 200, 403),
    "cohorts/importjob": (403, 200, 403),
    "inference/modelversion": (200, 200, 403),
    "inference/inferencejob": (403, 200, 403),
    "reading/reader": (200, 200, 403),
    "reading/readingorder": (403, 200, 403),
    "reading/assignment": (403, 200, 403),
    "reading/reading": (403, 200, 403),
    "reading/consent": (403, 200, 403),
    "reading/profile": (403, 200, 403),
    "reading/displaycheck": (403, 200, 403),
    "reading/practicereading": (403, 200, 403),
}
CHANGEABLE_WHEN_OPEN = {"auth/group", "accounts/user", "cohorts/study"}


def _model_rows(model: str, statuses: tuple[int, int, int]) -> dict[str, Row]:
    add, change, delete = statuses
    one = f"{model}/{{{model}}}"
    sent = 200 if model in CHANGEABLE_WHEN_OPEN else 403
    route = f"admin/{model}/"
    return {
        route: _admin(f"{model}/", admin=200, members=members.list_of(model)),
        f"{route}add/": _admin(f"{model}/add/", admin=add, members=members.adding(model)),
        f"{route}<path:object_id>/history/": _admin(
            f"{one}/history/", admin=200, members=members.looking(model)
        ),
        f"{route}<path:object_id>/delete/": _admin(
            f"{one}/delete/", admin=delete, members=members.deleting(model)
        ),
        f"{route}<path:object_id>/change/": _admin(
            f"{one}/change/",
            admin=change,
            post=sent,
            members=members.looking(model),
            members_post=members.changing(model),
        ),
        f"{route}<path:object_id>/": _admin(one + "/", admin=302, staff=302, members=302),
    }


TABLE = (
    SITE
    | ADMIN
    | {r: row for model, s in MODELS.items() for r, row in _model_rows(model, s).items()}
)
# One door keeps the admin shut to all but staff and members; one model's pages stand for all.
ONE_MODEL = SITE | ADMIN | _model_rows("reading/reading", MODELS["reading/reading"])


def routes(resolver=None, prefix: str = "", namespaces: tuple[str, ...] = ()):
    """Every view of the site as (route, view, namespaces), in the order they are tried."""
    for pattern in (resolver or get_resolver()).url_patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            inside = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from routes(pattern, route, inside)
        else:
            yield route, pattern.callback, list(namespaces)
