"""Sheets: typed cells, previews as diffs, every bad cell named, whole or not at all."""

from __future__ import annotations

import difflib
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError
from django.utils.translation import override

from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.models import Event
from talka.core.sheets import (
    NEAREST,
    SHEETS,
    BadCell,
    Changed,
    Choice,
    Column,
    Context,
    Day,
    Lines,
    Number,
    Raw,
    Ref,
    Refs,
    When,
    Whole,
    YesNo,
)
from talka.domains.actions import add_domain, edit_domain
from talka.domains.models import Domain, PolicyKind

NOTHING = Context(None)
SHEET = SHEETS["domains.domains"]


def taken(column: Column, raw: Any) -> Any:
    return column.take(raw, NOTHING)


@pytest.mark.parametrize(
    ("column", "raw", "value"),
    [
        (Column("a", "A"), "  teksts ", "teksts"),
        (Column("a", "A"), None, ""),
        (Column("a", "A"), "divas  atstarpes\r\nun\x00 rinda", "divas atstarpes\nun rinda"),
        (Column("a", "A"), 7, "7"),
        (Lines("a", "A"), "viens\n\n divi ", ["viens", "divi"]),
        (Lines("a", "A"), ["viens", "divi"], ["viens", "divi"]),
        (Lines("a", "A"), "", []),
        (Number("a", "A"), "1 234,50", Decimal("1234.50")),
        (Number("a", "A"), "1,234.5", Decimal("1234.5")),
        (Number("a", "A"), "1.234,5", Decimal("1234.5")),
        (Number("a", "A"), "1,234,567", Decimal(1234567)),
        (Number("a", "A"), "1.234.567", Decimal(1234567)),
        (Number("a", "A"), "-0,25", Decimal("-0.25")),
        (Number("a", "A"), "", None),
        (Whole("a", "A"), "12", 12),
        (YesNo("a", "A"), "Jā", True),
        (YesNo("a", "A"), "no", False),
        (Day("a", "A"), "30.06.2023.", date(2023, 6, 30)),
        (When("a", "A"), "2023. gada III ceturksnis", "2023-Q3"),
        (When("a", "A"), "2023", "2023"),
        (Choice("a", "A", choices=PolicyKind), "ipcei", "ipcei"),
        (Choice("a", "A", choices=PolicyKind), "EU mission", "eu_mission"),
    ],
)
def test_cells_are_taken_as_people_write_them(column: Column, raw: Any, value: Any) -> None:
    with override("en"):
        assert taken(column, raw) == value


@pytest.mark.parametrize(
    ("column", "raw", "message"),
    [
        (Column("a", "Code", required=True), "", "empty"),
        (Column("a", "A", max_length=5), "garāks teksts", "13 characters; at most 5"),
        (Number("a", "A"), "daudz", "not a number"),
        (Number("a", "A"), "nan", "too large|not a number"),
        (Whole("a", "A"), "1,5", "not a whole number"),
        (YesNo("a", "A"), "varbūt", "neither yes nor no"),
        (Day("a", "A"), "2023", "not a day"),
        (When("a", "A"), "2023-02-30", "28"),
        (Choice("a", "A", choices=PolicyKind), "likums", "not one of: national plan"),
    ],
)
def test_a_bad_cell_says_what_would_have_been_right(column: Column, raw: Any, message: str) -> None:
    with override("en"), pytest.raises(BadCell, match=message):
        taken(column, raw)


def test_unknown_references_offer_the_nearest() -> None:
    ministry = type("Row", (), {"code": "izm"})()
    column = Ref("a", "A", among=lambda _parent: {"izm": ministry, "vm": type("Row", (), {"code": "vm"})()})
    assert column.take("IZM", Context(None)) is ministry
    with override("en"), pytest.raises(BadCell, match="“izn” is not known; nearest: izm"):
        column.take("izn", Context(None))


def test_several_references_in_one_cell() -> None:
    rows = {code: type("Row", (), {"code": code})() for code in ("izm", "vm")}
    column = Refs("a", "A", among=lambda _parent: rows)
    for raw in ("izm, vm", "izm; vm", "izm\nvm", ["izm", "vm"]):
        assert column.take(raw, Context(None)) == [rows["izm"], rows["vm"]]
    assert column.show([rows["izm"], rows["vm"]]) == "izm\nvm"


