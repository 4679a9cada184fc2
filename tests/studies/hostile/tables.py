"""Tables that no spreadsheet writes, or that one does write for careless people."""

import csv
import io

from hypothesis import strategies as st

from readerstudy.studies.imports.column_descriptions import columns_of, table_of
from readerstudy.studies.imports.models import ImportJob
from tests.imaging.example_files import manifest_row
from tests.studies.hostile.archives import files, zipped

Kind = ImportJob.Kind

CELLS = (
    "", " ", "=1+1", "=cmd|'/C calc'!A0", "@SUM(A1)", "+1", "-1", "1e3", "nan", "inf", "-0", "0",
    "121", "1,5", "1.5.", "\u0663", "\uff11\uff12", "0x10", "9" * 400, "1" + "0" * 30, "a" * 5000,
    "x" * 140_000, "\u202e", "\ufeff", "a\nb", 'a"b', "<script>alert(1)</script>", "{{ 7*7 }}",
    "'; DROP TABLE cohorts_case; --", "../../etc/passwd", "manifest.csv", "\\", "NULL", "None",
    "true", "lymphoma ", "LYMPHOMA", "Lymfoma", "case-001", "internal", "excluded", "enrolled",
    "other", "\U0001f480", "\xe9", "\x07", "\x85", "\u2028",
)  # fmt: skip
MOST = 4_000_000  # characters of the rows that are repeated
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "utf-7", "cp037")


@st.composite
def rows_of(draw, kind: Kind) -> list[list[str]]:
    """A header and rows, some good and some with cells, columns or widths that are not right."""
    names = [column.name for column in columns_of(kind)]
    if kind == Kind.SCREENING:
        names = draw(st.sampled_from([names, names[:4], names[1:]]))
    sample = manifest_row(1) | {"screening_id": "s-1", "cohort": "internal", "outcome": "enrolled"}
    rows = [[sample.get(name, "") for name in names] for _ in range(draw(st.integers(0, 3)))]
    table = [list(names), *rows]
    for _ in range(draw(st.integers(0, 4))):
        row = draw(st.sampled_from(table))
        at = draw(st.integers(0, max(0, len(row) - 1)))
        row[at : at + draw(st.integers(0, 2))] = draw(
            st.lists(st.sampled_from(CELLS) | st.text(max_size=30), max_size=3)
        )
    if draw(st.integers(0, 9)) == 0:
        width = sum(map(len, table[-1])) + 1
        table += [table[-1]] * min(3000, MOST // width)
    if draw(st.integers(0, 19)) == 0:
        table[0] = table[0] + ["more"] * 5000
    return table


@st.composite
def tables(draw, kind: Kind) -> bytes:
    """The bytes of a table of this kind."""
    file = io.StringIO()
    style = {
        "delimiter": draw(st.sampled_from([",", ",", ",", ";", "\t"])),
        "lineterminator": draw(st.sampled_from(["\r\n", "\n", "\r"])),
        "quoting": draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])),
    }
    csv.writer(file, **style).writerows(draw(rows_of(kind)))
    encoding = draw(st.sampled_from(ENCODINGS)) if draw(st.integers(0, 3)) == 0 else "utf-8"
    data = bytearray(file.getvalue().encode(encoding, "replace"))
    if draw(st.integers(0, 2)) == 0:
        at = draw(st.integers(0, len(data)))
        patches = st.sampled_from(
            [b"\0", b'"', b'""', b"\xff\xfe", b"\xc3", b"\r", b"\xed\xa0\x80"]
        )
        data[at : at + draw(st.integers(0, 5))] = draw(patches | st.binary(max_size=8))
    return bytes(data)


@st.composite
def given_tables(draw) -> tuple[Kind, bytes]:
    """(kind, upload): in a ZIP with images for cases, else either so or by itself."""
    kind = draw(st.sampled_from(Kind))
    table = draw(tables(kind))
    if kind.has_cases or draw(st.booleans()):
        images = [pair for pair in files() if pair[0] != "manifest.csv"]
        return kind, zipped([(table_of(kind), table), *images])
    return kind, table or b"x"
