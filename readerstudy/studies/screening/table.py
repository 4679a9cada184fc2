"""The screening log: one row a patient, or counts; and what it comes to for each cohort."""

from collections.abc import Collection
from dataclasses import dataclass, field

from readerstudy.imaging import ImportRefused, Problem, Source
from readerstudy.imaging.csv_table import (
    CellError,
    Faults,
    Parsers,
    Values,
    one_of,
    parse_case_id,
    read_table,
    whole_number,
)
from readerstudy.imaging.problems import quoted
from readerstudy.studies.clinical_vocabulary import ExclusionReason

SCREENING_NAME = "screening.csv"
MAX_PATIENTS = 10_000_000
MAX_NOTE_LENGTH = 200
MAX_REASONS = 50
SCREENED, EXCLUDED, ENROLLED = OUTCOMES = ("screened", "excluded", "enrolled")


@dataclass
class ScreeningCounts:
    """What the log says of one cohort, or of all together; exclusions in their order."""

    screened: int | None = None
    enrolled: int = 0
    exclusions: dict[tuple[str, str], int] = field(default_factory=dict)

    @property
    def excluded(self) -> int:
        return sum(self.exclusions.values())

    @property
    def all_screened(self) -> int:
        """As counted apart, or else the sum."""
        return self.enrolled + self.excluded if self.screened is None else self.screened


def read_screening(source: Source, *, cohorts: Collection[str]) -> dict[str, ScreeningCounts]:
    """The counts by cohort name; "" stands for all cohorts together.

    Raises ImportRefused with all problems; numbers that don't add up are among them.
    """
    log = _Log(cohorts)
    table = read_table(
        source,
        file=SCREENING_NAME,
        parsers=_PARSERS,
        optional=OPTIONAL_SCREENING_COLUMNS,
        check=log.faults,
    )
    problems = [*source.problems, *table.problems]
    if not problems:
        problems = [
            Problem(message, SCREENING_NAME, table=SCREENING_NAME)
            for message in log.disagreements()
        ]
    if problems:
        raise ImportRefused(problems)
    return log.counted


class _Log:
    """The rows so far."""

    def __init__(self, cohorts: Collection[str]):
        self.counted: dict[str, ScreeningCounts] = {}
        self._cohorts = cohorts
        self._ids: dict[str, int] = {}

    def faults(self, row: int, values: Values, given: set[str]) -> Faults:
        """What is wrong with this row; one that is right is counted."""
        faults = [
            *self._id_faults(row, values),
            *self._cohort_faults(values, given),
            *_reason_faults(values, given),
            *self._count_faults(values),
        ]
        if not faults and "outcome" in values and given <= values.keys():
            self._count(values)
        yield from faults

    def disagreements(self) -> list[str]:
        """What does not add up."""
        found = [
            f"{name or 'all cohorts'}: {each.screened} screened, but {each.excluded} excluded "
            f"and {each.enrolled} enrolled make {each.excluded + each.enrolled}; correct the "
            "counts"
            for name, each in self.counted.items()
            if each.all_screened != each.excluded + each.enrolled
        ]
        if "" in self.counted and len(self.counted) > 1:
            found.append("some rows name a cohort and some do not; name it in all rows or in none")
        return found

    def _id_faults(self, row: int, values: Values) -> Faults:
        if name := values.get("screening_id"):
            first = self._ids.setdefault(name, row)
            if first != row:
                yield (
                    f"{quoted(name)} is already in row {first}; each patient has one row",
                    ("screening_id"),
                )
            if "patients" in values:
                yield "a row with a screening_id is one patient; leave this blank", "patients"
            if values.get("outcome") == SCREENED:
                yield "a patient is excluded or enrolled", "outcome"

    def _cohort_faults(self, values: Values, given: set[str]) -> Faults:
        name = values.get("cohort", "")
        if name and name not in self._cohorts:
            known = ", ".join(self._cohorts) or "none"
            yield f"there is no cohort {quoted(name)} in this study; there are: {known}", "cohort"

    def _count_faults(self, values: Values) -> Faults:
        so_far = self.counted.get(values.get("cohort", ""), ScreeningCounts())
        if values.get("outcome") == SCREENED and so_far.screened is not None:
            yield "the total number screened is already in an earlier row; keep one", "outcome"
        if len(so_far.exclusions) > MAX_REASONS:
            yield f"more than {MAX_REASONS} reasons and notes; combine some", "reason"
        if "screening_id" not in values and "patients" not in values:
            yield "give the patient's screening_id or the number of patients", "patients"

    def _count(self, values: Values) -> None:
        into = self.counted.setdefault(values.get("cohort", ""), ScreeningCounts())
        patients = values.get("patients", 1)
        if values["outcome"] == SCREENED:
            into.screened = patients
        elif values["outcome"] == ENROLLED:
            into.enrolled += patients
        else:
            why = (values["reason"].value, values.get("note", ""))
            into.exclusions[why] = into.exclusions.get(why, 0) + patients


def _reason_faults(values: Values, given: set[str]) -> Faults:
    outcome = values.get("outcome")
    if outcome == EXCLUDED and "reason" not in given:
        yield "is blank; say why the patient was excluded", "reason"
    if outcome in (SCREENED, ENROLLED) and given & {"reason", "note"}:
        yield f"only an excluded patient has a reason, but this one is {outcome}", "reason"
    if values.get("reason") is ExclusionReason.OTHER and "note" not in given:
        yield "is blank; describe the other reason in your own words", "note"


def _cohort(text: str) -> str:
    if len(text) > 64 or not text.isprintable():
        raise CellError(f"{quoted(text)} is not the name of a cohort")
    return text


def _outcome(text: str) -> str:
    if text.lower() not in OUTCOMES:
        raise CellError(f"{quoted(text)} is not allowed; write one of: {', '.join(OUTCOMES)}")
    return text.lower()


def _note(text: str) -> str:
    if len(text) > MAX_NOTE_LENGTH or not text.isprintable():
        raise CellError(
            f"{quoted(text)} is not allowed; write up to {MAX_NOTE_LENGTH} characters without line "
            "breaks or control characters"
        )
    return text


def _patients(text: str) -> int:
    return whole_number(text, least=0, most=MAX_PATIENTS, what="number of patients")


_PARSERS: Parsers = {
    "screening_id": parse_case_id,
    "cohort": _cohort,
    "outcome": _outcome,
    "reason": one_of(ExclusionReason),
    "note": _note,
    "patients": _patients,
}
SCREENING_COLUMNS = tuple(_PARSERS)
OPTIONAL_SCREENING_COLUMNS = ("screening_id", "cohort", "reason", "note", "patients")
