"""The official form in and out: the real plan, the law of the round trip, files as people send them, bad files."""

from __future__ import annotations

import json
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.formats import Block, Document, Grid, Heading, clean, read_tables, write_tables
from talka.core.sheets import Changed
from talka.core.values import Period
from talka.plan import actions, queries, sheets
from talka.plan.models import FundingSource, Measure, Plan, Section
from talka.plan.sheets.official import HEADERS, PLACEMENT
from talka.plan.tests import factories
from tests.lanes import need_shared

pytestmark = pytest.mark.django_db
EIGHT = [
    "Nr.",
    "Pasākums",
    "Darbības rezultāts",
    "Rezultatīvais rādītājs",
    "Atbildīgā institūcija/ organizācija",
    "Iesaistītā(s) institūcija(s)/ organizācija(s)",
    "Izpildes termiņš",
    "Indikatīvais finansējuma avots",
]


# ---------------------------------------------------------------- the real plan


def test_the_seed_document_onto_the_seed_changes_nothing():
    plan = factories.real_plan(factories.ecosystem())
    found = sheets.read_plan_file(plan, need_shared("seed/plan-2023.docx"))
    assert (found.problems, found.changes, len(found.measures), found.year) == ([], [], 17, 2023)
    before = Measure.objects.values_list("revision", flat=True)
    assert found.apply(by=SYSTEM) == []
    assert list(Measure.objects.values_list("revision", flat=True)) == list(before)


def test_the_seed_loaded_again_changes_nothing():
    plan = factories.real_plan(factories.ecosystem())
    for code, parent, name in (
        ("plan.funding_sources", HUB, "15-funding.yaml"),
        ("plan.plans", plan.ecosystem, "16-plans.yaml"),
        ("plan.sections", plan, "17-sections.yaml"),
        ("plan.measures", plan, "18-measures.yaml"),
    ):
        preview = factories.preview_sheet(code, parent, name)
        assert (preview.problems, [(item.name, item.differences) for item in preview.changes]) == ([], [])


def test_the_seed_document_into_an_empty_plan():
    plan = factories.real_plan(factories.ecosystem())
    empty = actions.derive(plan.ecosystem, by=SYSTEM, year=2024)
    found = sheets.read_plan_file(empty, need_shared("seed/plan-2023.docx"))
    assert found.problems == []
    assert len(found.apply(by=SYSTEM)) == 17

    def told(of: Plan) -> list[Any]:
        return [
            (
                queries.cells(measure),
                measure.section.number,
                str(measure.section.priority),
                [each.pk for each in queries.parties(measure, "responsible")],
                [each.pk for each in queries.parties(measure, "involved")],
                measure.deadline,
            )
            for measure in queries.measures(of)
        ]

    assert told(empty) == told(plan)
    # The draft had one section for each priority of the strategy; now it has those of the file.
    assert [section.number for section in queries.sections(empty)] == [
        "1.1",
        "1.2",
        "2.1",
        "3.1",
        "3.2",
        "3.3",
        "4.1",
    ]


@pytest.mark.parametrize("kind", ["docx", "xlsx", "csv", "json", "pdf"])
def test_the_real_plan_goes_out_and_comes_back(tmp_path: Path, kind: str):
    plan = factories.real_plan(factories.ecosystem())
    path = tmp_path / f"plan.{kind}"
    sheets.write_plan_file(plan, path)
    found = sheets.read_plan_file(plan, path)
    assert (found.problems, found.changes, len(found.measures)) == ([], [], 17)


def test_the_document_goes_back_to_the_ministry_as_it_came(tmp_path: Path):
    plan = factories.real_plan(factories.ecosystem())
    sheets.write_plan_file(plan, tmp_path / "plan.docx")
    ours, theirs = read_tables(tmp_path / "plan.docx"), read_tables(need_shared("seed/plan-2023.docx"))
    assert [table.texts for table in ours] == [table.texts for table in theirs]
    assert [table.above for table in ours[1:5]] == [table.above for table in theirs[1:5]]
    assert (
        ours[0].above == theirs[0].above[1:]
    )  # "Annex 1 to the strategy" is of that document, not of the plan
    assert ours[5].above == [theirs[5].above[0] + "”"]  # the quotation mark that it forgot