def test_a_name_with_a_comma_is_one_reference() -> None:
    agency, ministry = (type("Row", (), {"code": code})() for code in ("zva", "vm"))
    column = Refs("a", "A", among=lambda _parent: {"zāļu aģentūra, rīga": agency, "vm": ministry})
    assert column.take("Zāļu aģentūra, Rīga", Context(None)) == [agency]
    assert column.take("Zāļu aģentūra, Rīga; VM", Context(None)) == [agency, ministry]


def test_an_unknown_one_of_several_references_offers_the_nearest() -> None:
    rows = {code: type("Row", (), {"code": code})() for code in ("izm", "vm")}
    column = Refs("a", "A", among=lambda _parent: rows)
    with override("en"), pytest.raises(BadCell, match="“IZN” is not known; nearest: izm"):
        column.take("IZN, vm", Context(None))


def test_a_file_of_nothing_but_unknown_names_is_refused_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look(text: str, *_rest: Any, **_options: Any) -> list[str]:
        asked.append(text)
        return []

    monkeypatch.setattr(difflib, "get_close_matches", look)
    column, context = Ref("a", "A", among=lambda _parent: {"izm": object()}), Context(None)
    for number in (*range(NEAREST + 50), 0):
        with pytest.raises(BadCell):
            column.take(f"Nezināma iestāde {number}", context)
    assert len(asked) == NEAREST


def raws(*rows: dict[str, Any]) -> list[Raw]:
    return [Raw(f"file.xlsx, row {number}", row) for number, row in enumerate(rows, 2)]


