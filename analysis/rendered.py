"""What was drawn once is kept: figures, reports and pages of a run, which never change.

They are kept by the digest of the results, by all else that is printed on them, and by the code
that draws them, so that nothing stale is ever shown. Keeping them is a convenience: the folder may
be emptied at any time.
"""

import hashlib
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from django.conf import settings
from django.core.cache import caches

from analysis import canonical
from analysis.models import AnalysisRun

CACHE = "rendered"
HERE = Path(__file__).parent
DRAWING = (
    HERE / "document.py",
    HERE / "presentation.py",
    HERE / "exports",
    HERE / "figures",
    HERE / "report",
    HERE / "templatetags",
    settings.BASE_DIR / "templates/analysis",
)


def kept(run: AnalysisRun, name: str, draw: Callable[[], bytes]) -> bytes:
    """The file of this name as it was drawn before, else as ``draw`` makes it now.

    Whatever ``draw`` raises goes through, and nothing is kept.
    """
    key = _key(run, name)
    content = caches[CACHE].get(key)
    if content is None:
        content = draw()
        caches[CACHE].set(key, content)
    return content


def _key(run: AnalysisRun, name: str) -> str:
    printed = [run.study.title, run.study.slug, run.number, run.planned, run.plan_sha256,
               run.data_sha256, run.results_sha256, run.code_version, run.libraries]  # fmt: skip
    return canonical.sha256(canonical.to_text([*printed, name, _drawing_code()]))


@cache
def _drawing_code() -> str:
    """A digest of the code that draws, and of the libraries that it draws with."""
    digest = hashlib.sha256(f"{version('matplotlib')} {version('django')}".encode())
    for place in DRAWING:
        for file in [place] if place.is_file() else sorted(place.glob("*.*")):
            digest.update(file.read_bytes())
    return digest.hexdigest()
