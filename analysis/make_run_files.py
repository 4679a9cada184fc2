"""Make the files of a run: its page, tables, figures, report, workbook, and the data it read.

Only workers and commands import this module: it draws.
"""

import json
import logging
from collections.abc import Callable, Iterator
from functools import cached_property

from django.template.loader import render_to_string

from analysis import (
    canonical,
    charts,
    figures,
    file_set_queue,
    load_reading_conduct,
    load_study_data,
    run_page_context,
    run_page_registry,
    stored_files,
)
from analysis.exports import (
    conduct_csv,
    data_files,
    results_csv,
    table_files,
    workbook,
)
from analysis.exports.provenance import Provenance
from analysis.models import AnalysisRun, FileSet, RunFile
from analysis.plan import Plan
from analysis.report import report_pdf
from analysis.run_file_names import BESIDE, CONTENT_TYPES, page_name
from analysis.study_arrays import StudyData
from readerstudy.database_outages import outage
from readerstudy.jobs import worker
from readerstudy.jobs.errors import JobFailed, JobLost

log = logging.getLogger("analysis.drawing")
DIED = "The process died each time it made this file. Check the worker's memory, then try again."
OTHER_VERSION = (
    "Another version of the software requested these files. Try again once all of its processes "
    "run the same."
)


class DataChanged(Exception):
    """The study's data are not what the run read."""


def run(jobs: list[FileSet]) -> None:
    """Make the files of a run that are not there. Raises JobFailed, JobLost."""
    [files] = jobs
    if files.key != file_set_queue.file_set_key(files.run):
        raise JobFailed(OTHER_VERSION)
    source = FilesOf(files.run)
    if not files.total:
        file_set_queue.list_files(files, list(source.names()))
    for row in files.files.filter(state=RunFile.State.WAITING):
        make_file(row, source)
        if not file_set_queue.KIND.queue.note_progress(files, strikes=0):
            raise JobLost
    file_set_queue.finish(files)


def make_run_files(run: AnalysisRun) -> FileSet:
    """Make those files of a run in this process that are not there, if no other one makes them;
    what failed before is tried again."""
    files, _ = file_set_queue.queue(run, failed_too=True)
    worker.run_jobs(file_set_queue.KIND, [files.pk])
    files.refresh_from_db()
    return files


def make_file(row: RunFile, source: "FilesOf") -> None:
    """Make and store one file; if it fails, its row says why, and the others go on."""
    here = RunFile.objects.filter(pk=row.pk)
    if row.attempts >= file_set_queue.MAX_ATTEMPTS:
        here.update(state=RunFile.State.FAILED, reason=DIED)
        return
    here.update(attempts=row.attempts + 1)
    try:
        content = source.content(row.name)
        sha256 = stored_files.write(source.run, row.name, content)
    except Exception as error:
        if outage(error):
            here.update(attempts=row.attempts)
            raise
        log.exception("%s", row.name)
        is_explained = isinstance(error, DataChanged | figures.NotAvailable)
        reason = str(error) if is_explained else f"{type(error).__name__}: {error}"
        here.update(state=RunFile.State.FAILED, attempts=0, reason=reason)
        return
    here.update(
        state=RunFile.State.DONE, attempts=0, sha256=sha256, size=len(content),
        media_type=CONTENT_TYPES[row.name.rpartition(".")[2]],
    )  # fmt: skip


class FilesOf:
    """What the files of a run are, and the content of each."""

    def __init__(self, run: AnalysisRun):
        self.run = run
        self._document = json.loads(run.results)
        self._provenance = provenance_of(run)

    def names(self) -> Iterator[str]:
        """All of them, first what the run's page shows at once."""
        document = self._document
        drawn = [offer for offer in figures.offered(document) if not offer.reason]
        pictures = [f"figures/{offer.name}.svg" for offer in drawn]
        yield from pictures[: run_page_context.FIGURES_OPEN]
        count = run_page_context.page_count(document)
        yield from (page_name(number) for number in range(1, count + 1))
        yield from pictures[run_page_context.FIGURES_OPEN :]
        yield from (f"charts/{o.name}.json" for o in drawn if o.kind in charts.CHARTS)
        yield from ("metrics.csv", "tests.csv", "report.pdf", "results.xlsx")
        for section in document["sections"]:
            yield from (
                f"tables/{file}" for file in table_files.table_files(document, section["name"])
            )
        yield from (f"data/{name}" for name in (*data_files.DATA_FILES, conduct_csv.NAME))
        for format in figures.FORMATS:
            if format != "svg":
                yield from (f"figures/{offer.name}.{format}" for offer in drawn)
        page = run_page_registry.page_for(self.run.study.slug)
        section_names = {section["name"] for section in document["sections"]}
        if page and section_names.issuperset(page.sections):
            yield BESIDE

    def content(self, name: str) -> bytes:
        """Whatever a file has; raises what making it raises."""
        kind, _, file = name.rpartition("/")
        makers: dict[str, Callable[[str], str | bytes]] = {
            "": self._of_all,
            "pages": self._page,
            "figures": self._figure,
            "charts": self._chart,
            "tables": self._table,
            "data": self._data_file,
        }
        made = makers[kind](file)
        return made.encode() if isinstance(made, str) else made

    def _of_all(self, file: str) -> str | bytes:
        if file == BESIDE:
            return run_page_registry.page_for(self.run.study.slug).draw(self.run)
        if file == "report.pdf":
            return report_pdf(self._document, self._provenance)
        if file == "results.xlsx":
            return workbook.results_xlsx(self._document, self._provenance)
        return results_csv.tables_csv(self._document, table=file.removesuffix(".csv"))

    def _page(self, file: str) -> str:
        shown = run_page_context.page_of(
            self._document, readers_page=int(file.removesuffix(".html"))
        )
        plan = Plan.from_document(self.run.plan_document)
        context = {"study": self.run.study, "run": self.run, "plan": plan, **shown}
        return render_to_string("analysis/run_results.html", context)

    def _figure(self, file: str) -> bytes:
        name, _, format = file.rpartition(".")
        return figures.render(figures.draw(name, self._document), format)

    def _chart(self, file: str) -> str:
        return canonical.to_json(charts.chart(file.removesuffix(".json"), self._document))

    def _table(self, file: str) -> str | bytes:
        name, _, format = file.rpartition(".")
        return table_files.table_file(name, format, self._document, self._provenance)

    def _data_file(self, file: str) -> str | bytes:
        data = self._data
        if file == conduct_csv.NAME:
            return conduct_csv.conduct_csv(load_reading_conduct.reading_rows(self.run.study))
        return data_files.data_file(file, data)

    @cached_property
    def _data(self) -> StudyData:
        """As the run read them. Raises DataChanged."""
        data = load_study_data.load(self.run.study)
        if data.digest() != self.run.data_sha256:
            raise DataChanged(
                f"The study's data have changed since run {self.run.number} read them, so this "
                "file would not match its results. Start a new run and use its files."
            )
        return data


def provenance_of(run: AnalysisRun) -> Provenance:
    """Where a run's results come from."""
    return Provenance(
        study=run.study.title,
        slug=run.study.slug,
        run=run.number,
        planned=run.planned,
        plan_sha256=run.plan_sha256,
        data_sha256=run.data_sha256,
        results_sha256=run.results_sha256,
        code_version=run.code_version,
        libraries=run.libraries,
    )
