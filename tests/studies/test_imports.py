"""Imports in the admin: a dry run, then all of it, or nothing."""

import csv
import io
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone
from PIL import Image as PillowImage

from readerstudy.accounts.models import User
from readerstudy.audit.models import AuditEvent
from readerstudy.diagnosis import Etiology
from readerstudy.jobs import worker
from readerstudy.reading import lifecycle
from readerstudy.studies import cohort_import
from readerstudy.studies.file_staging import StagedFiles, clear_leftovers
from readerstudy.studies.imports import execution, queue
from readerstudy.studies.imports.models import ImportJob
from readerstudy.studies.models import Case, Cohort, Image, ReferenceStandard, Study
from tests import factories
from tests.imaging.example_files import (
    build_source,
    manifest_row,
    manifest_text,
    source_files,
    write_folder,
    write_zip,
)
from tests.studies.importing import (
    Kind,
    State,
    bring,
    check,
    nothing_was_written,
    page,
    press,
    stored_files,
    upload,
    work_off,
)

pytestmark = pytest.mark.django_db
TRUTH = ("pathologic_method", "etiology")


@pytest.fixture
def cohort():
    study = Study.objects.create(slug="study", title="Study")
    return Cohort.objects.create(study=study, name="internal")


@pytest.fixture
def client():
    client = Client()
    client.force_login(factories.make_user("ada", is_staff=True, is_superuser=True))
    return client


@pytest.fixture
def archive(tmp_path):
    """The bytes of a good ZIP of so many cases, its manifest changed or not."""

    def make(cases: int = 3, *, truth: bool = True, **changes: dict) -> bytes:
        files = source_files(cases, changes=changes.get("changes"))
        if not truth:
            files["manifest.csv"] = without_truth(files["manifest.csv"])
        return write_zip(tmp_path / "made.zip", files).read_bytes()

    return make


def without_truth(manifest: bytes) -> bytes:
    rows = list(csv.DictReader(io.StringIO(manifest.decode())))
    kept = [{name: row[name] for name in row if name not in TRUTH} for row in rows]
    return manifest_text(kept).encode()


def truth_csv(numbers, **changes) -> bytes:
    """The truth of these cases, as their manifest would have told it."""
    names = ("case_id", *TRUTH)
    rows = [manifest_row(number, **changes) for number in numbers]
    return manifest_text([{name: row[name] for name in names} for row in rows]).encode()


def test_a_dry_run_writes_nothing_and_tells_what_it_found(client, cohort, archive):
    job = check(client, cohort, archive(5))
    assert job.can_be_imported
    assert (job.rows, job.problem_count, job.summary["cases"]) == (5, 0, "5")
    assert not Case.objects.exists()
    assert not [path for path in stored_files() if "images" in path.parts]
    text = page(client, job)
    assert "lymphoma 1" in text
    assert 'value="Import"' in text


def test_the_sheet_shows_the_first_cases(client, cohort, archive):
    job = check(client, cohort, archive(3))
    response = client.get(f"/admin/cohorts/importjob/{job.pk}/sheet.png")
    with PillowImage.open(io.BytesIO(b"".join(response.streaming_content))) as sheet:
        assert sheet.format == "PNG"
        assert len(sheet.convert("RGB").getcolors(2**24)) > 100


def test_importing_what_was_checked_stores_it_whole_and_removes_the_upload(client, cohort, archive):
    job = bring(client, cohort, archive(4))
    assert (job.state, job.confirmed_by.username) == (State.DONE, "ada")
    assert Case.objects.count() == ReferenceStandard.objects.count() == 4
    assert Image.objects.count() == len(stored_files()) == 8
    actions = list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))
    assert actions[-5:] == [
        "import.upload", "import.check", "import.confirm", "cohort.import", "import.done",
    ]  # fmt: skip