def test_what_the_command_line_tells():
    found = sheets.read_plan_file(None, need_shared("seed/plan-2023.docx"))
    told = json.loads(json.dumps(found.as_json()))
    assert list(told) == ["measures", "changes", "problems"]
    assert told["measures"][4] == {
        "number": "3.1.1",
        "title": "Pacientu datu otrreizējās izmantošanas likuma apstiprināšana",
        "result": "Ir izstrādāts regulējums, kādos gadījumos un kā var otrreizēji apstrādāt pacientu datus, lai tos"
        " izmantotu zinātnes un diagnostikas jautājumos",
        "indicator": "Apstiprināts likums",
        "responsible": ["VARAM"],
        "involved": ["VM", "EM", "IZM", "LM", "AizM"],
        "deadline": "2023",
        "funding": [],
    }
    # Nobody is known on an empty hub: every measure is told all the same, and every institution asked about.
    assert len(told["measures"]) == 17
    assert {problem["message"].split("“")[0] for problem in told["problems"]} == {"no institution is called "}
    assert (
        told["problems"][0]["place"] == "plan-2023.docx, table 1, row 2, column 5 (Responsible institution)"
    )


# ---------------------------------------------------------------- the law

WORDS = st.text("aābcčdeēgģiīkķlļnņrsšuūzž AĀ019.,;:-–“”\"=+@'<>&|/()", min_size=1, max_size=40)
TRICKY = st.sampled_from(
    ["=HYPERLINK(\"http://x\")", "'=1+1", "-5", "+371", "@x", "<b>&amp;</b>", "1.1.", "Nr.", "Pasākums", "TRUE",
     "00012", "Rīcības virziens X", "“a”", "„b“", "2023", "null", "a|b", "#REF!", "_x0041_", "u.c."]
)  # fmt: skip
LINE = (WORDS | TRICKY).map(lambda text: " ".join(clean(text).split())).filter(bool)
LINES = st.lists(LINE, max_size=3)
DAYS = st.dates(date(2020, 1, 1), date(2030, 12, 31))
PERIODS = st.one_of(
    st.just(""),
    st.integers(2020, 2030).map(lambda year: str(Period.year(year))),
    st.builds(lambda year, nth: str(Period.quarter(year, nth)), st.integers(2020, 2030), st.integers(1, 4)),
    st.builds(lambda year, nth: str(Period.month(year, nth)), st.integers(2020, 2030), st.integers(1, 12)),
    DAYS.map(lambda day: str(Period.day(day))),
    st.tuples(DAYS, DAYS).map(lambda days: str(Period(min(days), max(days)))),
)
NAMES = [
    "IZM",
    "LZP",
    "Centrs “A, B un C”",
    "Tīkls (T)",
    "Vides un veselības centrs",
    "Skola - koledža",
    "A/B birojs",
]
FUNDING = st.lists(
    st.tuples(st.sampled_from(["", "ERAF", "VBF"]), st.just("") | LINE).filter(any), max_size=3
)
PARTIES = st.lists(st.sampled_from(range(len(NAMES))), max_size=4, unique=True)
MEASURES = st.fixed_dictionaries(
    {
        "title": LINE,
        "results": LINES,
        "indicators": LINES,
        "responsible": PARTIES,
        "involved": PARTIES,
        "deadline": PERIODS,
        "funding": FUNDING,
        "stopped": st.booleans(),
    }
)
SECTIONS = st.lists(st.tuples(LINE, LINE, st.lists(MEASURES, max_size=3)), min_size=1, max_size=3)


def _drawn(of: Any, year: int, drawn: Any, parties: list[Any], funding: dict[str, FundingSource]) -> Plan:
    plan = actions.add_plan(of, by=SYSTEM, year=year)
    headings, rows = [], []
    for nth, (direction, title, measures) in enumerate(drawn, 1):
        number = f"{nth}.1"
        headings.append(
            {
                "number": number,
                "direction_number": str(nth),
                "direction_title_lv": direction,
                "title_lv": title,
            }
        )
        for within, values in enumerate(measures, 1):
            rows.append(
                {
                    "number": f"{number}.{within}",
                    "section": number,
                    "title_lv": values["title"],
                    "results_lv": values["results"],
                    "indicators_lv": values["indicators"],
                    "responsible": [parties[index] for index in values["responsible"]],
                    "involved": [parties[index] for index in values["involved"]],
                    "deadline": values["deadline"],
                    "funding": [
                        {"source": funding.get(code), "text": text} for code, text in values["funding"]
                    ],
                    "written": {} if values["stopped"] else {"number": f"{number}.{within}"},
                }
            )
    actions.put_measures(plan, by=SYSTEM, rows=rows, sections=headings)
    return plan


