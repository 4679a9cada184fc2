"""The data case by case, for other programs: every reading is somewhere."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

from analysis.exports import conduct_csv
from analysis.exports.casewise import CASE_COLUMNS, READING_COLUMNS
from analysis.exports.data_files import DATA_FILES, READINGS, data_file
from analysis.study_arrays import MISSING, StudyData
from tests.analysis import sheets
from tests.analysis.invented import make_study, unread, without_model

CLASSES = ("reactive_hyperplasia", "tuberculous_lymphadenitis", "lymphoma", "metastatic_carcinoma")


def partly_read() -> StudyData:
    """Reader 2 stopped in stage 2; two cases have no pathology."""
    data = unread(make_study(), where=(1, 1, slice(10, None)))
    truth = data.testing.truth.copy()
    truth[[3, 17]] = MISSING
    return replace(data, testing=replace(data.testing, truth=truth))


def table(name: str, data: StudyData) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(data_file(name, data))))


STUDIES = pytest.mark.parametrize(
    "make", [make_study, partly_read, lambda: unread(make_study()),
             lambda: without_model(make_study())]
)  # fmt: skip


@STUDIES
def test_every_reading_is_written_missing_or_left_out(make):
    data = make()
    read = int((data.decisions != MISSING).sum())
    for line in table("reckoning.csv", data):
        n = {name: int(line[name]) for name in ("expected", "written", "missing", "left_out")}
        assert n["expected"] == data.decisions.size
        assert n["expected"] == n["written"] + n["missing"] + n["left_out"]
        assert n["missing"] == data.decisions.size - read
        assert bool(line["why"]) == bool(n["left_out"])


@STUDIES
def test_a_file_has_as_many_readings_as_the_reckoning_says(make):
    data = make()
    reckoned = {line["file"]: int(line["written"]) for line in table("reckoning.csv", data)}
    assert set(reckoned) == set(READINGS)
    assert len(table("readings.csv", data)) == reckoned["readings.csv"]
    assert len(table("mrmcaov.csv", data)) == reckoned["mrmcaov.csv"]
    lines = data_file("imrmc.imrmc", data).partition("BEGIN DATA:\n")[2].splitlines()
    assert sum(not line.startswith("-1,") for line in lines) == reckoned["imrmc.imrmc"]
    book = sheets.read(data_file("rjafroc.xlsx", data))
    assert len(book["FP"]) + len(book["TP"]) - 2 == reckoned["rjafroc.xlsx"]


def test_readings_say_what_was_decided():
    data = partly_read()
    lines = table("readings.csv", data)
    assert tuple(lines[0]) == READING_COLUMNS
    codes = [reader.code for reader in data.readers]
    for line in lines:
        at = (
            codes.index(line["reader"]),
            int(line["stage"] == "with AI"),
            int(line["case_number"]) - 1,
        )
        assert line["case"] == data.testing.patient[at[2]]
        assert line["decision"] == CLASSES[data.decisions[at]]
        assert float(line["seconds"]) == data.seconds[at]
        truth = int(data.testing.truth[at[2]])
        if truth == MISSING:
            assert (line["truth"], line["right"], line["right_malignant"]) == ("", "", "")
        else:
            assert line["right"] == str(int(data.decisions[at] == truth))
            assert line["right_malignant"] == str(int((data.decisions[at] > 1) == (truth > 1)))


def test_cases_are_all_patients():
    data = make_study()
    lines = table("cases.csv", data)
    assert tuple(lines[0]) == CASE_COLUMNS
    assert [line["case"] for line in lines] == [*data.testing.patient, *data.training.patient]
    assert [line["role"] for line in lines].count("training") == 12
    given = [float(line["model_p_malignant"]) for line in lines]
    assert given == [*data.testing.probabilities[:, 0], *data.training.probabilities[:, 0]]
    assert {line["model_decision"] for line in table("cases.csv", without_model(data))} == {""}


def test_the_dictionary_has_every_column():
    lines = table("dictionary.csv", make_study())
    assert [(line["file"], line["column"]) for line in lines] == [
        *(("cases.csv", column) for column in CASE_COLUMNS),
        *(("readings.csv", column) for column in READING_COLUMNS),
        *(("conduct.csv", column) for column in conduct_csv.COLUMNS),
    ]
    assert all(line["meaning"] for line in lines)


def test_imrmc_counts_its_cases_and_readers():
    data = partly_read()
    head, _, body = data_file("imrmc.imrmc", data).partition("BEGIN DATA:\n")
    said = dict(
        line.split(": ") for line in head.splitlines() if line[:2] in ("NR", "N0", "N1", "NM")
    )
    truths = [line.split(",") for line in body.splitlines() if line.startswith("-1,")]
    assert said == {
        "NR": "5", "NM": "2", "N0": str(sum(t[3] == "0" for t in truths)),
        "N1": str(sum(t[3] == "1" for t in truths)),
    }  # fmt: skip
    assert len(truths) == 22


def test_rjafroc_has_crossed_cases_alone():
    book = sheets.read(data_file("rjafroc.xlsx", partly_read()))
    cases = {line[0] for line in book["Truth"][1:]}
    assert cases == {1, 2, 3, 5, 6, 7, 8, 9, 10}
    assert {line[2] for line in book["FP"][1:] + book["TP"][1:]} <= cases
    assert book["Truth"][1][-1] == "ROC"
    assert book["Truth"][2][-1] == "FCTRL"


def test_a_readers_code_is_no_formula_and_no_line_of_its_own():
    data = make_study()
    odd = replace(data.readers[0], code="=1+1\nNR: 99")
    data = replace(data, readers=(odd, *data.readers[1:]))
    assert {line["reader"] for line in table("readings.csv", data)} >= {"'=1+1\nNR: 99"}
    lines = data_file("imrmc.imrmc", data).splitlines()
    assert [line for line in lines if line.startswith("NR:")] == ["NR: 5"]


@pytest.mark.parametrize("name", DATA_FILES)
def test_the_same_data_make_the_same_bytes(name):
    assert data_file(name, make_study()) == data_file(name, make_study())


def test_malignancy_is_that_of_the_hierarchy():
    data = make_study()
    for line in table("mrmcaov.csv", data):
        case = int(np.flatnonzero(data.testing.patient == line["case"])[0])
        assert line["truth"] == str(int(data.testing.truth[case] > 1))
