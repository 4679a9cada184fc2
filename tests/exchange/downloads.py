"""All that an investigator can take away from a study's pages, by address."""

import re
from html import unescape

from django.test import Client

from analysis.models import AnalysisRun
from readerstudy.accounts.models import User
from tests import factories

_TOKEN = re.compile(rb'name="csrfmiddlewaretoken" value="\w+"')


def taken(slug: str, *, username: str = "ivan", drawings: bool = True) -> dict[str, bytes]:
    """Every page and file of the study and its runs; without ``drawings``, no figure or report."""
    for run in AnalysisRun.objects.filter(study__slug=slug, state="done"):
        every = ("",) if drawings else ("pages/", "metrics", "tests", "results", "tables/", "data/")
        factories.draw(run, *every)
    User.objects.filter(username=username).update(is_active=True)
    client = Client()
    client.force_login(User.objects.get(username=username))
    start = f"/results/{slug}/"
    found = {start: _get(client, start)}
    for run in sorted(set(re.findall(rf'href="({start}runs/\d+/)"', found[start].decode()))):
        found[run] = _get(client, run)
        for url in sorted(_links(run, found[run].decode())):
            if drawings or ("/figures/" not in url and not url.endswith("report.pdf")):
                found[url] = _get(client, url)
    return found


def _links(run: str, page: str) -> set[str]:
    return {unescape(url) for url in re.findall(rf'(?:href|src)="({run}[^"?]+)"', page)}


def _get(client: Client, url: str) -> bytes:
    answer = client.get(url)
    assert answer.status_code == 200, (url, answer.status_code)
    return _TOKEN.sub(b"token", answer.getvalue())
