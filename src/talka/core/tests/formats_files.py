"""Files for the tests of `formats`, written by hand: what no well-behaved program would write."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path

W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
PACKAGE = "http://schemas.openxmlformats.org/package/2006/relationships"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(name, content)
    return buffer.getvalue()


def relations(**targets: str) -> str:
    """A .rels part: id=kind:target."""
    links = "".join(
        f'<Relationship Id="{key}" Type="{OFFICE}/{value.split(":")[0]}" Target="{value.split(":")[1]}"/>'
        for key, value in targets.items()
    )
    return f'<Relationships xmlns="{PACKAGE}">{links}</Relationships>'


def docx_parts(body: str, *, styles: str = "", numbering: str = "") -> dict[str, str | bytes]:
    """The parts of a Word file whose body is `body` (its elements without the prefix w:, which is added)."""

    def prefixed(xml: str) -> str:
        return xml.replace("</", "</w:").replace("<", "<w:").replace("<w:/w:", "</w:")

    return {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(r1="officeDocument:word/document.xml"),
        "word/document.xml": f'<w:document xmlns:w="{W}"><w:body>{prefixed(body)}</w:body></w:document>',
        "word/_rels/document.xml.rels": relations(r1="styles:styles.xml", r2="numbering:numbering.xml"),
        "word/styles.xml": f'<w:styles xmlns:w="{W}">{prefixed(styles)}</w:styles>',
        "word/numbering.xml": f'<w:numbering xmlns:w="{W}">{prefixed(numbering)}</w:numbering>',
    }


def docx(folder: Path, body: str, **parts: str) -> Path:
    path = folder / "plan.docx"
    path.write_bytes(zipped(docx_parts(body, **parts)))
    return path


def p(text: str) -> str:
    return f"<p><r><t>{text}</t></r></p>"


def tc(content: str, properties: str = "") -> str:
    """A cell: of one paragraph, or of the elements given."""
    return f"<tc><tcPr>{properties}</tcPr>{content if content.startswith('<') else p(content)}</tc>"


def tr(*cells: str, properties: str = "") -> str:
    filled = (cell if cell.startswith("<tc>") else tc(cell) for cell in cells)
    return f"<tr><trPr>{properties}</trPr>{''.join(filled)}</tr>"


def tbl(*rows: str) -> str:
    return f"<tbl><tblPr/><tblGrid/>{''.join(rows)}</tbl>"


def xlsx_parts(
    sheets: Mapping[str, str],
    *,
    strings: str = "",
    styles: str = "",
    book: str = "",
    states: Mapping[str, str] = {},
) -> dict[str, str | bytes]:
    """The parts of a workbook: sheet name → what its worksheet element holds."""
    names = list(sheets)
    tabs = "".join(
        f'<sheet name="{name}" sheetId="{i}" r:id="s{i}" state="{states.get(name, "visible")}"/>'
        for i, name in enumerate(names, 1)
    )
    tabs = f"<sheets>{tabs}</sheets>"
    links = {f"s{i}": f"worksheet:worksheets/sheet{i}.xml" for i in range(1, len(names) + 1)}
    parts: dict[str, str | bytes] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": relations(r1="officeDocument:xl/workbook.xml"),
        "xl/workbook.xml": f'<workbook xmlns="{S}" xmlns:r="{OFFICE}">{book}{tabs}</workbook>',
        "xl/_rels/workbook.xml.rels": relations(
            **links, t="sharedStrings:sharedStrings.xml", y="styles:styles.xml"
        ),
        "xl/sharedStrings.xml": f'<sst xmlns="{S}">{strings}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{S}">{styles}</styleSheet>',
    }
    for i, name in enumerate(names, 1):
        parts[f"xl/worksheets/sheet{i}.xml"] = f'<worksheet xmlns="{S}">{sheets[name]}</worksheet>'
    return parts


def xlsx(folder: Path, sheet: str, *, strings: str = "", styles: str = "", book: str = "") -> Path:
    """A workbook of one sheet, Plāns."""
    path = folder / "plan.xlsx"
    path.write_bytes(zipped(xlsx_parts({"Plāns": sheet}, strings=strings, styles=styles, book=book)))
    return path


def data(*rows: list[str]) -> str:
    """A sheetData element of inline strings; "" leaves the cell out."""
    lines = []
    for number, row in enumerate(rows, 1):
        cells = "".join(
            f'<c r="{chr(64 + column)}{number}" t="inlineStr"><is><t>{text}</t></is></c>'
            for column, text in enumerate(row, 1)
            if text
        )
        lines.append(f'<row r="{number}">{cells}</row>')
    return f"<sheetData>{''.join(lines)}</sheetData>"
