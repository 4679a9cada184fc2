"""Tables 1, 2 and 3 as published, and the baseline table, out of the document of a run.

Source of the layouts: Zhu et al., BMC Medicine 2022, 20:269, doi 10.1186/s12916-022-02469-z. The
marks of Table 2 are of the tests on patients; ``table2-cells`` has those on one-vs-rest cells, as
published, which take a patient's four cells for independent.
"""

from collections.abc import Iterator

from analysis.exports.printed_table import (
    NOT_AVAILABLE,
    Cell,
    NotPrintable,
    PrintedTable,
    Record,
    TableLine,
    even_chunks,
    heading,
    limits_text,
    marks_of,
    p_of,
    p_text,
    percent,
    print_row,
    small_print_row,
    table_rows,
)

METRICS = ("accuracy", "sensitivity", "specificity")
STAGES = ("without AI", "with AI")
CELLS = "one-vs-rest cells"
COHORTS_ACROSS = {"table2": 4, "table3": 2}


def table1(document: dict) -> list[PrintedTable]:
    """The sub-models and CLA-HDM, cohort by cohort."""
    found = table_rows(document, "table1", "metrics")
    of = {(r["subject"], r["cohort"], _bare(r["metric"])): r for r in found}
    lines = []
    for subject in dict.fromkeys(r["subject"] for r in found):
        lines.append(heading(subject))
        for cohort in dict.fromkeys(r["cohort"] for r in found if r["subject"] == subject):
            cells = [of.get((subject, cohort, metric)) for metric in ("AUC", *METRICS)]
            n = next((cell["n"] for cell in cells if cell), 0)
            texts = [_with_limits(cell, is_area=not place) for place, cell in enumerate(cells)]
            lines.append(print_row(cohort, str(n), *texts))
    head = ("Cohort", "n", "AUC", "Accuracy, %", "Sensitivity, %", "Specificity, %")
    notes = (
        "Sub-model 1: malignant against benign, on all patients. Sub-model 2: tuberculous against "
        "reactive, on the truly benign. Sub-model 3: metastatic against lymphoma, on the truly "
        "malignant. CLA-HDM: micro-averaged over the four etiologies.",
        _intervals(found),
    )
    title = "Table 1. Performance of the sub-models and of CLA-HDM"
    return [PrintedTable("table1", title, 1, (_singles(head),), tuple(lines), notes)]


def table2(document: dict) -> list[PrintedTable]:
    """Every reader without and with AI, marked by McNemar's test on patients."""
    return _table2(document, name="table2", unit="patients")


def table2_cells(document: dict) -> list[PrintedTable]:
    """The same, marked as published: by McNemar's test on one-vs-rest cells, for each metric."""
    return _table2(document, name="table2-cells", unit=CELLS)


def has_one_vs_rest_tests(document: dict) -> bool:
    """Whether there are the tests that `table2_cells` is marked by."""
    return any(test["unit"] == CELLS for test in table_rows(document, "table2", "tests"))


def table3(document: dict) -> list[PrintedTable]:
    """Experience groups without and with AI, with the p-values of permutation tests."""
    found, tests = _of_section(document, "table3")
    of = _by_cell(found)
    p = {(t["cohort"], t["subject"], t["question"]): p_of(t) for t in tests}
    groups = list(dict.fromkeys(r["subject"] for r in found))
    notes = (
        "Micro-averaged over the four etiologies; a group is its readers pooled. P1: the group "
        "without AI against the model. P2: the group with AI against the seniors without. One "
        "test serves the three metrics, which all rise with the number right.",
        f"Test: {tests[0]['test'] if tests else NOT_AVAILABLE}. {_adjustment(tests)}",
        _intervals(found),
    )
    tables = []
    for cohorts in even_chunks(_cohorts(found), COHORTS_ACROSS["table3"]):
        lines = []
        for group in groups:
            for metric in METRICS:
                values, below = [], []
                for cohort in cohorts:
                    cells = [of.get((group, cohort, stage, metric)) for stage in STAGES]
                    values += [percent(cell and cell["value"]) for cell in cells]
                    values += _p_values(p, cohort, group) if metric == METRICS[0] else ["", ""]
                    below += [*map(limits_text, cells), "", ""]
                name = group if metric == METRICS[0] else ""
                lines += [
                    print_row(name, metric.capitalize(), *values),
                    small_print_row("", "", *below),
                ]
        head = (
            (("", 2), *((cohort, 4) for cohort in cohorts)),
            _singles(
                ("Group", "Metric, %", *(("Without AI", "With AI", "P1", "P2") * len(cohorts)))
            ),
        )
        title = "Table 3. Experience groups without and with AI"
        tables.append(PrintedTable("table3", title, 2, head, tuple(lines), notes))
    return tables


