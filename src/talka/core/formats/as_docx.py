"""Word documents, read from their XML as a reader of the printed page would see them, and written as official
forms.

Reading does not go through python-docx's own text: it leaves out tracked insertions and content controls, and
knows no automatic numbers, all of which people see and rely on.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from io import BytesIO

import docx
from docx.document import Document as WordDocument
from docx.enum.section import WD_ORIENT, WD_SECTION
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement
from docx.section import Section
from docx.shared import Cm, Pt, RGBColor
from lxml import etree

from .documents import Document, Grid, Heading, Para
from .limits import Limits
from .package import Package, attribute, local, repack
from .places import Place
from .problems import TooLarge
from .tables import Collector, Merged, Table
from .text import clean

# ---------------------------------------------------------------------------------------------------- reading

# Elements that only wrap what they hold: content controls, tracked insertions, custom markup.
_WRAPPERS = {"sdt", "sdtContent", "ins", "moveTo", "customXml", "smartTag"}
# Elements whose text is not on the page: deletions, field codes, and pictures with their older duplicates.
_UNSEEN = {"del", "moveFrom", "instrText", "delText", "delInstrText", "drawing", "pict", "object", "Fallback"}
_PROPERTIES = {"pPr", "rPr", "tblPr", "tblGrid", "tcPr", "trPr", "sdtPr", "sdtEndPr"}


def read(package: Package, place: Place, limits: Limits) -> list[Table]:
    """All tables of the document's body, in order. `above`: every paragraph with text since the table before,
    with its automatic number, without tables of contents."""
    styles = _Styles.of(package)
    numbers = _Numbers.of(package, styles)
    tables: list[Table] = []
    above: list[str] = []
    body = next(iter(_children(package.root(package.main), "body")), None)
    for block in _blocks(body):
        if local(block.tag) == "p":
            text = clean(_paragraph(block, numbers))
            if text and not styles.is_contents(block):
                above.append(text)
            continue
        if len(tables) == limits.tables:
            raise TooLarge("tables", place, limit=limits.tables)
        table_place = replace(place, table=len(tables) + 1)
        collector = Collector(table_place, limits)
        for number, (texts, merged) in enumerate(_rows(block, numbers), 1):
            collector.add(number, texts, merged)
        tables.append(Table("", table_place, above, collector.rows()))
        above = []
    return tables


def _children(parent: etree._Element | None, *names: str) -> Iterator[etree._Element]:
    """Children with one of the names, looking through wrappers."""
    for child in () if parent is None else parent:
        name = local(child.tag)
        if name in names:
            yield child
        elif name in _WRAPPERS:
            yield from _children(child, *names)


def _blocks(parent: etree._Element | None) -> Iterator[etree._Element]:
    return _children(parent, "p", "tbl")


def _value(parent: etree._Element | None, *path: str) -> str | None:
    """The w:val at the end of a path of child elements; "" if the element is there without one, None if it is
    not."""
    for name in path:
        parent = None if parent is None else next((c for c in parent if local(c.tag) == name), None)
    return None if parent is None else attribute(parent, "val") or ""


def _has(parent: etree._Element, *path: str) -> bool:
    return _value(parent, *path) is not None


def _count(parent: etree._Element, *path: str) -> int:
    return _whole(_value(parent, *path))


def _whole(text: str | None) -> int:
    """A count as the file gives it; anything else is 0, and more than 1000 is no count of a document's."""
    return min(int(text), 1000) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0


def _paragraph(paragraph: etree._Element, numbers: _Numbers) -> str:
    """The paragraph as it is printed: its automatic number, then its text."""
    pieces: list[str] = []
    _collect(paragraph, pieces)
    label = numbers.label(paragraph)
    return f"{label} {''.join(pieces)}" if label else "".join(pieces)


def _collect(element: etree._Element, pieces: list[str]) -> None:
    for child in element:
        name = local(child.tag)
        if name == "t":
            pieces.append(child.text or "")
        elif name in ("br", "cr"):
            pieces.append("\n")
        elif name in ("tab", "ptab"):
            pieces.append(" ")
        elif name == "noBreakHyphen":
            pieces.append("-")
        elif name not in _UNSEEN and name not in _PROPERTIES:
            _collect(child, pieces)


def _cell(cell: etree._Element, numbers: _Numbers) -> str:
    """A cell's paragraphs as lines; of a table inside it, each row as a line with « | » between its cells."""
    pieces: list[str] = []
    for block in _blocks(cell):
        if local(block.tag) == "p":
            text, ends = _paragraph(block, numbers), not _has(block, "pPr", "rPr", "del")
        else:
            rows = (dict.fromkeys(clean(text) for text in texts) for texts, _ in _rows(block, numbers))
            text, ends = "\n".join(" | ".join(filter(None, row)) for row in rows), True
        pieces.append(text)
        if ends:  # a paragraph whose mark is deleted runs on into the next
            pieces.append("\n")
    return "".join(pieces)


