"""Whatever is uploaded: no 500, nothing written unless all is well, and every refusal readable.

READERSTUDY_HOSTILE is the number of imports in all: 150 unless it says otherwise. Each goes through
the admin's own page and the dry run; what is accepted is imported as well.
"""

import io
import os
import time
from pathlib import Path

import pytest
from django.conf import settings as site
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage

from readerstudy.studies.imports import queue
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Case, Cohort, Image, Study
from tests import factories
from tests.studies.hostile.archives import archives, good
from tests.studies.hostile.dicoms import dicoms
from tests.studies.hostile.pictures import pictures, source_with
from tests.studies.hostile.tables import given_tables
from tests.studies.importing import Kind, State, page, press, stored_files, work_off

pytestmark = [pytest.mark.django_db, pytest.mark.slow("as long as READERSTUDY_HOSTILE says")]

EXAMPLES = int(os.environ.get("READERSTUDY_HOSTILE", "150"))
MAX_SECONDS = 20.0  # of the processor, for one import from upload to end
MAX_GROWTH_MIB = 512  # of memory, at its peak during one import
FAMILIES = {
    "archives": archives.map(lambda data: (Kind.CASES_WITH_TRUTH, data)),
    "tables": given_tables(),
    "pictures": source_with(pictures).map(lambda data: (Kind.CASES_WITH_TRUTH, data)),
    "dicoms": source_with(dicoms).map(lambda data: (Kind.CASES_WITH_TRUTH, data)),
}
NAMES = st.sampled_from(
    ["source.zip", "x.csv", "\u202epiz.x", "a" * 250 + ".zip", "<b>.zip", "=1.csv"]
)


@pytest.fixture
def cohort():
    study = Study.objects.create(slug="study", title="Study")
    return Cohort.objects.create(study=study, name="internal")


@pytest.fixture
def client():
    client = Client(raise_request_exception=True)  # an exception in a view is a failure here
    client.force_login(factories.make_user("ada", is_staff=True, is_superuser=True))
    return client


@pytest.mark.parametrize("family", FAMILIES)
def test_whatever_is_uploaded(client, cohort, family):
    tally = {"refused": 0, "imported": 0}

    @given(FAMILIES[family], NAMES)
    @settings(
        max_examples=max(1, EXAMPLES // len(FAMILIES)),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def each(source, name):
        kind, data = source
        with transaction.atomic():
            tally[_try(client, cohort, kind=kind, data=data, name=name)] += 1
            transaction.set_rollback(True)
        for path in stored_files():  # an import that went well: its rows are rolled back
            path.unlink()

    each()
    print(f"\n{family}: {tally}")
    assert tally["refused"] > tally["imported"] or family == "dicoms"


def test_a_good_source_is_imported_by_the_same_road(client, cohort):
    source = {"kind": Kind.CASES_WITH_TRUTH, "data": good(), "name": "source.zip"}
    assert _try(client, cohort, **source) == "imported"


def _try(client: Client, cohort: Cohort, *, kind: Kind, data: bytes, name: str) -> str:
    """One import from upload to end, and all that must hold of it."""
    before, begun = _reset_peak(), time.process_time()
    job = _uploaded(client, cohort, kind=kind, data=data, name=name)
    if job is None:
        return "refused"
    job = work_off()
    if job.can_be_imported:
        assert not Case.objects.exists()
        press(client, job)
        job = work_off()
    if job.state == State.DONE:
        _assert_bare_images()
    else:
        _assert_refused(client, job)
    assert time.process_time() - begun < MAX_SECONDS
    assert _peak_mib() - before < MAX_GROWTH_MIB
    return "imported" if job.state == State.DONE else "refused"


def _uploaded(client, cohort, *, kind: Kind, data: bytes, name: str) -> ImportJob | None:
    """The job; None where the page itself refused, in words."""
    upload = SimpleUploadedFile(name, data)
    if kind == Kind.SCREENING:
        url, form = "/admin/cohorts/screening/import/", {"study": cohort.study_id}
    else:
        url, form = f"/admin/cohorts/cohort/{cohort.pk}/import/", {"kind": kind}
    response = client.post(url, {**form, "upload": upload})
    if response.status_code == 302:
        return ImportJob.objects.get()
    assert response.status_code == 200
    assert 'class="errorlist' in response.content.decode()
    assert not stored_files()
    return None


def _assert_refused(client: Client, job: ImportJob) -> None:
    """Every problem is told, by file or row, and nothing is left but the job's own row."""
    assert (job.state, job.reason) == (State.CHECKED, "")
    problems = queue.problems_of(job)
    assert problems
    for problem in problems:
        text = str(problem)
        assert problem.message.strip()
        assert problem.file or problem.row
        assert text.isprintable()
        assert not any(word in text for word in ("Traceback", "Error(", str(site.MEDIA_ROOT)))
        assert str(site.BASE_DIR) not in text
    assert "Nothing was imported" in page(client, job)
    answer = client.get(f"/admin/cohorts/importjob/{job.pk}/problems.csv")
    assert answer.content.decode().count("\n") > len(problems)
    assert not Case.objects.exists()
    assert not stored_files()


def _assert_bare_images() -> None:
    for name in Image.objects.values_list("file", flat=True):
        with PillowImage.open(io.BytesIO((site.MEDIA_ROOT / name).read_bytes())) as image:
            assert (image.format, image.info) == ("PNG", {})


def _reset_peak() -> float:
    """Begin to measure the peak of this process's memory anew; what it has now."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak_mib()


def _peak_mib() -> float:
    status = Path("/proc/self/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024
