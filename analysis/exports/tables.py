"""The printed tables by name."""

from collections.abc import Callable

from analysis.exports.baseline import baseline
from analysis.exports.latex import tables_tex
from analysis.exports.printed import Printed
from analysis.exports.provenance import Provenance
from analysis.exports.published import table1, table2, table2_cells, table3

TABLES: dict[str, Callable[[dict], list[Printed]]] = {
    "baseline": baseline,
    "table1": table1,
    "table2": table2,
    "table2-cells": table2_cells,
    "table3": table3,
}


def table_tex(name: str, results: dict, provenance: Provenance) -> str:
    """A printed table as LaTeX, where it comes from in comments above it.

    Raises KeyError for another name, NotPrintable if the document does not hold it.
    """
    remarks = [f"{fact}: {value}" for fact, value in provenance.facts(results)]
    return tables_tex(TABLES[name](results), remarks=remarks)