@pytest.mark.parametrize("kind", ["docx", "xlsx", "csv", "json"])
def test_what_goes_out_comes_back(tmp_path: Path, kind: str):
    of = factories.ecosystem()
    factories.strategy(of)
    parties = [factories.organisation("" if len(name) > 4 else name, name) for name in NAMES]
    funding = {
        code: actions.add_funding_source(
            HUB, by=SYSTEM, code=code.lower(), acronym=code, title_lv=code, kind_of="eu"
        )
        for code in ("ERAF", "VBF")
    }
    years = iter(range(2000, 2190))

    @settings(
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=20
    )
    @given(SECTIONS)
    def law(drawn: Any) -> None:
        plan = _drawn(of, next(years), drawn, parties, funding)
        path = tmp_path / f"plan.{kind}"
        sheets.write_plan_file(plan, path)
        if not any(measures for _direction, _title, measures in drawn):
            return
        again = sheets.read_plan_file(plan, path)
        assert (again.problems, again.changes) == ([], [])
        # And into an empty plan: the same words in the same cells under the same headings.
        fresh = actions.add_plan(of, by=SYSTEM, year=next(years))
        copied = sheets.read_plan_file(fresh, path)
        assert copied.problems == []
        copied.apply(by=SYSTEM)
        assert [_told(each) for each in queries.measures(fresh)] == [
            _told(each) for each in queries.measures(plan)
        ]

    law()


def _told(measure: Measure) -> Any:
    return (
        queries.cells(measure),
        measure.section.heading,
        measure.section.direction_heading,
        [each.pk for each in queries.parties(measure, "responsible")],
        [each.pk for each in queries.parties(measure, "involved")],
        measure.deadline,
    )


# ---------------------------------------------------------------- files as people send them


@pytest.fixture
def plan() -> Plan:
    of = factories.ecosystem()
    factories.strategy(of)
    factories.organisation("IZM", "Izglītības un zinātnes ministrija")
    factories.organisation("LZP", "Latvijas Zinātnes padome")
    made = factories.plan(of)
    factories.measure(made, "1.1.1", title_lv="Pirmais", title_en="First", deadline="2023")
    return made


def _file(folder: Path, rows: list[list[str]], header: list[str] | None = None, kind: str = "xlsx") -> Path:
    path = folder / f"plans.{kind}"
    write_tables(path, Document("Plāns", blocks=[Grid(header or EIGHT, rows)]), kind)
    return path


def _row(number: str, title: str = "Pasākums", **more: str) -> list[str]:
    cells = {"number": number, "title": title, **more}
    return [cells.get(key, "") for key in HEADERS]


def test_headers_are_the_ministrys():
    assert [names[0] for names in HEADERS.values()] == EIGHT


def test_english_headers_in_another_order_and_columns_left_out(plan: Plan, tmp_path: Path):
    path = _file(
        tmp_path,
        [["2024-Q2", "Otrais", "1.1.2", "IZM", "piezīme"]],
        ["Deadline", "Measure", "No.", "Responsible", "Notes"],
    )
    found = sheets.read_plan_file(plan, path)
    assert (found.problems, found.unread) == ([], ["Notes"])
    (made,) = found.apply(by=SYSTEM)
    assert (made.number, made.title_lv, made.deadline, made.section.number) == (
        "1.1.2",
        "Otrais",
        "2024-Q2",
        "1.1",
    )
    assert [str(each) for each in queries.parties(made, "responsible")] == ["IZM"]


def test_columns_that_a_file_has_not_stay_and_empty_cells_empty(plan: Plan, tmp_path: Path):
    assert (
        sheets.read_plan_file(plan, _file(tmp_path, [["1.1.1.", "Pirmais"]], ["Nr.", "Pasākums"])).changes
        == []
    )
    found = sheets.read_plan_file(plan, _file(tmp_path, [_row("1.1.1", "Pirmais")]))
    assert [
        (each["name"], [(cell["before"], cell["after"]) for cell in each["columns"]])
        for each in found.changes
    ] == [("1.1.1", [("2023", "")])]


@pytest.mark.parametrize("mark", ["-", "–", "—", " nav "])
def test_a_dash_says_that_a_cell_was_left_empty(plan: Plan, tmp_path: Path, mark: str):
    row = _row("1.1.2", "Otrais", responsible=mark, involved=mark, deadline=mark, funding=mark)
    found = sheets.read_plan_file(plan, _file(tmp_path, [row]))
    assert found.problems == []
    (made,) = found.apply(by=SYSTEM)
    cells = queries.cells(made)
    assert [cells[key] for key in ("responsible", "involved", "deadline", "funding")] == ["", "", "", ""]


def test_the_same_in_other_words_is_no_change(plan: Plan, tmp_path: Path):
    row = _row("1.1.1", "Pirmais", deadline="2023. gads")
    assert sheets.read_plan_file(plan, _file(tmp_path, [row])).changes == []


