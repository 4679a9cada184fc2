"""Readings in the formats of other programs for multi-reader multi-case studies.

All take two classes and a rating; here they get benign (0) and malignant (1), of the truth and of
the decision, which is a rating of two steps.

References for the formats: iMRMC's user manual, "Study Raw Data" (https://didsr.github.io/iMRMC);
MRMCaov's user guide (https://brian-j-smith.github.io/MRMCaov); RJafroc's "JAFROC ROC data format"
(https://dpc10ster.github.io/RJafrocQuickStart).
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analysis.exports.casewise import IS_MALIGNANT, DataFile, tally_readings
from analysis.exports.results_csv import csv_text
from analysis.exports.workbook import workbook
from analysis.study_arrays import MISSING, StudyData

STAGES = ("unaided", "aided")
NO_TRUTH = "The case has no pathology."
NOT_CROSSED = "The case has no pathology, or not all readers read it in both stages."


def imrmc(data: StudyData) -> DataFile:
    """Input of iMRMC (.imrmc). Readers by number; reader -1 is the truth.

    Readings may be missing; cases without truth are left out.
    """
    used = _with_truth(data)
    truth, decided = _binary(data.testing.truth), _binary(data.decisions)
    cases = np.flatnonzero(data.testing.truth != MISSING)
    positives = int(truth[cases].sum())
    lines = [
        "Readings as benign (0) or malignant (1), a rating of two steps",
        *(f"Reader {row} is {_line(r.code)}" for row, r in enumerate(data.readers, start=1)),
        f"NR: {len(data.readers)}",
        f"N0: {len(cases) - positives}",
        f"N1: {positives}",
        f"NM: {len(STAGES)}",
        "BEGIN DATA:",
    ]
    lines += [f"-1,{data.testing.patient[case]},0,{truth[case]}" for case in cases]
    lines += [
        f"{row + 1},{data.testing.patient[case]},{STAGES[stage]},{decided[row, stage, case]}"
        for row, stage, case in np.argwhere(used)
    ]
    why = NO_TRUTH
    return DataFile("\n".join(lines) + "\n", tally_readings(data, used, why=why))


def mrmcaov(data: StudyData) -> DataFile:
    """A data frame for MRMCaov, as CSV: ``mrmc(empirical_auc(truth, rating), treatment, reader,
    case, data = ...)``; ``right`` is of the four etiologies."""
    used = _with_truth(data)
    header = ["reader", "treatment", "case", "truth", "rating", "right"]
    return DataFile(csv_text(header, _frame(data, used)), tally_readings(data, used, why=NO_TRUTH))


def rjafroc(data: StudyData) -> DataFile:
    """A workbook for RJafroc: ``DfReadDataFile(file, newExcelFileFormat = TRUE)``.

    Readers, stages (1 unaided, 2 aided) and cases by number. It takes crossed studies only: a case
    that somebody did not read in both stages is left out.
    """
    whole = (data.decisions != MISSING).all(axis=(0, 1)) & (data.testing.truth != MISSING)
    used = np.broadcast_to(whole, data.decisions.shape)
    truth, decided = _binary(data.testing.truth), _binary(data.decisions)
    cases = np.flatnonzero(whole)
    readers = ",".join(str(row + 1) for row in range(len(data.readers)))
    paradigm = {0: "ROC", 1: "FCTRL"}
    truths = [
        [int(case) + 1, int(truth[case]), 0, readers, "1,2", paradigm.get(line)]
        for line, case in enumerate(cases)
    ]
    ratings = [
        (int(row) + 1, int(stage) + 1, int(case), int(decided[row, stage, case]))
        for row, stage, case in np.argwhere(used)
    ]
    false = [[r, s, case + 1, rating] for r, s, case, rating in ratings if not truth[case]]
    true = [[r, s, case + 1, 1, rating] for r, s, case, rating in ratings if truth[case]]
    content = workbook([
        ("Truth", ["CaseID", "LesionID", "Weight", "ReaderID", "ModalityID", "Paradigm"], truths),
        ("FP", ["ReaderID", "ModalityID", "CaseID", "FP_Rating"], false),
        ("TP", ["ReaderID", "ModalityID", "CaseID", "LesionID", "TP_Rating"], true),
    ])  # fmt: skip
    return DataFile(content, tally_readings(data, used, why=NOT_CROSSED))


def _with_truth(data: StudyData) -> NDArray[np.bool_]:
    """Readings of cases with truth, shape (n_readers, 2, n)."""
    return (data.decisions != MISSING) & (data.testing.truth != MISSING)


def _binary(classes: NDArray[np.int8]) -> NDArray[np.int8]:
    """1 for malignant, 0 for benign, MISSING where there is no class."""
    return np.where(classes == MISSING, MISSING, np.array(IS_MALIGNANT, np.int8)[classes])


def _frame(data: StudyData, used: NDArray[np.bool_]) -> Iterator[list]:
    truth, decided = _binary(data.testing.truth), _binary(data.decisions)
    for row, stage, case in np.argwhere(used).tolist():
        yield [
            data.readers[row].code, STAGES[stage], str(data.testing.patient[case]),
            int(truth[case]), int(decided[row, stage, case]),
            int(data.decisions[row, stage, case] == data.testing.truth[case]),
        ]  # fmt: skip


def _line(code: str) -> str:
    """A code in the file's free text, which no line of the format may be taken for."""
    return " ".join(code.split())
