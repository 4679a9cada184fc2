"""What people and programs are shown is what it was, or a commit says why it is not."""

import hashlib
import json
import re
from pathlib import Path

import pytest

from analysis import make_run_files, run_queue
from analysis.execution import execute
from analysis.models import AnalysisRun
from analysis.plan import Intervals, Plan
from readerstudy.code_version import code_version
from readerstudy.studies.imports.column_descriptions import template_of
from readerstudy.studies.imports.models import ImportJob
from tests.goldens import pages
from tests.services import same_study

HERE = Path(__file__).parent / "presentation"
RENEW = "If it is meant so: python -m pytest tests/goldens/test_presentation.py --renew-goldens"
TEXT = (".svg", ".html", ".json", ".csv", ".tex", ".txt", ".md")
COORDINATE = re.compile(r"-?\d+\.\d{3,}")
# The last digits of a sum, and so a digest of all results, depend on the processor.
LONG_NUMBER = re.compile(r"-?\d+\.\d{10,}(?:e[+-]?\d+)?")

pytestmark = pytest.mark.django_db


def _compare(name: str, found: dict, *, renews: bool) -> None:
    path = HERE / name
    if renews:
        text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True)
        path.write_text(text + "\n", encoding="utf-8")
    kept = json.loads(path.read_text(encoding="utf-8"))
    changed = [each for each in kept.keys() | found.keys() if kept.get(each) != found.get(each)]
    assert sorted(changed) == [], RENEW


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_what_a_reader_meets(language, renews):
    _compare(f"pages-{language}.json", dict(pages.of_a_reader(language)), renews=renews)


def test_the_templates_of_imports(renews):
    found = {kind.value: template_of(kind).splitlines() for kind in ImportJob.Kind}
    _compare("import-templates.json", found, renews=renews)


@pytest.mark.slow("a run of all its sections, and every file that is made of it")
def test_the_files_of_a_run(renews):
    """Pages, figures, tables and data of the study that is the same everywhere."""
    study = same_study.build()
    run = execute(run_queue.start(study, Plan(intervals=Intervals(resamples=100)), by="test").pk)
    assert run.state == "done", run.reason
    source = make_run_files.FilesOf(run)
    contents = {name: source.content(name) for name in source.names() if name.endswith(TEXT)}
    assert len(contents) > 40
    found = {name: _digest(name, content, run) for name, content in contents.items()}
    _compare("run-files.json", found, renews=renews)


def _digest(name: str, content: bytes, run: AnalysisRun) -> str:
    text = content.decode("utf-8")
    text = text.replace(code_version(), "(a version)")
    text = text.replace(run.results_sha256, "(a digest)")
    for pattern, instead in pages.RANDOM[:1]:
        text = pattern.sub(instead, text)
    if name.endswith(".svg"):
        text = COORDINATE.sub(lambda found: f"{float(found[0]):.2f}", text)
    else:
        text = LONG_NUMBER.sub(lambda found: f"{float(found[0]):.8g}", text)
    return hashlib.sha256(text.encode()).hexdigest()