def test_the_printed_words_of_a_changed_cell_are_kept(plan: Plan, tmp_path: Path):
    row = _row(
        "1.1.1", "Pirmais", responsible="Izglītības un zinātnes ministrija un LZP", deadline="2023. gads"
    )
    (made,) = sheets.read_plan_file(plan, _file(tmp_path, [row])).apply(by=SYSTEM)
    assert made.as_written == {"responsible": "Izglītības un zinātnes ministrija un LZP"}
    assert made.title_en == "First"


def test_section_rows_instead_of_headings(plan: Plan, tmp_path: Path):
    rows = [
        ["1. Rīcības virziens “Cilvēkresursi”", *[""] * 7],
        ["1.2. Prioritāte “Izglītība”", *[""] * 7],
        _row("1.2.1", "Skola"),
    ]
    found = sheets.read_plan_file(plan, _file(tmp_path, rows))
    assert found.problems == []
    (made,) = found.apply(by=SYSTEM)
    assert (made.number, made.section.number, str(made.section.priority)) == ("1.2.1", "1.2", "Izglītība")


def test_priority_columns_and_a_new_section(plan: Plan, tmp_path: Path):
    header = [*EIGHT, "Rīcības virziens", "Prioritāte"]
    found = sheets.read_plan_file(
        plan,
        _file(tmp_path, [[*_row("2.1.1", "Tirgus"), "2. Uzņēmējdarbība", "2.1. Tirgus pieejamība"]], header),
    )
    assert (found.problems, [item.kind for item in found.sections]) == ([], ["new"])
    (made,) = found.apply(by=SYSTEM)
    section = made.section
    assert section.direction_heading == "2. Rīcības virziens “Uzņēmējdarbība”"
    assert section.heading == "2.1. Prioritāte “Tirgus pieejamība”"
    assert section.priority is None


def test_a_row_under_another_heading_is_a_move(plan: Plan, tmp_path: Path):
    blocks: list[Block] = [
        Heading("1. Rīcības virziens “Cilvēkresursi”"),
        Heading("1.2. Prioritāte “Izglītība”"),
        Grid(EIGHT, [_row("1.1.1", "Pirmais", deadline="2023")]),
    ]
    write_tables(tmp_path / "p.docx", Document("P", blocks=blocks), "docx")
    found = sheets.read_plan_file(plan, tmp_path / "p.docx")
    assert [[(cell["before"], cell["after"]) for cell in each["columns"]] for each in found.changes] == [
        [("1.1", "1.2")]
    ]


def test_measures_that_a_file_does_not_name_stay(plan: Plan, tmp_path: Path):
    factories.measure(plan, "1.1.2")
    found = sheets.read_plan_file(plan, _file(tmp_path, [_row("1.1.1", "Mainīts", deadline="2023")]))
    assert [measure.number for measure in found.missing] == ["1.1.2"]
    found.apply(by=SYSTEM)
    assert [(each.number, each.title_lv) for each in queries.measures(plan)] == [
        ("1.1.1", "Mainīts"),
        ("1.1.2", "Pasākums 1.1.2"),
    ]


# ---------------------------------------------------------------- bad files


def _problems(plan: Plan, path: Path) -> list[tuple[str, str]]:
    found = sheets.read_plan_file(plan, path)
    with pytest.raises(Invalid):
        found.apply(by=SYSTEM)
    assert [(each.number, each.title_lv) for each in queries.measures(plan)] == [("1.1.1", "Pirmais")]
    return [(problem.place, problem.message) for problem in found.problems]


@pytest.mark.parametrize(
    ("row", "place", "message"),
    [
        (_row("1.1.2", deadline="2023-02-30"), "G4", "February"),
        (_row("1.1.2", deadline="kad būs nauda"), "G4", "not a period"),
        (_row("1.1.2", responsible="IZMM"), "E4", "IZM (Izglītības un zinātnes ministrija)"),
        (_row("1.1.2", involved="Nezināma biedrība"), "F4", "“Nezināma biedrība”"),
        (_row("pirmais"), "A4", "“pirmais”"),
        (_row("1.1.2", "  "), "B4", ""),
        (_row("", "Bez numura"), "A4", ""),
        (_row("1.1.2", "x" * 5001), "B4", "5001"),
        (_row("9.9.9"), "4", ""),
    ],
)
def test_a_bad_cell_is_named_and_nothing_is_written(
    plan: Plan, tmp_path: Path, row: list[str], place: str, message: str
):
    problems = _problems(plan, _file(tmp_path, [_row("1.1.3", "Labs"), row]))
    assert len(problems) == 1
    assert problems[0][0].startswith("plans.xlsx, ")
    assert place in problems[0][0]
    assert message in problems[0][1]