def test_every_problem_is_told_by_file_row_and_column_and_as_a_table(client, cohort, archive):
    bad = archive(4, changes={1: {"sex": "f", "age": "=1+1"}, 3: {"etiology": "lymfoma"}})
    job = check(client, cohort, bad)
    assert (job.state, job.problem_count, job.can_be_imported) == (State.CHECKED, 3, False)
    text = page(client, job)
    assert "lymfoma" in text
    assert 'value="Import"' not in text
    answer = client.get(f"/admin/cohorts/importjob/{job.pk}/problems.csv").content.decode()
    rows = list(csv.DictReader(io.StringIO(answer)))
    assert [(row["file"], row["row"], row["column"]) for row in rows] == [
        ("manifest.csv", "2", "sex"),
        ("manifest.csv", "2", "age"),
        ("manifest.csv", "4", "etiology"),
    ]
    press(client, job)
    work_off()
    assert nothing_was_written()


def test_an_unreadable_image_is_found_by_the_dry_run(client, cohort, tmp_path):
    files = source_files(3)
    files["images/case-002_cdfi.png"] = b"not an image"
    job = check(client, cohort, write_zip(tmp_path / "s.zip", files).read_bytes())
    [problem] = queue.problems_of(job)
    assert (problem.file, problem.row, problem.column) == (
        "images/case-002_cdfi.png", 3, "cdfi_file",
    )  # fmt: skip
    assert nothing_was_written()


def test_cells_of_the_problems_table_are_no_formulas(client, cohort, tmp_path):
    files = source_files(1)
    files["=cmd()"] = b""
    files["manifest.csv"] = manifest_text([manifest_row(1, bus_file="=cmd()")]).encode()
    job = check(client, cohort, write_zip(tmp_path / "s.zip", files).read_bytes())
    text = client.get(f"/admin/cohorts/importjob/{job.pk}/problems.csv").content.decode()
    assert "'=cmd()," in text


def test_the_same_source_again_is_there_already(client, cohort, archive):
    data = archive(3)
    bring(client, cohort, data)
    before = stored_files()
    job = check(client, cohort, data)
    assert (job.state, Case.objects.count(), stored_files()) == (State.DONE, 3, before)
    assert "already been imported" in page(client, job)


def test_two_dry_runs_of_one_source_bring_it_once(client, cohort, archive):
    data = archive(3)
    first, second = check(client, cohort, data), check(client, cohort, data)
    for job in (first, second):
        press(client, job)
    last = work_off()
    assert (last.state, Case.objects.count()) == (State.DONE, 3)
    assert "already been imported" in last.reason


def test_other_cases_with_known_ids_are_refused_row_by_row(client, cohort, archive):
    bring(client, cohort, archive(2))
    job = check(client, cohort, archive(3))
    assert [(p.row, p.column) for p in queue.problems_of(job)] == [(2, "case_id"), (3, "case_id")]
    assert Case.objects.count() == 2


def test_pressing_twice_or_a_message_that_comes_again_imports_once(client, cohort, archive):
    job = check(client, cohort, archive(2))
    press(client, job)
    assert "once" in press(client, job).content.decode()
    worker.run_jobs(queue.KIND, [job.pk])
    worker.run_jobs(queue.KIND, [job.pk])
    assert Case.objects.count() == 2


def test_a_cancelled_import_leaves_nothing(client, cohort, archive):
    job = check(client, cohort, archive(2))
    press(client, job, "cancel")
    press(client, job)
    assert work_off().state == State.CANCELLED
    assert nothing_was_written()


def test_an_open_study_is_not_imported_into(client, archive):
    study = factories.make_open()
    response = upload(client, study.cohort_set.first(), archive(1))
    assert response.status_code == 403
    assert not ImportJob.objects.exists()


def test_a_study_that_opens_after_the_dry_run_takes_nothing(client, cohort, archive):
    job = check(client, cohort, archive(1))
    press(client, job)
    Study.objects.update(state=Study.State.OPEN)
    job = work_off()
    assert (job.state, queue.problems_of(job)[0].message) == (
        State.FAILED, "the study is open; only a draft accepts cases",
    )  # fmt: skip
    assert nothing_was_written()


