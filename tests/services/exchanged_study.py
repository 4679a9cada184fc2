"""Work inside a site that hands a study over, or takes one.

A command: ``build``; ``taken`` or ``undrawn FILE [SLUG USER]``; ``analyse FILE``.
It runs in a process of its own with the site's environment (``Site.env``).
"""

import hashlib
import json
import sys
from pathlib import Path

import django
from django.core.management import call_command
from django.test.utils import setup_test_environment


def build() -> None:
    """An analysed study, with all that readers leave behind."""
    from tests.exchange import studies

    call_command("migrate", verbosity=0)
    studies.make_analysed()


def taken(target: str, slug: str = "study", username: str = "ivan", *, drawings=True) -> None:
    """The SHA-256 of every page, table, figure and file of the study and its runs, by address."""
    from tests.exchange import downloads

    setup_test_environment()
    found = downloads.taken(slug, username=username, drawings=drawings)
    digests = {url: hashlib.sha256(content).hexdigest() for url, content in found.items()}
    Path(target).write_text(json.dumps(digests))


def undrawn(target: str) -> None:
    """The same without figures and report, which take a while to be drawn."""
    taken(target, drawings=False)


def analyse(target: str) -> None:
    """Run the analysis again: the results of the first run and of this one."""
    from analysis.models import AnalysisRun
    from readerstudy.studies.models import Study
    from tests import factories

    again = factories.analyse(Study.objects.get(slug="study"))
    first = AnalysisRun.objects.get(number=1)
    Path(target).write_text(json.dumps([first.results_sha256, again.results_sha256]))


if __name__ == "__main__":
    django.setup()
    globals()[sys.argv[1]](*sys.argv[2:])
