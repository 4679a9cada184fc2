"""Why some printed figures can't come out of any one study; in full: docs/published-study.md."""

CUT_OFF = "Cut off in print instead of rounded."
GATE = (
    "No gate at one threshold gives both this row and CLA-HDM's of the same cohort; the latter, "
    "which readers are compared with, stands."
)
MEAN = "Printed as the mean of two printed values."
MISPRINT = (
    "A misprint: it does not go with the accuracy and specificity of its own row, nor with the two "
    "readers' own cells of Table 2."
)
MARK = "No counts give the three marks of this row; two of them are met."
P_VALUE = (
    "The published test is not known well enough to repeat; ours is the exact paired permutation "
    "test."
)

_DISCREPANCIES = {
    (1, "Sub-model 1", "external1", "Accuracy"): GATE,
    (1, "Sub-model 1", "external1", "Sensitivity"): GATE,
    (1, "Sub-model 1", "external1", "Specificity"): CUT_OFF,
    (2, "R2", "external1", "Sensitivity without AI"): CUT_OFF,
    (2, "R2", "external1", "Specificity without AI"): CUT_OFF,
    (2, "R3", "external1", "Sensitivity without AI"): CUT_OFF,
    (2, "R5", "internal", "Specificity without AI"): CUT_OFF,
    (3, "middle", "external2", "Sensitivity with AI"): MEAN,
    (3, "junior", "external2", "Accuracy without AI"): MEAN,
    (3, "junior", "internal", "Sensitivity without AI"): MISPRINT,
} | {
    (2, reader, "external2", "Accuracy vs model, marks"): MARK
    for reader in ("R3", "R4", "R5", "R6")
}


def discrepancy_of(table: int, subject: str, cohort: str, name: str) -> str:
    """What there is to say of a figure that is not met; empty if nothing is known."""
    if table == 3 and name.endswith(", p"):
        return P_VALUE
    return _DISCREPANCIES.get((table, subject, cohort, name), "")