@pytest.mark.django_db
class TestPreview:
    def test_new_changed_and_equal_rows(self) -> None:
        add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna")
        add_domain(HUB, by=SYSTEM, code="ikt", title_lv="IKT")
        preview = SHEET.preview(
            HUB,
            raws(
                {"code": "bio", "title_lv": "Biomedicīna"},
                {"code": "ikt", "title_lv": "Informācija"},
                {"code": "foto", "title_lv": "Fotonika"},
            ),
        )
        assert [(item.kind, item.name) for item in preview.items] == [
            ("same", "bio"),
            ("changed", "ikt"),
            ("new", "foto"),
        ]
        changed = preview.items[1].differences
        assert [(d.column.key, d.before, d.after) for d in changed] == [("title_lv", "IKT", "Informācija")]
        SHEET.apply(preview, by=SYSTEM)
        assert list(Domain.objects.values_list("code", "title_lv").order_by("code")) == [
            ("bio", "Biomedicīna"),
            ("foto", "Fotonika"),
            ("ikt", "Informācija"),
        ]

    def test_a_file_of_some_columns_leaves_the_others_as_they_are(self) -> None:
        add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna")
        with override("en"):
            preview = SHEET.preview(
                HUB, raws({"code": "bio", "title_en": "Biomedicine"}, {"code": "ikt", "title_en": "ICT"})
            )
            assert [(p.place, p.message) for p in preview.problems] == [
                (
                    "file.xlsx, row 3, Title (in Latvian)",
                    "is not in the file; a new row needs “Title (in Latvian)”",
                )
            ]
        SHEET.apply(SHEET.preview(HUB, raws({"code": "bio", "title_en": "Biomedicine"})), by=SYSTEM)
        assert Domain.objects.values_list("title_lv", "title_en").get() == ("Biomedicīna", "Biomedicine")

    def test_spaces_that_no_file_keeps_are_no_change(self) -> None:
        add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna,  zāles\r\nun ierīces")
        preview = SHEET.preview(HUB, raws({"code": "bio", "title_lv": "Biomedicīna, zāles\nun ierīces"}))
        assert [item.kind for item in preview.items] == ["same"]

    def test_applying_twice_changes_nothing(self) -> None:
        rows = raws({"code": "bio", "title_lv": "Biomedicīna", "order": "1"})
        SHEET.apply(SHEET.preview(HUB, rows), by=SYSTEM)
        before = Event.objects.count()
        again = SHEET.preview(HUB, rows)
        SHEET.apply(again, by=SYSTEM)
        assert (again.changes, Event.objects.count()) == ([], before)

    def test_rows_that_the_file_does_not_name_stay(self) -> None:
        kept = add_domain(HUB, by=SYSTEM, code="ikt", title_lv="IKT")
        preview = SHEET.preview(HUB, raws({"code": "bio", "title_lv": "Biomedicīna"}))
        assert preview.missing == [kept]
        SHEET.apply(preview, by=SYSTEM)
        assert Domain.objects.count() == 2

    def test_every_bad_cell_is_named_and_nothing_is_written(self) -> None:
        with override("en"):
            preview = SHEET.preview(
                HUB,
                raws(
                    {"code": "bio", "title_lv": "Biomedicīna"},
                    {"code": "", "title_lv": "X"},
                    {"code": "ikt", "title_lv": "IKT", "order": "pirmais"},
                    {"code": "bio", "title_lv": "Vēlreiz"},
                    {"code": "foto", "title_lv": "Fotonika", "ordr": 3},
                ),
            )
            places = [(p.place, p.message.split(";")[0]) for p in preview.problems]
            assert places == [
                ("file.xlsx, row 3, Code", "is empty"),
                ("file.xlsx, row 4, Order", "“pirmais” is not a number"),
                ("file.xlsx, row 5", "“bio” stands twice"),
                ("file.xlsx, row 6", "there is no column “ordr”"),
            ]
            assert preview.problems[3].message.endswith("did you mean “order”?")
            with pytest.raises(
                Invalid, match=r"Nothing was imported: 4 problems, the first at file.xlsx, row 3"
            ):
                SHEET.apply(preview, by=SYSTEM)
        assert Domain.objects.count() == 0

    def test_a_row_that_the_database_refuses_takes_all_back(self) -> None:
        preview = SHEET.preview(
            HUB, raws({"code": "bio", "title_lv": "Biomedicīna"}, {"code": "ikt", "title_lv": "IKT"})
        )
        preview.items[1].values["title_lv"] = None
        with pytest.raises(Exception):  # noqa: B017 -- whichever error the database has
            SHEET.apply(preview, by=SYSTEM)
        assert Domain.objects.count() == 0

    def test_rows_that_moved_since_the_preview_are_not_overwritten(self) -> None:
        domain = add_domain(HUB, by=SYSTEM, code="bio", title_lv="Biomedicīna")
        preview = SHEET.preview(HUB, raws({"code": "bio", "title_lv": "Mana"}))
        edit_domain(domain, by=SYSTEM, title_lv="Viņu")
        with pytest.raises(Changed):
            SHEET.apply(preview, by=SYSTEM)
        assert Domain.objects.get().title_lv == "Viņu"

    def test_the_second_of_two_imports_at_once_is_told(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """PostgreSQL shows neither the row of the other until it is there; the database then refuses the second one."""
        preview = SHEET.preview(HUB, raws({"code": "bio", "title_lv": "Mana"}))

        def beaten(*_: Any, **__: Any) -> None:
            raise IntegrityError

        refuse_moved = SHEET._refuse_moved
        looks: list[Any] = []

        def look(seen: Any) -> None:
            if looks:  # the other's row is there by the second look
                add_domain(HUB, by=SYSTEM, code="bio", title_lv="Viņu")
            looks.append(seen)
            refuse_moved(seen)

        monkeypatch.setattr(SHEET, "_refuse_moved", look)
        monkeypatch.setattr(SHEET, "carry_out", beaten)
        with pytest.raises(Changed):
            SHEET.apply(preview, by=SYSTEM)
        assert Domain.objects.get().title_lv == "Viņu"

    def test_what_the_database_refuses_for_another_reason_is_not_blamed_on_others(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: Any, **__: Any) -> None:
            raise IntegrityError

        monkeypatch.setattr(SHEET, "carry_out", broken)
        with pytest.raises(IntegrityError):
            SHEET.apply(SHEET.preview(HUB, raws({"code": "bio", "title_lv": "Mana"})), by=SYSTEM)


def test_columns_are_recognised_by_key_and_by_label_in_both_languages() -> None:
    headers = SHEET.column("title_lv").headers()
    assert headers[0] == "title_lv"
    assert len(set(headers)) == 3
