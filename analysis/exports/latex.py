"""Printed tables as LaTeX, with booktabs and longtable; text is escaped."""

from collections.abc import Iterable, Iterator
from itertools import zip_longest

from analysis.exports.printed_table import Cell, PrintedTable

PREAMBLE = (
    "% Needs \\usepackage{booktabs} and \\usepackage{longtable}; \\usepackage[T1]{fontenc} and a "
    "UTF-8 input encoding.\n"
)
_ESCAPED = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "[": "{[}",  # after a row's end these would be taken for its options
    "*": "{*}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    '"': r"\textquotedbl{}",
    "\N{PLUS-MINUS SIGN}": r"\ensuremath{\pm}",
    "\N{EN DASH}": "--",
    "\N{MINUS SIGN}": r"\ensuremath{-}",
    "\N{EN SPACE}": r"\enspace{}",
}


def escape(text: str) -> str:
    """Text as LaTeX prints it; line breaks and control characters become spaces."""
    plain = "".join(each if each.isprintable() or each == "\N{EN SPACE}" else " " for each in text)
    return "".join(_ESCAPED.get(each, each) for each in plain)


def tables_tex(tables: Iterable[PrintedTable], *, remarks: Iterable[str] = ()) -> str:
    """The tables one after the other, under a comment with the remarks."""
    comments = "".join(f"% {' '.join(remark.split())}\n" for remark in remarks)
    return comments + PREAMBLE + "\n".join(_table(table) for table in tables)


def _table(table: PrintedTable) -> str:
    spec = "l" * table.stubs + "c" * (table.columns - table.stubs)
    head = "".join(f"{_head(line)}{_rules(line, table.stubs)}\n" for line in table.head)
    return "\n".join([
        r"{\footnotesize\setlength{\tabcolsep}{3pt}",
        rf"\begin{{longtable}}{{{spec}}}",
        rf"\caption{{{escape(table.title)}}}\\",
        r"\toprule",
        f"{head}\\midrule",
        r"\endfirsthead",
        r"\toprule",
        f"{head}\\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endlastfoot",
        *_lines(table),
        r"\end{longtable}",
        *(rf"\noindent {escape(note)}\par" for note in table.notes),
        "}\n",
    ])  # fmt: skip


def _head(line: Iterable[tuple[str, int]]) -> str:
    """Text over one column as it is, over several in the middle of them."""
    cells = [
        escape(text) if span == 1 else rf"\multicolumn{{{span}}}{{c}}{{{escape(text)}}}"
        for text, span in line
    ]
    return " & ".join(cells) + r" \\"


def _rules(line: Iterable[tuple[str, int]], stubs: int) -> str:
    """Short rules below the texts that span columns."""
    rules, at = "", 1
    for text, span in line:
        if span > 1 and text and at > stubs:
            rules += rf" \cmidrule(lr){{{at}-{at + span - 1}}}"
        at += span
    return rules


def _lines(table: PrintedTable) -> Iterator[str]:
    """The rows; no page ends below a heading or above a small row."""
    for line, below in zip_longest(table.lines, table.lines[1:]):
        texts = [_cell(cell) for cell in line.cells]
        if line.kind == "heading":
            wide = rf"\multicolumn{{{table.columns}}}{{l}}"
            texts = [rf"\addlinespace {wide}{{\textbf{{{texts[0]}}}}}"]
        elif line.kind == "small":
            texts = [rf"{{\scriptsize {text}}}" if text else "" for text in texts]
        together = line.kind == "heading" or (below is not None and below.kind == "small")
        yield " & ".join(texts) + (r" \\*" if together else r" \\")


def _cell(cell: Cell) -> str:
    marks = rf"\textsuperscript{{{escape(cell.marks)}}}" if cell.marks else ""
    return f"{escape(cell.text)}{marks}"
