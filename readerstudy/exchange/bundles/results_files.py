"""What else a bundle has of an unblinded study: its runs' tables, and the data that they read.

For people: an import reads none of it.
"""

import json
from collections.abc import Iterator

from analysis import load_reading_conduct, load_study_data
from analysis.exports import conduct_csv, data_files, results_csv
from analysis.models import AnalysisRun
from readerstudy.studies.models import Study


def iter_results_files(study: Study) -> Iterator[tuple[str, str | bytes]]:
    """The files by name, of runs that are done."""
    for run in done_runs(study):
        results = json.loads(run.results)
        for table in ("metrics", "tests"):
            yield (
                f"results/run-{run.number}-{table}.csv",
                results_csv.tables_csv(results, table=table),
            )
    if done_runs(study).exists():
        data = load_study_data.load(study)
        for name in data_files.DATA_FILES:
            yield f"results/data/{name}", data_files.data_file(name, data)
        yield (
            f"results/data/{conduct_csv.NAME}",
            conduct_csv.conduct_csv(load_reading_conduct.reading_rows(study)),
        )


def done_runs(study: Study):
    state = AnalysisRun.State.DONE
    return AnalysisRun.objects.filter(study=study, state=state).order_by("number")
