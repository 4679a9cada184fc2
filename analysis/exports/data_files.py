"""The casewise files by name, and how their readings reckon up."""

from collections.abc import Callable
from dataclasses import asdict, fields

from analysis.exports.casewise import DataFile, ReadingTally, cases_csv, readings_csv
from analysis.exports.dictionary import dictionary_csv
from analysis.exports.mrmc_tools import imrmc, mrmcaov, rjafroc
from analysis.exports.results_csv import csv_text
from analysis.study_arrays import StudyData

READINGS: dict[str, Callable[[StudyData], DataFile]] = {
    "readings.csv": readings_csv,
    "mrmcaov.csv": mrmcaov,
    "imrmc.imrmc": imrmc,
    "rjafroc.xlsx": rjafroc,
}


def data_file(name: str, data: StudyData) -> str | bytes:
    """The content of the file of this name. Raises KeyError for another name."""
    return READINGS[name](data).content if name in READINGS else BESIDE[name](data)


def reckoning_csv(data: StudyData) -> str:
    """A row for each file of readings: expected = written + missing + left out."""
    reckoned = {name: make(data).reckoning for name, make in READINGS.items()}
    return csv_text(
        ["file", "expected", *(each.name for each in fields(ReadingTally))],
        [[name, found.expected, *asdict(found).values()] for name, found in reckoned.items()],
    )


BESIDE: dict[str, Callable[[StudyData], str]] = {
    "cases.csv": cases_csv,
    "dictionary.csv": lambda _data: dictionary_csv(),
    "reckoning.csv": reckoning_csv,
}
DATA_FILES = (*READINGS, *BESIDE)