def test_every_bad_cell_is_named(plan: Plan, tmp_path: Path):
    rows = [_row("1.1.2", deadline="2023-13", responsible="Neviens"), _row("1.1.2"), _row("x")]
    assert len(_problems(plan, _file(tmp_path, rows))) == 4


def test_markup_and_formulas_stay_text(plan: Plan, tmp_path: Path):
    texts = ['=HYPERLINK("http://example.test")', "<script>alert(1)</script>", "=1+1"]
    row = _row("1.1.2", texts[0], result=texts[1], funding=texts[2])
    for kind in ("xlsx", "csv", "docx"):
        found = sheets.read_plan_file(plan, _file(tmp_path, [row], kind=kind))
        (measure,) = found.measures
        assert [measure["title"], measure["result"], *measure["funding"]] == texts


def test_two_priorities_with_one_number(plan: Plan, tmp_path: Path):
    header = [*EIGHT, *(names[0] for names in PLACEMENT.values())]
    rows = [[*_row("5.1.1"), "5. A", "5.1. Viens"], [*_row("5.1.2"), "5. A", "5.1. Divi"]]
    ((_place, message),) = _problems(plan, _file(tmp_path, rows, header))
    assert "“Viens”" in message and "“Divi”" in message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("plan.docx", b"PK\x03\x04 not really"),
        ("plan.xlsx", b"nothing of the kind"),
        ("plan.pdf", b"%PDF-1.4 broken"),
        ("plan.json", b'[{"Nr.": '),
        ("plan.csv", b""),
        ("plan.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"),
        ("plan.xlsm", b"PK\x03\x04"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_problem(plan: Plan, tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    ((place, message),) = _problems(plan, tmp_path / name)
    assert place.startswith(name)
    assert message


def test_wrong_columns(plan: Plan, tmp_path: Path):
    ((_place, message),) = _problems(plan, _file(tmp_path, [["1.1.1", "b"]], ["Krāsa", "Smarža"]))
    assert all(f"“{name}”" in message for name in EIGHT)


def test_without_the_title_column(plan: Plan, tmp_path: Path):
    ((_place, message),) = _problems(plan, _file(tmp_path, [["1.1.1", "2023"]], ["Nr.", "Izpildes termiņš"]))
    assert "“Pasākums”" in message


def test_a_cell_of_100_000_characters(plan: Plan, tmp_path: Path):
    path = tmp_path / "plans.csv"
    path.write_text("Nr.,Pasākums\n1.1.2," + "x" * 100_000, encoding="utf-8")
    ((place, message),) = _problems(plan, path)
    assert "plans.csv" in place
    assert "100000" in message.replace("\u00a0", "").replace(" ", "")


def test_a_zip_bomb(plan: Plan, tmp_path: Path):
    with zipfile.ZipFile(tmp_path / "plan.docx", "w", zipfile.ZIP_DEFLATED) as bomb:
        bomb.writestr("[Content_Types].xml", "<Types/>")
        bomb.writestr("word/document.xml", b"\0" * 50_000_000)
    assert len(_problems(plan, tmp_path / "plan.docx")) == 1


def test_what_changed_since_the_preview_stops_the_import(plan: Plan, tmp_path: Path):
    path = _file(tmp_path, [_row("1.1.1", "No faila", deadline="2023")])
    seen = sheets.read_plan_file(plan, path).fingerprint
    actions.edit_measure(Measure.objects.get(), by=SYSTEM, title_lv="Meanwhile")
    with pytest.raises(Changed):
        sheets.read_plan_file(plan, path).apply(by=SYSTEM, expected=seen)
    assert Measure.objects.get().title_lv == "Meanwhile"


def test_a_closed_plan_takes_nothing(plan: Plan, tmp_path: Path):
    actions.adopt(plan, by=SYSTEM)
    actions.close(plan, by=SYSTEM)
    with pytest.raises(Invalid):
        sheets.read_plan_file(plan, _file(tmp_path, [_row("1.1.1", "Mainīts")])).apply(by=SYSTEM)


def test_an_unknown_format_is_refused(plan: Plan, tmp_path: Path):
    with pytest.raises(Invalid, match="docx"):
        sheets.write_plan_file(plan, tmp_path / "plan.txt")


def test_sections_without_measures_are_printed_in_the_form(plan: Plan, tmp_path: Path):
    sheets.write_plan_file(plan, tmp_path / "plan.docx")
    assert [table.texts[0] for table in read_tables(tmp_path / "plan.docx")] == [EIGHT, EIGHT]
    assert Section.objects.filter(plan=plan).count() == 2