def test_neither_a_file_nor_a_folder_or_both_are_refused_in_words(client, cohort):
    response = client.post(f"/admin/cohorts/cohort/{cohort.pk}/import/", {"kind": Kind.CASES})
    assert "Choose one source" in response.content.decode()


# Truth that comes later


def test_cases_without_truth_then_their_truth(client, cohort, archive):
    assert bring(client, cohort, archive(3, truth=False), kind=Kind.CASES).state == State.DONE
    assert (Case.objects.count(), ReferenceStandard.objects.count()) == (3, 0)
    assert "3 cases have no reference standard." in lifecycle.missing_to_open(cohort.study)
    truth = truth_csv([1, 2, 3])
    job = bring(client, cohort, truth, kind=Kind.TRUTH, name="any.csv")
    assert (job.state, ReferenceStandard.objects.count()) == (State.DONE, 3)
    told = ReferenceStandard.objects.get(case__case_id="case-001").etiology
    assert told == list(Etiology)[1].value
    assert "already has all" in check(client, cohort, truth, kind=Kind.TRUTH).reason


def test_a_manifest_with_truth_is_refused_where_none_is_expected(client, cohort, archive):
    job = check(client, cohort, archive(1), kind=Kind.CASES)
    assert {p.message.split(";")[0] for p in queue.problems_of(job)} == {
        'unknown column "pathologic_method"', 'unknown column "etiology"',
    }  # fmt: skip


def test_truth_without_a_case_double_or_there_already_is_refused_by_row(client, cohort, archive):
    bring(client, cohort, archive(2))
    doubled = truth_csv([1, 1])
    job = check(client, cohort, doubled, kind=Kind.TRUTH)
    assert [(p.row, p.column) for p in queue.problems_of(job)] == [(3, "case_id")]
    job = check(client, cohort, truth_csv([2, 7], etiology="lymphoma"), kind=Kind.TRUTH)
    assert [(p.row, p.message[:20]) for p in queue.problems_of(job)] == [
        (2, "case case-002 alread"), (3, "there is no case cas"),
    ]  # fmt: skip


def test_a_reader_of_the_study_brings_neither_cases_nor_truth(client, cohort, archive):
    bring(client, cohort, archive(1, truth=False), kind=Kind.CASES)
    ada = User.objects.get(username="ada")
    cohort.study.reader_set.create(user=ada, code="R1", years_of_experience=3, group="junior")
    response = upload(client, cohort, truth_csv([1]), kind=Kind.TRUTH)
    assert "ada is a reader of this study" in response.content.decode()
    assert ImportJob.objects.count() == 1
    assert len(stored_files()) == 2


def test_whoever_became_a_reader_since_the_dry_run_is_refused(client, cohort, archive):
    job = check(client, cohort, archive(1))
    press(client, job)
    ada = User.objects.get(username="ada")
    cohort.study.reader_set.create(user=ada, code="R1", years_of_experience=3, group="junior")
    job = work_off()
    assert (job.state, "ada is a reader" in queue.problems_of(job)[0].message) == (
        State.FAILED,
        True,
    )
    assert nothing_was_written()


# Server folders


