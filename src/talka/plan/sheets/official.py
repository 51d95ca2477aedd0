"""The official form of an action plan, in and out: eight columns, a table for each priority under its headings.

Read from docx, xlsx, csv, PDF and JSON, written to all of them. What is written reads back as what it was: that is a
property that the tests check. docx and PDF are the form as the ministry knows it; xlsx, csv and JSON hold one table,
with direction and priority as two more columns behind the eight.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from talka.core.actions import Invalid
from talka.core.formats import (
    FORMATS,
    BadFile,
    Block,
    Document,
    Grid,
    Place,
    Recognised,
    Row,
    Table,
    join_continuations,
    read_tables,
    recognise,
    to_bytes,
    write_tables,
)
from talka.core.formats import Heading as PrintedHeading
from talka.core.sheets import BadCell, Changed, Column, Difference, Item, Preview, Problem, Raw, Sheet
from talka.plan import actions, queries
from talka.plan.models import Measure, Part, Plan, PlanState, Section
from talka.plan.sheets.cells import (
    Line,
    Parties,
    Sources,
    Texts,
    Written,
    WrittenDue,
    split_funding,
    split_parties,
)
from talka.plan.sheets.headings import Heading, split_number
from talka.strategy.models import Priority

# The eight headers exactly as the ministry prints them, and under which other names they are recognised.
HEADERS: dict[str, tuple[str, ...]] = {
    "number": ("Nr.", "Nr. p. k.", "Nr.p.k.", "Numurs", "No.", "Number", "Measure No."),
    "title": ("Pasākums", "Pasākuma nosaukums", "Uzdevums", "Measure", "Activity", "Action"),
    "result": (
        "Darbības rezultāts",
        "Rezultāts",
        "Result",
        "Result of the action",
        "Expected result",
        "Output",
    ),
    "indicator": (
        "Rezultatīvais rādītājs",
        "Rādītājs",
        "Result indicator",
        "Performance indicator",
        "Indicator",
    ),
    "responsible": (
        "Atbildīgā institūcija/ organizācija",
        "Atbildīgais",
        "Atbildīgie",
        "Responsible institution/ organisation",
        "Responsible",
        "Lead institution",
    ),
    "involved": (
        "Iesaistītā(s) institūcija(s)/ organizācija(s)",
        "Iesaistītie",
        "Līdzatbildīgā institūcija",
        "Involved institution(s)/ organisation(s)",
        "Involved",
        "Partners",
    ),
    "deadline": ("Izpildes termiņš", "Termiņš", "Deadline", "Due date", "Term", "Time frame"),
    "funding": (
        "Indikatīvais finansējuma avots",
        "Finansējuma avots",
        "Finansējums",
        "Indicative funding source",
        "Indicative source of funding",
        "Source of funding",
        "Funding",
    ),
}
PLACEMENT: dict[str, tuple[str, ...]] = {
    "direction": ("Rīcības virziens", "Virziens", "Direction", "Direction of action"),
    "priority": ("Prioritāte", "Priority"),
}
WIDTHS = (5, 17, 17, 16, 12, 13, 9, 11)
_YEAR = re.compile(r"\b(20[0-9]{2})\b")
_NUMBER_LIKE = re.compile(r"[0-9]+(?:\.[0-9]+)+\.?")


# ---------------------------------------------------------------- the columns


@dataclass(frozen=True)
class NumberCell(Column):
    """A number of a measure; its closing full stop is a matter of print."""

    def parse(self, text: str, context: Any) -> Any:
        number = text.rstrip(". ")
        if not actions.NUMBER.fullmatch(number) or len(number) > 12:
            raise BadCell(
                _("“%(text)s” is not a number of a measure; write for example 1.1.2.") % {"text": text[:40]}
            )
        return Written([number], text)

    def read(self, row: Measure) -> Any:
        return Written([row.number], row.printed_number)

    def show(self, value: Written) -> str:
        return value.items[0]


@dataclass(frozen=True)
class SectionCell(Column):
    """The number of the section under which a measure stands."""

    def read(self, row: Measure) -> Any:
        return row.section.number


class _Form(Sheet):
    """The form as a sheet over a plan. Without a code, so that it is no table of the open data beside `Measures`."""

    key, over = ("number",), "plan.plan"
    model = Measure
    columns: ClassVar = (
        NumberCell("number", gettext_lazy("No."), required=True, max_length=20),
        SectionCell("section", gettext_lazy("Priority")),
        Line("title_lv", gettext_lazy("Measure"), required=True, max_length=actions.LONGEST),
        Texts(
            "results_lv",
            gettext_lazy("Result"),
            relation="result_rows",
            column="text_lv",
            max_length=actions.LONGEST,
        ),
        Texts(
            "indicators_lv",
            gettext_lazy("Result indicator"),
            relation="indicator_rows",
            column="text_lv",
            max_length=actions.LONGEST,
        ),
        Parties("responsible", gettext_lazy("Responsible institution"), part=Part.RESPONSIBLE),
        Parties("involved", gettext_lazy("Involved institutions"), part=Part.INVOLVED),
        WrittenDue("deadline", gettext_lazy("Deadline")),
        Sources("funding", gettext_lazy("Indicative funding source")),
    )

    def __init__(self, sections: list[dict[str, Any]], without: list[str]) -> None:
        self.sections, self.without = sections, without

    def rows(self, parent: Plan | None) -> Iterable[Measure]:
        return queries.measures(parent) if parent is not None else ()

    def check(self, parent: Plan | None, items: list[Item]) -> Iterator[Problem]:
        """A new measure must stand under some priority."""
        if parent is not None:
            for item in items:
                if item.current is None and "number" in item.values and not item.values.get("section"):
                    message = _(
                        "it is not said to which priority this measure belongs: put it under a heading"
                    )
                    yield Problem(item.place, message)

    def carry_out(self, preview: Preview, *, by: Any) -> list[Measure]:
        rows = [_as_row(item) for item in preview.changes]
        return actions.put_measures(
            preview.parent, by=by, rows=rows, sections=self.sections, without=self.without
        )


_KEYS = {"title": "title_lv", "result": "results_lv", "indicator": "indicators_lv"}


def _as_row(item: Item) -> dict[str, Any]:
    """A new or changed row as the verb takes it: of a changed one only the cells that differ."""
    changed = {difference.column.key for difference in item.differences}
    row: dict[str, Any] = {"number": item.values["number"].items[0]}
    written: dict[str, str] = {}
    for key, value in item.values.items():
        if item.current is not None and key not in changed:
            continue
        if isinstance(value, Written):
            written[key] = value.text
            row[key] = "".join(value.items) if key in ("number", "deadline") else value.items
        elif key != "section" or value:
            row[key] = value
    return {**row, "written": written}


# ---------------------------------------------------------------- reading


@dataclass
class _Line:
    """A row of the file: the heading above it, its cells by column, where they stand."""

    heading: Heading
    cells: dict[str, str]
    places: dict[str, Place]
    place: Place


@dataclass
class PlanFile:
    """A file with a plan, read and held against a plan (or against none, only to see what it says).

    `measures` are what it says, `changes` what it would change, `problems` why it cannot be applied.
    """

    name: str
    plan: Plan | None
    measures: list[dict[str, Any]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    sections: list[Item] = field(default_factory=list)
    preview: Preview | None = None
    unread: list[str] = field(default_factory=list)  # headers of columns that are no part of the form
    year: int | None = None  # as the title above the tables says

    @property
    def items(self) -> list[Item]:
        """New and changed measures."""
        return self.preview.changes if self.preview else []

    @property
    def missing(self) -> list[Measure]:
        """Measures of the plan that the file does not name. An import leaves them as they are."""
        return self.preview.missing if self.preview else []

    @property
    def changes(self) -> list[dict[str, Any]]:
        """What would change, as plain values."""
        return [
            {
                "kind": item.kind,
                "what": what,
                "name": item.name,
                "place": item.place,
                "columns": [
                    {"column": str(each.column.label), "before": each.before, "after": each.after}
                    for each in item.differences
                ],
            }
            for what, items in (("section", self.sections), ("measure", self.items))
            for item in items
        ]

    @property
    def fingerprint(self) -> str:
        """Changes when the file, or the plan that it was held against, does."""
        told = repr([self.measures, self.changes, self.preview.fingerprint if self.preview else ""])
        return hashlib.sha256(told.encode()).hexdigest()

    def as_json(self) -> dict[str, Any]:
        """The answer of `talka plan import --json`."""
        problems = [{"place": problem.place, "message": problem.message} for problem in self.problems]
        return {"measures": self.measures, "changes": self.changes, "problems": problems}

    def expect(self, expected: str) -> None:
        """Raises Changed unless file and plan are as they were when their fingerprint was `expected`."""
        if expected and expected != self.fingerprint:
            raise Changed(
                _("Someone changed the plan since the preview was made; nothing was imported. Look again.")
            )

    def apply(self, *, by: Any, expected: str = "") -> list[Measure]:
        """Carries the changes out, whole or not at all. `expected` is the fingerprint that a person has seen.

        Raises Invalid where the file has problems or there is no plan, Changed where the plan has moved on.
        """
        self.expect(expected)
        if self.plan is None:
            raise Invalid(_("There is no plan to import into yet; make one for the year first."))
        if self.problems or self.preview is None:
            first = self.problems[0] if self.problems else Problem(self.name, "")
            raise Invalid(
                _("Nothing was imported: %(count)d problems, the first at %(place)s: %(message)s")
                % {"count": len(self.problems), "place": first.place, "message": first.message}
            )
        if not self.sections and not self.items:
            return []
        with transaction.atomic():
            return list(self.preview.sheet.apply(self.preview, by=by))


def read_plan_file(plan: Plan | None, path: Path, *, name: str | None = None) -> PlanFile:
    """Reads a plan from a docx, xlsx, csv, tsv, JSON or PDF file and holds it against `plan`. Changes nothing.

    `name` is the file's name as the person knows it. Never raises for what is in the file: a file that cannot be read
    at all is one problem.
    """
    name = name or path.name
    found = PlanFile(name, plan)
    try:
        tables = read_tables(path, name=name)
        lines, headings = _lines(tables, Path(name).suffix.casefold(), found)
    except BadFile as error:
        place, message = _told(error)
        found.problems.append(Problem(place, message))
        return found
    _hold(found, lines, headings)
    return found


def _told(error: BadFile) -> tuple[str, str]:
    place = error.place.describe(_)
    return place, error.describe(_).removeprefix(f"{place}: ")


def _lines(tables: list[Table], kind: str, found: PlanFile) -> tuple[list[_Line], list[Heading]]:
    """The rows of all tables with the heading that each stands under, and all headings in order."""
    lines: list[_Line] = []
    headings: list[Heading] = []
    heading = Heading()
    known: Recognised | None = None
    width = 0

    def announce(text: str) -> bool:
        nonlocal heading
        under = heading.under(text)
        if under is None:
            return False
        heading = under
        if heading.title and heading not in headings:
            headings.append(heading)
        return True

    for table in tables:
        for text in table.above:
            if not announce(text) and found.year is None and (said := _YEAR.search(text)):
                found.year = int(said[1])
        recognised = recognise(table, {**HEADERS, **PLACEMENT})
        if not recognised.found and known is not None and table.width == width and _goes_on(table, known):
            recognised = Recognised(-1, known.mapping, [], known.missing)  # a page break took the header away
        if not recognised.found or recognised.header_row_index is None:
            if any(_NUMBER_LIKE.fullmatch(cell.text) for row in table.rows for cell in row.cells):
                found.problems.append(Problem(table.place.describe(_), _expected_columns()))
            continue
        absent = [key for key in ("number", "title") if key in recognised.missing]
        if absent:
            found.problems.append(
                Problem(
                    table.place.describe(_),
                    _("the column “%(column)s” is missing; every plan needs it")
                    % {"column": HEADERS[absent[0]][0]},
                )
            )
            continue
        found.unread += [text for text in recognised.unknown if text not in found.unread]
        known, width = recognised, table.width
        for row in _data(table, recognised, kind):
            if row.section is not None and announce(row.section):
                continue
            line = _line(row, recognised.mapping, heading)
            if line is not None:
                if line.heading.title and line.heading not in headings:
                    headings.append(line.heading)
                lines.append(line)
    if not lines and not found.problems:
        found.problems.append(
            Problem(found.name, _("no measure was found in this file") + "; " + _expected_columns())
        )
    return lines, headings


def _expected_columns() -> str:
    names = ", ".join(f"“{names[0]}”" for names in HEADERS.values())
    return _("its columns are not those of an action plan, which are: %(names)s") % {"names": names}


def _goes_on(table: Table, known: Recognised) -> bool:
    return bool(_NUMBER_LIKE.fullmatch(table.rows[0].cells[known.mapping["number"]].text))


def _data(table: Table, recognised: Recognised, kind: str) -> list[Row]:
    """The rows below the header. Where pages break or keys are merged, what was parted is put together again."""
    header, key = recognised.header_row_index or 0, recognised.mapping["number"]
    printed = kind in (".docx", ".pdf") or any(row.cells[key].merged == "above" for row in table.rows)
    if header >= 0 and printed:
        table = join_continuations(table, key, header_row=header)
    rows = table.rows[header + 1 :]
    names = table.rows[header].texts if header >= 0 else None
    return [row for row in rows if not row.blank and row.texts != names]


def _line(row: Row, mapping: dict[str, int], heading: Heading) -> _Line | None:
    cells = {key: row.cells[index].text for key, index in mapping.items()}
    places = {key: row.cells[index].place for key, index in mapping.items()}
    direction, priority = cells.pop("direction", ""), cells.pop("priority", "")
    if not any(cells.values()):
        return None
    if direction or priority:
        number, title = split_number(priority, "priority")
        direction_number, direction_title = split_number(direction, "direction")
        heading = Heading(direction_number, direction_title, number, title)
    return _Line(heading, cells, places, row.cells[mapping["number"]].place)


# ---------------------------------------------------------------- holding against a plan


def _hold(found: PlanFile, lines: list[_Line], headings: list[Heading]) -> None:
    """Fills in what the file says, what it would change, and what is wrong."""
    numbers = _sections(found, lines, headings)
    sections = found.sections
    organisations, sources = queries.organisation_spellings(), queries.funding_spellings()
    form = _Form(
        [item.values for item in sections if item.kind != "gone"],
        [item.place for item in sections if item.kind == "gone"],
    )
    labels = {column.key: column.label for column in form.columns}
    known = set(numbers.values())
    if found.plan is not None:
        known |= {section.number for section in queries.sections(found.plan)}
    raws = []
    for line in lines:
        found.measures.append(_plain(line, organisations, sources))
        cells: dict[str, Any] = {_KEYS.get(key, key): text for key, text in line.cells.items()}
        if section := numbers.get(line.heading) or _by_prefix(line, known):
            cells["section"] = section
        row = Place(**{name: getattr(line.place, name) for name in ("file", "table", "sheet", "page", "row")})
        raws.append(Raw(row.describe(_), cells, _Places(line.places, labels)))
    found.preview = form.preview(found.plan, raws)
    found.problems += found.preview.problems


class _Places(Mapping[str, str]):
    """Where each cell stands, put into words only for the few that are asked about."""

    def __init__(self, places: dict[str, Place], labels: dict[str, Any]) -> None:
        self.places = {_KEYS.get(key, key): place for key, place in places.items()}
        self.labels = labels

    def __getitem__(self, key: str) -> str:
        return f"{self.places[key].describe(_)} ({self.labels[key]})"

    def __iter__(self) -> Iterator[str]:
        return iter(self.places)

    def __len__(self) -> int:
        return len(self.places)


def _plain(line: _Line, organisations: Any, sources: Any) -> dict[str, Any]:
    """A row as `talka plan import --json` tells it: institutions and sources one by one, as they are printed."""
    cells = {key: line.cells.get(key, "") for key in HEADERS}
    return {
        "number": cells["number"].rstrip(". "),
        "title": " ".join(cells["title"].split()),
        "result": cells["result"],
        "indicator": cells["indicator"],
        "responsible": [piece.text for piece in split_parties(cells["responsible"], organisations)],
        "involved": [piece.text for piece in split_parties(cells["involved"], organisations)],
        "deadline": cells["deadline"],
        "funding": [piece.text for piece in split_funding(cells["funding"], sources)],
    }


def _sections(found: PlanFile, lines: list[_Line], headings: list[Heading]) -> dict[Heading, str]:
    """For each heading the number of its section; notes which sections are new, change or go.

    A draft without measures, as it was derived from the strategy, takes the file's headings for its own.
    """
    plan = found.plan
    here = {section.number: section for section in queries.sections(plan)} if plan else {}
    priorities = list(queries.priorities(plan.strategy)) if plan else []
    numbers: dict[Heading, str] = {}
    for heading in headings:
        number = heading.number or _unprinted_number(heading, lines, here.values())
        if not number:
            place = next((line.place.describe(_) for line in lines if line.heading == heading), found.name)
            found.problems.append(
                Problem(
                    place,
                    _("the priority “%(title)s” has no number; write for example 1.1.")
                    % {"title": heading.title},
                )
            )
            continue
        if number in numbers.values():
            first = next(each for each, known in numbers.items() if known == number)
            if first.title != heading.title:
                found.problems.append(
                    Problem(
                        next(
                            (line.place.describe(_) for line in lines if line.heading == heading), found.name
                        ),
                        _("two priorities are numbered %(number)s: “%(first)s” and “%(second)s”")
                        % {"number": number, "first": first.title, "second": heading.title},
                    )
                )
            numbers[heading] = number
            continue
        numbers[heading] = number
        item = _section_item(heading, number, here.get(number), priorities)
        if item.kind != "same":
            found.sections.append(item)
    if plan is not None and plan.state == PlanState.DRAFT and numbers and not plan.measures.exists():
        for number, section in here.items():
            if number not in numbers.values():
                found.sections.append(Item("gone", str(section), number, {}, section))
    return numbers


def _unprinted_number(heading: Heading, lines: list[_Line], here: Iterable[Section]) -> str:
    """The number of a heading printed without one: of the section called like that, else as its measures say."""
    for section in here:
        if queries.alike(section.title_lv, heading.title) >= 0.9:
            return section.number
    first = next((line.cells.get("number", "") for line in lines if line.heading == heading), "")
    return first.rstrip(". ").rpartition(".")[0]


def _section_item(heading: Heading, number: str, section: Section | None, priorities: list[Priority]) -> Item:
    """A heading beside the section that has its number."""
    labels = {
        "direction_number": _("No. of the direction"),
        "direction_title_lv": _("Direction"),
        "title_lv": _("Priority"),
    }
    values = {
        "direction_number": heading.direction_number
        or (section.direction_number if section else number.split(".")[0]),
        "direction_title_lv": heading.direction_title or (section.direction_title_lv if section else ""),
        "title_lv": heading.title,
    }
    before = {key: getattr(section, key) if section else "" for key in values}
    differences = [
        Difference(Column(key, labels[key]), before[key], values[key])
        for key in values
        if before[key] != values[key]
    ]
    kind = "new" if section is None else "changed" if differences else "same"
    taken: dict[str, Any] = {"number": number, **values}
    if section is None or before["title_lv"] != heading.title:
        # Another title may mean another priority; where none is alike the one that was told stays.
        taken["priority"] = queries.nearest_priority(heading.title, priorities) or (
            section and section.priority
        )
        if not values["direction_title_lv"] and taken["priority"]:
            taken["direction_title_lv"] = taken["priority"].direction.title_lv
    return Item(kind, f"{number}. {heading.title}", number, taken, section, differences)


def _by_prefix(line: _Line, known: set[str]) -> str:
    """For a row without any heading above it: the section that its number begins with."""
    number = "" if line.heading.title else line.cells.get("number", "").rstrip(". ")
    while number:
        number = number.rpartition(".")[0]
        if number in known:
            return number
    return ""


# ---------------------------------------------------------------- writing


def document(plan: Plan, *, flat: bool = False) -> Document:
    """The plan as its official form: a table for each section under its headings; `flat`: one table for all."""
    below: dict[int, list[dict[str, str]]] = {section.pk: [] for section in queries.sections(plan)}
    for measure in queries.measures(plan):
        below[measure.section_id].append(queries.cells(measure))
    headers = [names[0] for names in HEADERS.values()]
    blocks: list[Block] = []
    rows: list[list[str]] = []
    direction = ""
    for section in queries.sections(plan):
        cells = [[row[key] for key in HEADERS] for row in below[section.pk]]
        if flat:
            place = [
                f"{section.direction_number}. {section.direction_title_lv}",
                f"{section.number}. {section.title_lv}",
            ]
            rows += [row + place for row in cells]
            continue
        if section.direction_heading != direction:
            direction = section.direction_heading
            blocks.append(PrintedHeading(direction, 1))
        blocks.append(PrintedHeading(section.heading, 2))
        blocks.append(Grid(headers, cells, widths=WIDTHS, landscape=True))
    if flat:
        headers += [names[0] for names in PLACEMENT.values()]
        blocks.append(Grid(headers, rows, widths=(*WIDTHS, 10, 14), landscape=True, name="Rīcības plāns"))
    return Document(plan.title_lv, blocks=blocks, language="lv")


def export_plan(plan: Plan, kind: str) -> bytes:
    """The plan as a file of that format: docx, xlsx, csv, pdf or json. Raises Invalid for another one."""
    return to_bytes(document(plan, flat=_is_flat(kind)), kind)


def write_plan_file(plan: Plan, path: Path) -> None:
    """Writes the plan to a file; its ending says which format. The file is written whole or stays as it was."""
    kind = path.suffix.casefold().lstrip(".")
    write_tables(path, document(plan, flat=_is_flat(kind)), kind)


def _is_flat(kind: str) -> bool:
    if kind not in FORMATS:
        raise Invalid(
            _("A plan is not written as “%(format)s”; choose one of: %(known)s.")
            % {"format": kind, "known": ", ".join(FORMATS)}
        )
    return kind in ("xlsx", "csv", "json")
