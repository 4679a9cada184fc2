"""Build a site's database for ``web_process``, and write down every request that it is to answer.

A process of its own: building a world computes and draws.
"""

import json
import re
import sys
from dataclasses import replace
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command

PEOPLE = ("admin", "investigator", "reader", "data_manager", "auditor")
RUN = "/results/analysed/runs/1/"
FILES = (
    "report.pdf",
    "results.xlsx",
    "figures/flow.svg",
    "tables/",
    "data/readings.csv",
    "metrics",
)


def build() -> dict:
    """Everybody's session, and the requests: each (route, person, method, path, kind of body).

    Each URL is asked for by somebody who is let in, if there is one.
    """
    from tests.rules.matrix import TABLE
    from tests.rules.test_access import make_site

    _, found = make_site()
    _analyse()
    requests = []
    for method in ("GET", "POST"):
        for route, row in TABLE.items():
            let_in = [each for each in PEOPLE if row.expected(each, method) in (200, 201, 302)]
            path = re.sub(r"\{(.*?)\}", lambda name: str(found[name[1]]), row.path)
            requests.append((route, [*let_in, "admin"][0], method, path, row.body))
    requests.sort(key=lambda each: each[2] == "POST" and "out/" in each[0])  # signed out at last
    sessions = {person: found[person]["sessionid"].value for person in PEOPLE}
    return {"requests": requests, "sessions": sessions, "code": found["code"], "run": RUN}


def _analyse() -> None:
    """A study that the investigator may see results of, some of its run's files made."""
    from analysis import make_run_files
    from readerstudy.accounts.models import User
    from readerstudy.studies.models import Membership
    from tests import factories

    study = factories.make_open("analysed", cases=2, readers=("anna",))
    factories.read_all(study)
    factories.finish(study)
    Membership.objects.create(study=study, user=User.objects.get(username="investigator"))
    run = factories.analyse(study, replace(factories.QUICK, sections=("flow", "table1")))
    make_run_files.report_pdf = lambda *_: b"%PDF-"  # what it holds is no matter here
    factories.draw(run, *FILES)


if __name__ == "__main__":
    django.setup()
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    call_command("migrate", verbosity=0)
    Path(sys.argv[1]).write_text(json.dumps(build()))