@pytest.fixture
def root(settings, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    settings.IMPORT_ROOTS = [root]
    return root


def choose(client, cohort, folder):
    form = {"kind": Kind.CASES_WITH_TRUTH, "folder": str(folder)}
    return client.post(f"/admin/cohorts/cohort/{cohort.pk}/import/", form)


def test_a_server_folder_is_imported_and_left_as_it_is(client, cohort, root):
    folder = build_source(root / "hospital", 3)
    before = sorted(folder.rglob("*"))
    assert choose(client, cohort, folder).status_code == 302
    press(client, work_off())
    assert (work_off().state, Case.objects.count()) == (State.DONE, 3)
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize(
    "where",
    [
        "{root}/../outside", "/etc", "relative", "{root}/link", "{root}/link/inside",
        "{root}/nothing", "{root}/\x00",
    ],
)  # fmt: skip
def test_no_folder_outside_the_roots_and_none_by_a_link(client, cohort, root, tmp_path, where):
    build_source(tmp_path / "outside", 1)
    build_source(tmp_path / "outside" / "inside", 1)
    (root / "link").symlink_to(tmp_path / "outside")
    response = choose(client, cohort, where.format(root=root))
    assert response.status_code == 200
    assert "Nothing was imported" in response.content.decode()
    assert not ImportJob.objects.exists()


def test_a_folder_that_became_a_link_is_not_followed(client, cohort, root, tmp_path):
    folder = build_source(root / "hospital", 1)
    choose(client, cohort, folder)
    folder.rename(tmp_path / "moved")
    folder.symlink_to(tmp_path / "moved")
    [problem] = queue.problems_of(work_off())
    assert "is a link" in problem.message


@pytest.mark.parametrize("what", ["images/case-001_bus.png", "manifest.csv"])
def test_a_source_that_changed_since_its_dry_run_is_refused(client, cohort, root, what):
    folder = build_source(root / "hospital", 2)
    choose(client, cohort, folder)
    job = work_off()
    other = source_files(2, changes={1: {"age": "99"}})
    other["images/case-001_bus.png"] = other["images/case-001_cdfi.png"]
    write_folder(folder, {what: other[what]})
    press(client, job)
    job = work_off()
    assert job.state == State.FAILED
    assert "changed since the dry run" in queue.problems_of(job)[0].message
    assert nothing_was_written()


# Dead workers


def died(job: ImportJob, **fields) -> None:
    """As if the process that had the job had been killed a while ago."""
    long_ago = timezone.now() - timedelta(hours=1)
    ImportJob.objects.filter(pk=job.pk).update(heartbeat_at=long_ago, **fields)


def test_what_a_killed_import_placed_is_taken_back_and_it_is_done_anew(
    client, cohort, archive, monkeypatch
):
    job = check(client, cohort, archive(3))
    press(client, job)
    with monkeypatch.context() as killed:
        # A process that is killed cleans nothing up.
        killed.setattr(StagedFiles, "remove", lambda self: None)
        killed.setattr(StagedFiles, "close", lambda self: None)
        killed.setattr(cohort_import, "record", _die)
        with pytest.raises(SystemExit):
            worker.run_jobs(queue.KIND, [job.pk])
    assert len([path for path in stored_files() if path.parent.name == "images"]) == 6
    died(job, state=State.COMMITTING, attempts=1)
    queue.KIND.queue.reap()
    job = work_off()
    assert (job.state, job.attempts, Case.objects.count()) == (State.DONE, 2, 3)
    assert len(stored_files()) == Image.objects.count() == 6


def _die(*_args, **_kwargs):
    raise SystemExit


def test_leftovers_that_rows_name_are_kept(client, cohort, archive, media_root):
    bring(client, cohort, archive(1))
    staging = media_root / "importing-job9-x"
    staging.mkdir()
    (staging / "names").write_text("\n".join(Image.objects.values_list("file", flat=True)))
    clear_leftovers()
    assert len(stored_files()) == 2
    assert not staging.exists()


def test_a_source_that_kills_its_worker_each_time_fails(client, cohort, archive, settings):
    upload(client, cohort, archive(1))
    job = ImportJob.objects.get()
    died(job, state=State.CHECKING, strikes=settings.IMPORT_MAX_ATTEMPTS)
    queue.KIND.queue.reap()
    job.refresh_from_db()
    assert (job.state, "died each time" in job.reason) == (State.FAILED, True)


def test_an_unexpected_error_is_told_without_its_insides(client, cohort, archive, monkeypatch):
    monkeypatch.setattr("readerstudy.studies.imports.cases.Sheet", _broken)
    job = check(client, cohort, archive(1))
    assert (job.state, job.reason) == (
        State.FAILED, "An error occurred on the server (ValueError). Nothing was imported.",
    )  # fmt: skip


def _broken():
    raise ValueError("/secret/path")


def test_a_job_that_was_taken_away_stores_nothing(client, cohort, archive, monkeypatch):
    job = check(client, cohort, archive(1))
    press(client, job)
    real = cohort_import.record

    def record_after_another_took_over(*args, **kwargs):
        ImportJob.objects.filter(pk=job.pk).update(attempts=5)
        return real(*args, **kwargs)

    monkeypatch.setattr(cohort_import, "record", record_after_another_took_over)
    worker.run_jobs(queue.KIND, [job.pk])
    assert not Case.objects.exists()
    assert not [path for path in stored_files() if path.parent.name == "images"]


def test_a_dry_run_that_nobody_acts_on_is_forgotten(client, cohort, archive):
    job = check(client, cohort, archive(1))
    ImportJob.objects.update(checked_at=timezone.now() - timedelta(days=30))
    queue.KIND.queue.reap()
    job.refresh_from_db()
    assert job.state == State.CANCELLED


# Templates, and the number of statements


@pytest.mark.parametrize("kind", Kind.values)
def test_each_kind_has_a_template_whose_columns_are_explained(client, cohort, kind):
    response = client.get(f"/admin/cohorts/importjob/template/{kind}.csv")
    header = next(csv.reader(io.StringIO(response.content.decode())))
    where = "screening/import" if kind == Kind.SCREENING else f"cohort/{cohort.pk}/import"
    page = client.get(f"/admin/cohorts/{where}/").content.decode()
    assert all(f'<th scope="row">{column}</th>' in page for column in header)
    assert ("etiology" in header) == Kind(kind).has_truth


def test_a_filled_template_is_imported(client, cohort, tmp_path):
    header = client.get("/admin/cohorts/importjob/template/cases_truth.csv").content.decode()
    row = manifest_row(1)
    files = source_files(1)
    cells = [row.get(name, "") for name in header.strip().split(",")]
    files["manifest.csv"] = (header + ",".join(cells)).encode()
    assert bring(client, cohort, write_zip(tmp_path / "s.zip", files).read_bytes()).rows == 1


def test_statements_come_in_batches(
    client, cohort, tmp_path, django_assert_max_num_queries, monkeypatch
):
    monkeypatch.setattr(execution, "PROGRESS_EVERY", 3600.0)
    sources = [build_source(tmp_path / str(cases), cases) for cases in (2, 60)]
    with django_assert_max_num_queries(19):
        cohort_import.import_cohort(cohort=cohort, source=sources[0])
    other = Cohort.objects.create(study=cohort.study, name="other")
    with django_assert_max_num_queries(19):
        cohort_import.import_cohort(cohort=other, source=sources[1])


# Roles


def member(study: Study, role: str) -> Client:
    client = Client()
    client.force_login(factories.make_member(study, role, role=role))
    return client


def test_a_data_manager_imports_into_the_own_study_alone(cohort, archive):
    client = member(cohort.study, "data_manager")
    assert bring(client, cohort, archive(2)).state == State.DONE
    other = Study.objects.create(slug="other", title="Other")
    theirs = Cohort.objects.create(study=other, name="theirs")
    assert upload(client, theirs, archive(1)).status_code == 404


@pytest.mark.parametrize("role", ["investigator", "auditor"])
def test_who_may_not_see_the_truth_sees_no_import_that_tells_it(client, cohort, archive, role):
    with_truth = check(client, cohort, archive(1, changes={1: {"etiology": "lymfoma"}}))
    without = check(client, cohort, archive(1, truth=False), kind=Kind.CASES)
    them = member(cohort.study, role)
    for page_of in ("change/", "state.json", "problems.csv", "sheet.png"):
        url = f"/admin/cohorts/importjob/{with_truth.pk}/{page_of}"
        assert them.get(url).status_code == 404
    listed = them.get("/admin/cohorts/importjob/").content.decode()
    assert f"importjob/{without.pk}/change" in listed
    assert f"importjob/{with_truth.pk}/change" not in listed
    assert upload(them, cohort, archive(1)).status_code == 403
    text = page(them, without)
    assert 'value="Import"' not in text
    press(them, without)
    assert not work_off().confirmed_by