def _table2(document: dict, *, name: str, unit: str) -> list[PrintedTable]:
    found, tests = _of_section(document, "table2")
    tests = [test for test in tests if test["unit"] == unit]
    if not tests:
        raise NotPrintable(f"The plan of this run has no test on {unit}.")
    of = _by_cell(found)
    readers = {r["subject"]: None for r in found if r["kind"] == "reader"}
    groups = {reader["code"]: reader["group"] for reader in document["data"]["readers"]}
    tables = []
    for cohorts in even_chunks(_cohorts(found), COHORTS_ACROSS["table2"]):
        lines = []
        for reader in readers:
            lines += _reader_lines(of, tests, reader, groups[reader], cohorts)
        head = (
            (("", 2), *((cohort, 2) for cohort in cohorts)),
            _singles(("Reader", "Metric, %", *(("Without AI", "With AI") * len(cohorts)))),
        )
        title = "Table 2. Readers without and with AI"
        tables.append(PrintedTable(name, title, 2, head, tuple(lines), _notes2(found, tests)))
    return tables


def _reader_lines(
    of: dict, tests: list[Record], reader: str, group: str, cohorts: list[str]
) -> Iterator[TableLine]:
    test_of = {
        (t["cohort"], t["question"], _bare(t["metric"])): t for t in tests if t["subject"] == reader
    }

    def p(cohort: str, question: str, metric: str) -> float | None:
        """Of the metric's own test, or of the one that serves all metrics."""
        found = test_of.get((cohort, question, metric))
        return p_of(found or test_of.get((cohort, question, "share right")))

    for metric in METRICS:
        values, below = [], []
        for cohort in cohorts:
            before, after = (of.get((reader, cohort, stage, metric)) for stage in STAGES)
            values += [
                Cell(percent(before and before["value"]),
                     marks_of(p(cohort, "reader vs model", metric), "*")),
                Cell(percent(after and after["value"]),
                     marks_of(p(cohort, "with vs without AI", metric), "#")),
            ]  # fmt: skip
            below += [limits_text(before), limits_text(after)]
        first = f"{reader} ({group})" if metric == METRICS[0] else ""
        yield print_row(first, metric.capitalize(), *values)
        yield small_print_row("", "", *below)


def _notes2(found: list[Record], tests: list[Record]) -> tuple[str, ...]:
    unit = "patients: one test serves the three metrics"
    if tests[0]["unit"] != "patients":
        unit = "one-vs-rest cells, as published; a patient's four cells are taken for independent"
    how = next((test["test"] for test in tests if test["p_value"] is not None), tests[0]["test"])
    return (
        "Micro-averaged over the four etiologies. * the reader without AI against the model; # the "
        "reader with against without AI: one mark P < 0.05, two P < 0.01, three P < 0.001.",
        f"Test: {how}, on {unit}. {_adjustment(tests)}",
        _intervals(found),
    )


def _of_section(document: dict, name: str) -> tuple[list[Record], list[Record]]:
    found = table_rows(document, name, "metrics")
    return found, table_rows(document, name, "tests")


def _by_cell(found: list[Record]) -> dict[tuple[str, str, str, str], Record]:
    return {(r["subject"], r["cohort"], r["stage"], _bare(r["metric"])): r for r in found}


def _bare(metric: str) -> str:
    return metric.removeprefix("micro-averaged ")


def _cohorts(found: list[Record]) -> list[str]:
    return list(dict.fromkeys(r["cohort"] for r in found))


def _singles(texts: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    return tuple((text, 1) for text in texts)


def _with_limits(found: Record | None, *, is_area: bool) -> str:
    if found is None or found["value"] is None:
        return NOT_AVAILABLE
    times, digits = (1, 3) if is_area else (100, 1)
    text = f"{times * found['value']:.{digits}f}"
    return f"{text} {limits_text(found, digits=digits, times=times)}".strip()


def _p_values(p: dict, cohort: str, group: str) -> list[str]:
    """P1 and P2; the seniors are not compared with themselves."""
    first = p_text(p.get((cohort, group, "group vs model")))
    key = (cohort, group, "group with AI vs seniors without")
    return [first, p_text(p[key]) if key in p else ""]


def _adjustment(tests: list[Record]) -> str:
    method = next((test["adjustment"] for test in tests if test["adjustment"]), None)
    return f"P-values adjusted: {method.title()}." if method else "No p-value is adjusted."


def _intervals(found: list[Record]) -> str:
    known = next((r for r in found if r["interval"]), None)
    if known is None:
        return "No interval could be computed."
    level, how, resamples = 100 * known["level"], known["interval"], known["resamples"]
    return f"In brackets {level:g}% intervals: {how}, {resamples} resamples."
