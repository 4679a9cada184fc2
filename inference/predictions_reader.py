"""Predictions made elsewhere: a folder or ZIP with ``predictions.csv`` and, if need be, heatmaps.

Read as a cohort is (readerstudy/imaging), with its defences. Nothing is written here, and
the database is not asked: what the study has is given.
"""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from readerstudy.diagnosis import Modality
from readerstudy.imaging import ImportRefused, Limits, Problem, Source, UnreadableImage
from readerstudy.imaging.csv_table import (
    CellError,
    Faults,
    Values,
    file_parser,
    parse_case_id,
    read_table,
)
from readerstudy.imaging.pixels import decode_grey_png
from readerstudy.imaging.problems import quoted
from readerstudy.imaging.source_limits import GIB, MIB

PREDICTIONS_NAME = "predictions.csv"
PROBABILITIES = ("p_malignant", "p_tuberculous", "p_metastatic")
DIGESTS = {f"{modality}_sha256": modality for modality in Modality}
HEATMAPS = {f"level{level}_{m}": (level, m) for level in (1, 2) for m in Modality}
LIMITS = Limits(max_file_bytes=32 * MIB, max_total_bytes=GIB, min_side=2, max_side=512)
MAX_HEATMAP_BYTES = MIB

_NUMBER = re.compile(r"(?=.{1,40}\Z)([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_SHA256 = re.compile(r"[0-9A-Fa-f]{64}")

CaseKey = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class KnownCase:
    """What a study has of a case: whether readers read it, and its images' SHA-256."""

    is_testing: bool
    sha256: Mapping[str, str]


@dataclass(frozen=True, kw_only=True, slots=True)
class PredictionRow:
    """One case as the table tells it. `row` is its row in a spreadsheet, the header being 1.

    `sha256` has the images' digests as far as they are given; `heatmaps` the files of all four
    maps by column, or is empty.
    """

    row: int
    cohort: str
    case_id: str
    p_malignant: float
    p_tuberculous: float
    p_metastatic: float
    sha256: Mapping[str, str]
    heatmaps: Mapping[str, str]

    @property
    def key(self) -> CaseKey:
        return self.cohort, self.case_id


def read_predictions(source: Source, known: Mapping[CaseKey, KnownCase]) -> list[PredictionRow]:
    """The rows of the table of `source`, in its order, for a study of `known` cases.

    Heatmaps are not decoded here: that is slow, and the work of `iter_heatmaps`.

    Raises
    ------
    ImportRefused
        With all problems of source and table; testing cases without a row are among them.
    """
    seen = _Seen(known)
    table = read_table(
        source,
        file=PREDICTIONS_NAME,
        parsers=_parsers(source),
        optional=(*DIGESTS, *HEATMAPS),
        check=seen.faults,
    )
    problems = [*source.problems, *table.problems]
    if seen.named == table.count > 0:  # else a case that seems absent may be in a row not read
        problems += seen.absent()
    if problems:
        raise ImportRefused(problems)
    return [_row(row, values) for row, values in table.rows]


def iter_heatmaps(
    source: Source, rows: Iterable[PredictionRow]
) -> Iterator[tuple[PredictionRow, dict[str, np.ndarray]]]:
    """Yield each row with its heatmaps by column, (H, W) uint8; with none, if it names none.

    From the first unreadable map on nothing more is yielded, but all further maps are still
    looked at, so that the refusal at the end is complete.

    Raises
    ------
    ImportRefused
        At the end, with all problems of the maps.
    """
    problems: list[Problem] = []
    for row in rows:
        maps = {}
        for column, file in row.heatmaps.items():
            place = {"row": row.row, "column": column, "table": PREDICTIONS_NAME}
            try:
                data = source.read(file, MAX_HEATMAP_BYTES)
                maps[column] = decode_grey_png(data, limits=source.limits)
            except ImportRefused as refused:
                problems += [replace(problem, **place) for problem in refused.problems]
            except UnreadableImage as error:
                problems.append(Problem(str(error), file=file, **place))
        if not problems:
            yield row, maps
    if problems:
        raise ImportRefused(problems)


class Digest:
    """SHA-256 of predictions and their threshold: of what is said, not of how the files are laid.

    The order of rows and columns, line ends, names of files and the packing make no difference.
    """

    def __init__(self, threshold: float):
        self._threshold = float(threshold)
        self._lines: list[str] = []

    def add(self, row: PredictionRow, heatmaps: Mapping[str, np.ndarray]) -> None:
        """Take in one case."""
        maps = {
            column: [*pixels.shape, hashlib.sha256(pixels.tobytes()).hexdigest()]
            for column, pixels in heatmaps.items()
        }
        probabilities = [getattr(row, name) for name in PROBABILITIES]
        line = [*row.key, *probabilities, dict(row.sha256), maps]
        self._lines.append(json.dumps(line, sort_keys=True))

    def hexdigest(self) -> str:
        text = "\n".join([json.dumps(self._threshold), *sorted(self._lines)])
        return hashlib.sha256(text.encode()).hexdigest()


class _Seen:
    """The study's cases, and what the rows so far have named."""

    def __init__(self, known: Mapping[CaseKey, KnownCase]):
        self.named = 0
        self._known = known
        self._cohorts = {cohort for cohort, _ in known}
        self._case_rows: dict[CaseKey, int] = {}
        self._file_places: dict[str, str] = {}

    def faults(self, row: int, values: Values, given: set[str]) -> Faults:
        """What is wrong with a row beyond its single cells."""
        if "cohort" in values and "case_id" in values:
            self.named += 1
            yield from self._case_faults(row, values)
        absent = [column for column in HEATMAPS if column not in given]
        if 0 < len(absent) < len(HEATMAPS):
            yield "is blank or missing; give all four heatmaps of a case or none", absent[0]
        yield from self._file_faults(row, values)

    def absent(self) -> Iterator[Problem]:
        """A problem for each testing case that no row has named."""
        for (cohort, case_id), case in sorted(self._known.items()):
            if case.is_testing and (cohort, case_id) not in self._case_rows:
                message = f"no row for case {case_id} of cohort {quoted(cohort)}; add it"
                yield Problem(message, file=PREDICTIONS_NAME, table=PREDICTIONS_NAME)

    def _case_faults(self, row: int, values: Values) -> Faults:
        cohort, case_id = values["cohort"], values["case_id"]
        key = (cohort, case_id)
        if cohort not in self._cohorts:
            cohorts = ", ".join(quoted(name) for name in sorted(self._cohorts)) or "none"
            yield (
                f"the study has no cohort {quoted(cohort)} with cases; it has: {cohorts}",
                "cohort",
            )
            return
        if key not in self._known:
            message = f"there is no case {quoted(case_id)} in cohort {quoted(cohort)}"
            yield f"{message}; correct or remove the row", "case_id"
            return
        first = self._case_rows.setdefault(key, row)
        if first != row:
            yield f"this case is already in row {first}; each case has one row", "case_id"
        for column, modality in DIGESTS.items():
            if column in values and values[column] != self._known[key].sha256.get(modality):
                yield (
                    f"is not the SHA-256 of this case's {modality.label} image on this site: "
                    "the model was run on another image",
                    column,
                )

    def _file_faults(self, row: int, values: Values) -> Faults:
        for column in HEATMAPS:
            if column not in values:
                continue
            here = f"row {row}, column {column}"
            first = self._file_places.setdefault(values[column], here)
            if first != here:
                message = f"{quoted(values[column])} is already used in {first}"
                yield f"{message}; each heatmap has its own file", column


def _row(row: int, values: Values) -> PredictionRow:
    digests = {modality: values[column] for column, modality in DIGESTS.items() if column in values}
    heatmaps = {column: values[column] for column in HEATMAPS if column in values}
    rest = {name: values[name] for name in ("cohort", "case_id", *PROBABILITIES)}
    return PredictionRow(row=row, sha256=digests, heatmaps=heatmaps, **rest)


def _parsers(source: Source) -> dict[str, Callable[[str], object]]:
    """What reads a cell of each column, in the order in which columns are listed to people."""
    return {
        "cohort": str,
        "case_id": parse_case_id,
        **dict.fromkeys(PROBABILITIES, _probability),
        **dict.fromkeys(DIGESTS, _digest),
        **dict.fromkeys(HEATMAPS, file_parser(source)),
    }


def _probability(text: str) -> float:
    if not _NUMBER.fullmatch(text) or not 0 <= float(text) <= 1:
        raise CellError(
            f"{quoted(text)} is not a probability; write a number from 0 to 1, such as 0.731, "
            "with a decimal point and no percent sign"
        )
    return float(text)


def _digest(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise CellError(f"{quoted(text)} is not a SHA-256; write its 64 hexadecimal digits")
    return text.lower()
