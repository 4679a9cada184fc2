"""Read an XLSX workbook as other programs do: by the format's own rules."""

from io import BytesIO
from xml.etree import ElementTree
from zipfile import ZipFile

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
LINK = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def read(content: bytes) -> dict[str, list[list]]:
    """Rows by the sheet's name: text, int, float, bool or None."""
    with ZipFile(BytesIO(content)) as file:
        shared = [
            "".join(text.text or "" for text in item.iter(f"{MAIN}t"))
            for item in ElementTree.fromstring(file.read("xl/sharedStrings.xml"))
        ]
        relations = ElementTree.fromstring(file.read("xl/_rels/workbook.xml.rels"))
        path = {relation.get("Id"): relation.get("Target") for relation in relations}
        book = ElementTree.fromstring(file.read("xl/workbook.xml"))
        return {
            sheet.get("name"): _rows(file.read(f"xl/{path[sheet.get(LINK)]}"), shared)
            for sheet in book.iter(f"{MAIN}sheet")
        }


def formulas(content: bytes) -> int:
    """How many cells of a workbook would be computed."""
    with ZipFile(BytesIO(content)) as file:
        sheets = [name for name in file.namelist() if name.startswith("xl/worksheets/sheet")]
        return sum(
            len(list(ElementTree.fromstring(file.read(name)).iter(f"{MAIN}f"))) for name in sheets
        )


def _rows(content: bytes, shared: list[str]) -> list[list]:
    rows = []
    for row in ElementTree.fromstring(content).iter(f"{MAIN}row"):
        rows += [[]] * (int(row.get("r")) - 1 - len(rows))
        cells: list = []
        for cell in row:
            cells += [None] * (_column(cell.get("r")) - len(cells))
            cells.append(_value(cell, shared))
        rows.append(cells)
    return rows


def _column(name: str) -> int:
    """Place, from 0, of a cell called such as AB12."""
    place = 0
    for letter in filter(str.isalpha, name):
        place = 26 * place + ord(letter) - ord("A") + 1
    return place - 1


def _value(cell: ElementTree.Element, shared: list[str]):
    text = cell.findtext(f"{MAIN}v")
    if text is None:
        return None
    kind = cell.get("t")
    if kind == "s":
        return shared[int(text)]
    if kind == "b":
        return text == "1"
    return float(text) if set(text) & set(".en") else int(text)
