"""The table of reference standards that come after their cases: one row a case."""

from dataclasses import dataclass

from readerstudy.diagnosis import Etiology
from readerstudy.imaging import ImportRefused, Source
from readerstudy.imaging.csv_table import Faults, Values, parse_case_id, read_table
from readerstudy.imaging.problems import quoted
from readerstudy.studies.clinical_vocabulary import PathologicMethod
from readerstudy.studies.read_manifest import truth_parsers

TRUTH_NAME = "truth.csv"
_PARSERS = {"case_id": parse_case_id, **truth_parsers()}
TRUTH_COLUMNS = tuple(_PARSERS)


@dataclass(frozen=True, kw_only=True, slots=True)
class TruthRow:
    """The truth of one case, and its row in a spreadsheet, the header being 1."""

    row: int
    case_id: str
    pathologic_method: PathologicMethod
    etiology: Etiology


def read_truth(source: Source) -> list[TruthRow]:
    """The rows of the table in its order. Raises ImportRefused with all problems."""
    first_rows: dict[str, int] = {}

    def check(row: int, values: Values, _given: set[str]) -> Faults:
        if case_id := values.get("case_id"):
            first = first_rows.setdefault(case_id, row)
            if first != row:
                message = f"{quoted(case_id)} is already in row {first}; each case has one row"
                yield message, "case_id"

    table = read_table(source, file=TRUTH_NAME, parsers=_PARSERS, check=check)
    if problems := [*source.problems, *table.problems]:
        raise ImportRefused(problems)
    return [TruthRow(row=row, **values) for row, values in table.rows]
