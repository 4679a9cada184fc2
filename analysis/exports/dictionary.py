"""The data dictionary: what each column of the casewise files holds."""

from analysis.exports import conduct_csv
from analysis.exports.casewise import CASE_COLUMNS, READING_COLUMNS
from analysis.exports.results_csv import csv_text
from readerstudy.diagnosis import Etiology
from readerstudy.studies.clinical_vocabulary import Location, NeckLevel, PathologicMethod, Sex

_CLASSES = " | ".join(Etiology)
_YES = "1 | 0"


def _words(kind) -> str:
    return " | ".join(member.value for member in kind)


# By column: type, values or unit, meaning. A column of one name is the same in every file.
MEANING = {
    "case": ("text", "16 hexadecimal digits", "The patient, by a word that leads back to nobody"),
    "case_number": ("whole number", "from 1", "The same patient, for tools that take numbers"),
    "cohort": ("text", "", "The cohort's name"),
    "role": ("text", "training | internal_testing | external_testing", "Only testing is read"),
    "truth": ("text", _CLASSES, "Etiology by pathology"),
    "truth_malignant": ("whole number", _YES, "Malignant by pathology"),
    "model_decision": ("text", _CLASSES, "The model's hard-gated decision; empty: no result"),
    "model_p_malignant": ("number", "0 to 1", "Sub-model 1: probability of malignancy"),
    "model_p_tuberculous": (
        "number", "0 to 1", "Sub-model 2: probability of tuberculous, if benign",
    ),
    "model_p_metastatic": (
        "number", "0 to 1", "Sub-model 3: probability of metastatic, if malignant",
    ),
    "sex": ("text", _words(Sex), "Empty: unknown, here and below"),
    "age": ("whole number", "years", "Age at the examination"),
    "diameter_mm": ("number", "millimetres", "Longitudinal diameter of the node"),
    "location": ("text", _words(Location), "Side of the neck"),
    "neck_level": ("text", _words(NeckLevel), "Level of the neck"),
    "pathologic_method": ("text", _words(PathologicMethod), "How tissue was obtained"),
    "reader": ("text", "", "The reader's code"),
    "reader_number": ("whole number", "from 1", "The same reader, for tools that take numbers"),
    "group": ("text", "senior | middle | junior", "Experience group"),
    "years_of_experience": ("whole number", "years", "Years of ultrasound"),
    "stage": ("text", "without AI | with AI", "Stage 1 | stage 2"),
    "decision": ("text", _CLASSES, "The reader's diagnosis"),
    "right": ("whole number", _YES, "The diagnosis is the etiology by pathology"),
    "decision_malignant": ("whole number", _YES, "The diagnosis is a malignant etiology"),
    "right_malignant": ("whole number", _YES, "Benign or malignant is right"),
    "seconds": (
        "number", "seconds", "Active reading time as the browser told it; else, where conduct.csv "
        "has no active_seconds, from first shown to stored by the server's clock",
    ),
}  # fmt: skip


def dictionary_csv() -> str:
    """A row a column of cases.csv, readings.csv and conduct.csv."""
    rows = [
        [file, column, *MEANING[column]]
        for file, columns in (("cases.csv", CASE_COLUMNS), ("readings.csv", READING_COLUMNS))
        for column in columns
    ]
    rows += [
        [conduct_csv.NAME, column, *meaning] for column, meaning in conduct_csv.MEANING.items()
    ]
    return csv_text(["file", "column", "type", "values", "meaning"], rows)