@dataclass(frozen=True, slots=True)
class _Box:
    """A w:tc on its way to the grid: `start` and `span` count grid columns; `down`: it continues the cell
    above, `across`: (older files) the cell to its left."""

    start: int
    span: int
    element: etree._Element
    down: bool
    across: bool


def _boxes(row: etree._Element) -> list[_Box]:
    boxes = []
    start = _count(row, "trPr", "gridBefore")
    for cell in _children(row, "tc"):
        if _has(cell, "tcPr", "cellDel"):
            continue
        span = max(1, _count(cell, "tcPr", "gridSpan"))
        down = _value(cell, "tcPr", "vMerge") in ("", "continue")
        across = _value(cell, "tcPr", "hMerge") in ("", "continue")
        boxes.append(_Box(start, span, cell, down, across))
        start += span
    return boxes


def _rows(table: etree._Element, numbers: _Numbers) -> Iterator[tuple[list[str], list[Merged]]]:
    """The texts of each row and how they are merged, in the columns that a reader sees.

    Word keeps a hidden grid in which a border a millimetre off makes a column of its own. If all rows of
    several cells have the same number of them, and none is indented, cells are simply counted; else they keep
    their grid columns, without those in which no cell begins.
    """
    elements = [row for row in _children(table, "tr") if not _has(row, "trPr", "del")]
    rows = [_boxes(row) for row in elements]
    ragged = any(_count(row, "trPr", name) for row in elements for name in ("gridBefore", "gridAfter"))
    counts = {len(row) for row in rows if len(row) > 1}
    if len(counts) == 1 and not ragged:
        width = counts.pop()
        rows = [
            [replace(box, start=index, span=1 if len(row) > 1 else width) for index, box in enumerate(row)]
            for row in rows
        ]
    else:
        starts = sorted({box.start for row in rows for box in row})
        rows = [
            [
                replace(
                    box,
                    start=bisect_left(starts, box.start),
                    span=bisect_left(starts, box.start + box.span) - bisect_left(starts, box.start),
                )
                for box in row
            ]
            for row in rows
        ]
    held: dict[int, str] = {}
    for row in rows:
        end = row[-1].start + row[-1].span if row else 0
        texts: list[str] = [""] * end
        merged: list[Merged] = [""] * end
        for box in row:
            kind: Merged = ""
            if box.down and box.start in held:
                text, kind = held[box.start], "above"
            elif box.across and box.start:
                text, kind = texts[box.start - 1], "left"
            else:
                text = _cell(box.element, numbers)
            held[box.start] = text
            for index in range(box.start, box.start + box.span):
                texts[index] = text
                merged[index] = kind or ("left" if index > box.start else "")
        yield texts, merged


@dataclass(frozen=True, slots=True)
class _Styles:
    """What paragraph styles say about numbering, and which are lines of a table of contents."""

    numbering: dict[str, tuple[str, int]]  # style → (numId, level)
    contents: frozenset[str]

    @classmethod
    def of(cls, package: Package) -> _Styles:
        part = package.related(package.main, "styles")
        numbering: dict[str, tuple[str, int]] = {}
        contents = set()
        based: dict[str, str] = {}
        for style in _children(package.root(part), "style") if part else ():
            identity = attribute(style, "styleId") or ""
            based[identity] = _value(style, "basedOn") or ""
            if (_value(style, "name") or "").lower().startswith("toc "):
                contents.add(identity)
            number = _value(style, "pPr", "numPr", "numId")
            if number is not None:
                numbering[identity] = (number, _count(style, "pPr", "numPr", "ilvl"))
        for identity in based:
            ancestor, steps = identity, 0
            while ancestor and ancestor not in numbering and steps < len(based):
                ancestor, steps = based.get(ancestor, ""), steps + 1
            if ancestor in numbering:
                numbering[identity] = numbering[ancestor]
        return cls(numbering, frozenset(contents))

    def is_contents(self, paragraph: etree._Element) -> bool:
        return _value(paragraph, "pPr", "pStyle") in self.contents


@dataclass(frozen=True, slots=True)
class _Level:
    start: int
    kind: str
    text: str  # «%1.%2.»: places for the numbers of the levels


@dataclass(slots=True)
class _Numbers:
    """Automatic numbers. Word stores only «this is item of list 4, level 2»; the number a person reads, and
    which the plan's own number column may consist of, has to be counted. Bullets count as nothing.

    Labels must be asked for in document order, once for each paragraph.
    """

    styles: _Styles
    levels: dict[str, dict[int, _Level]] = field(default_factory=dict)  # numId → its levels
    lists: dict[str, str] = field(default_factory=dict)  # numId → the list whose count it shares
    restarts: dict[str, dict[int, int]] = field(default_factory=dict)
    counters: dict[str, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def of(cls, package: Package, styles: _Styles) -> _Numbers:
        part = package.related(package.main, "numbering")
        root = package.root(part) if part else None
        abstract = {
            attribute(element, "abstractNumId") or "": _levels(element)
            for element in _children(root, "abstractNum")
        }
        numbers = cls(styles)
        for number in _children(root, "num"):
            identity = attribute(number, "numId") or ""
            shared = _value(number, "abstractNumId") or ""
            numbers.lists[identity] = shared
            numbers.levels[identity] = dict(abstract.get(shared, {}))
            for override in _children(number, "lvlOverride"):
                numbers.levels[identity] |= _levels(override)
                if _has(override, "startOverride"):
                    level = _whole(attribute(override, "ilvl"))
                    numbers.restarts.setdefault(identity, {})[level] = _count(override, "startOverride")
        return numbers

    def label(self, paragraph: etree._Element) -> str:
        """The number in front of the paragraph: "1.2.", or "" if it has none."""
        number = _value(paragraph, "pPr", "numPr", "numId")
        level = _count(paragraph, "pPr", "numPr", "ilvl")
        if number is None:
            style = _value(paragraph, "pPr", "pStyle") or ""
            number, level = self.styles.numbering.get(style, ("", 0))
        levels = self.levels.get(number, {})
        if level not in levels:
            return ""
        counters = self.counters.setdefault(self.lists[number], {})
        restart = self.restarts.get(number, {}).pop(level, None)  # holds for the first item only
        if restart is not None:
            counters[level] = restart
        elif level in counters:
            counters[level] += 1
        else:
            counters[level] = levels[level].start
        for deeper in [other for other in counters if other > level]:
            del counters[deeper]
        if levels[level].kind in ("bullet", "none"):
            return ""

        def figure(match: re.Match[str]) -> str:
            other = int(match[1]) - 1
            known = levels.get(other, _Level(1, "decimal", ""))
            return _figure(
                counters.setdefault(other, known.start) if other < level else counters[level], known.kind
            )

        return re.sub(r"%([1-9])", figure, levels[level].text)


def _levels(parent: etree._Element) -> dict[int, _Level]:
    return {
        _whole(attribute(level, "ilvl")): _Level(
            _count(level, "start"), _value(level, "numFmt") or "decimal", _value(level, "lvlText") or ""
        )
        for level in _children(parent, "lvl")
    }


def _figure(number: int, kind: str) -> str:
    if kind in ("lowerLetter", "upperLetter") and number > 0:
        letter = chr(ord("a") + (number - 1) % 26) * ((number - 1) // 26 + 1)
        return letter if kind == "lowerLetter" else letter.upper()
    if kind in ("lowerRoman", "upperRoman") and number > 0:
        text, left = "", number
        for value, sign in _ROMAN:
            text, left = text + sign * (left // value), left % value
        return text if kind == "lowerRoman" else text.upper()
    return f"{number:02}" if kind == "decimalZero" else str(number)


_ROMAN = [
    (1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"), (40, "xl"),
    (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i"),
]  # fmt: skip


# ---------------------------------------------------------------------------------------------------- writing

_SHORT_SIDE, _LONG_SIDE, _MARGIN = Cm(21.0), Cm(29.7), Cm(1.8)
_TWIPS = 635  # EMU in a twentieth of a point, the unit of widths in tables
_SHADE = "E7E6E6"


def write(document: Document) -> bytes:
    """A4 pages, page numbers «1 / 3», tables whose header row is repeated and whose rows stay whole."""
    word = docx.Document()
    _drop_thumbnail(word)
    _set_styles(word, document.language)
    title = clean(document.title)
    shares = iter(document.shares())
    for index, (landscape, blocks) in enumerate(document.sections()):
        section = word.sections[0] if index == 0 else word.add_section(WD_SECTION.NEW_PAGE)
        _turn(section, landscape)
        if index == 0:
            _number_pages(section)
            _add(word, title, "Title")
            for text in document.preface:
                _add(word, text, "Normal")
        for block in blocks:
            if isinstance(block, Heading):
                _add(word, block.text, f"Heading {min(max(block.level, 1), 6)}")
            elif isinstance(block, Para):
                _add(word, block.text, "Normal")
            else:
                width = (_LONG_SIDE if landscape else _SHORT_SIDE) - 2 * _MARGIN
                _add_table(word, block, [width * share for share in next(shares)])
    buffer = BytesIO()
    word.save(buffer)
    return repack(buffer.getvalue(), title=title, language=document.language, created=document.created)


def _drop_thumbnail(word: WordDocument) -> None:
    """The template's preview picture shows some other document."""
    rels = word.part.package.rels
    for identity in [key for key, rel in rels.items() if rel.reltype.endswith("/thumbnail")]:
        del rels[identity]


def _set_styles(word: WordDocument, language: str) -> None:
    styles = word.styles
    normal = styles["Normal"]
    normal.font.name, normal.font.size = "Calibri", Pt(11)
    normal.paragraph_format.space_after = Pt(6)
    for name, size in (("Title", 18), ("Heading 1", 14), ("Heading 2", 12), ("Heading 3", 11)):
        style = styles[name]
        style.font.name, style.font.size, style.font.bold = "Calibri", Pt(size), True
        style.font.color.rgb = RGBColor(0, 0, 0)
        style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(10), Pt(4)
        style.paragraph_format.keep_with_next = True
        for fonts in style.element.iter(qn("w:rFonts")):  # a theme font would win over the name given
            for key in [key for key in fonts.attrib if key.endswith("Theme")]:
                del fonts.attrib[key]
    for border in styles["Title"].element.iter(qn("w:pBdr")):
        border.getparent().remove(border)
    cell = styles.add_style("Table Text", WD_STYLE_TYPE.PARAGRAPH)
    cell.base_style = normal
    cell.font.size = Pt(9)
    cell.paragraph_format.space_after = Pt(0)
    for lang in styles.element.iter(qn("w:lang")):
        lang.set(qn("w:val"), {"lv": "lv-LV", "en": "en-GB"}.get(language, language))


def _turn(section: Section, landscape: bool) -> None:
    section.orientation = WD_ORIENT.LANDSCAPE if landscape else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = (
        (_LONG_SIDE, _SHORT_SIDE) if landscape else (_SHORT_SIDE, _LONG_SIDE)
    )
    section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = _MARGIN


def _number_pages(section: Section) -> None:
    paragraph = section.footer.paragraphs[0]
    paragraph.alignment = 1
    for field_code, after in (("PAGE", " / "), ("NUMPAGES", "")):
        field_element = etree.SubElement(paragraph._p, qn("w:fldSimple"), {qn("w:instr"): field_code})
        run = etree.SubElement(field_element, qn("w:r"))
        etree.SubElement(run, qn("w:t")).text = "1"
        if after:
            paragraph.add_run(after)


def _add(word: WordDocument, text: str, style: str) -> None:
    """A paragraph; lines inside it are line breaks, for a heading of two lines is still one heading."""
    if text := clean(text):
        word.add_paragraph(text, style=style)


def _add_table(word: WordDocument, grid: Grid, widths_emu: list[float]) -> None:
    """Built from elements: python-docx's own cells take quadratic time in the rows."""
    table = word.add_table(rows=0, cols=len(grid.header), style="Table Grid")._tbl
    widths = [round(width / _TWIPS) for width in widths_emu]
    properties = table.tblPr
    width = properties.find(qn("w:tblW"))
    width.set(qn("w:type"), "dxa")
    width.set(qn("w:w"), str(sum(widths)))
    layout = etree.SubElement(properties, qn("w:tblLayout"), {qn("w:type"): "fixed"})
    width.addnext(layout)  # the schema wants this order
    for column, twips in zip(table.tblGrid, widths, strict=True):
        column.set(qn("w:w"), str(twips))
    style = word.styles["Table Text"].style_id
    for number, texts in enumerate(grid.texts()):
        _add_row(table, texts, widths, style, header=number == 0)
    word.add_paragraph(style="Table Text")  # Word joins tables that touch


def _add_row(
    table: BaseOxmlElement, texts: list[str], widths: list[int], style: str, *, header: bool
) -> None:
    row = etree.SubElement(table, qn("w:tr"))
    properties = etree.SubElement(row, qn("w:trPr"))
    etree.SubElement(properties, qn("w:cantSplit"))
    if header:
        etree.SubElement(properties, qn("w:tblHeader"))
    for text, twips in zip(texts, widths, strict=True):
        cell = etree.SubElement(row, qn("w:tc"))
        cell_properties = etree.SubElement(cell, qn("w:tcPr"))
        etree.SubElement(cell_properties, qn("w:tcW"), {qn("w:w"): str(twips), qn("w:type"): "dxa"})
        if header:
            shade = {qn("w:val"): "clear", qn("w:color"): "auto", qn("w:fill"): _SHADE}
            etree.SubElement(cell_properties, qn("w:shd"), shade)
        for line in text.split("\n"):
            paragraph = etree.SubElement(cell, qn("w:p"))
            etree.SubElement(etree.SubElement(paragraph, qn("w:pPr")), qn("w:pStyle"), {qn("w:val"): style})
            if line:
                run = etree.SubElement(paragraph, qn("w:r"))
                if header:
                    etree.SubElement(etree.SubElement(run, qn("w:rPr")), qn("w:b"))
                etree.SubElement(run, qn("w:t")).text = line
