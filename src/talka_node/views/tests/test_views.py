"""Views: what their rows are, and how bad views and bad resources are refused."""

from __future__ import annotations

import io
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from talka_node.views import View, ViewError, rows, view_command
from talka_node.views import command as command_module

pytestmark = pytest.mark.once

ANNA: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "anna",
    "birthDate": "1970-06",
    "active": True,
    "name": [{"family": "Paraugs", "given": ["Anna", "Marija"]}, {"given": ["Anniņa"]}],
    "contact": [{"name": {"family": "Ozols"}, "telecom": [{"value": "1"}, {"value": "2"}]}],
}
BRUNO = {"resourceType": "Patient", "id": "bruno", "active": False}
SERUM = {"resourceType": "Specimen", "id": "serum"}


def column(name: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "path": path, **more}


def view(*selects: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resource": "Patient", "status": "active", "select": list(selects), **more}


ID = {"column": [column("id", "id")]}


def of(made: dict[str, Any], *resources: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in rows(made, resources or (ANNA, BRUNO, SERUM))]


# --- rows -------------------------------------------------------------------------------------------------


def test_one_row_for_each_resource_of_the_type() -> None:
    assert list(rows(view(ID), [ANNA, BRUNO, SERUM])) == [{"id": "anna"}, {"id": "bruno"}]


def test_selects_beside_each_other_are_combined() -> None:
    names = {"forEach": "name.given", "column": [column("given", "$this")]}
    phones = {"forEach": "contact.telecom", "column": [column("phone", "value")]}
    assert of(view(names, phones)) == [
        (given, phone) for given in ("Anna", "Marija", "Anniņa") for phone in ("1", "2")
    ]


def test_for_each_or_null_keeps_who_has_none() -> None:
    phones = {
        "forEachOrNull": "contact.telecom",
        "column": [column("phone", "value"), column("at", "%rowIndex")],
    }
    assert of(view(ID, phones)) == [("anna", "1", 0), ("anna", "2", 1), ("bruno", None, 0)]


def test_the_blank_row_is_one_however_the_inner_selects_are_made() -> None:
    inner = {
        "forEachOrNull": "contact",
        "column": [column("contact", "name.family")],
        "select": [{"forEach": "telecom", "column": [column("phone", "value")]}],
        "unionAll": [{"column": [column("kind", "'a'")]}, {"column": [column("kind", "'b'")]}],
    }
    assert of(view(ID, inner), BRUNO) == [("bruno", None, None, "a")]


def test_a_union_puts_rows_one_after_another() -> None:
    union = {
        "unionAll": [
            {"forEach": "name", "column": [column("text", "family")]},
            {"forEach": "contact", "column": [column("text", "name.family")]},
        ]
    }
    assert of(view(ID, union)) == [("anna", "Paraugs"), ("anna", None), ("anna", "Ozols")]


def test_repeat_walks_parents_before_children() -> None:
    form = {
        "resourceType": "QuestionnaireResponse",
        "item": [
            {"linkId": "1", "item": [{"linkId": "1.1"}]},
            {"linkId": "2", "answer": [{"item": [{"linkId": "2.1"}]}]},
        ],
    }
    select = {
        "repeat": ["item", "answer.item"],
        "column": [column("link", "linkId"), column("at", "%rowIndex")],
    }
    made = {"resource": "QuestionnaireResponse", "select": [select]}
    assert of(made, form) == [("1", 0), ("1.1", 1), ("2", 2), ("2.1", 3)]


def test_conditions_must_all_be_known_to_hold() -> None:
    where = [{"path": "active"}, {"path": "name.exists()"}]
    assert of(view(ID, where=where)) == [("anna",)]
    assert of(view(ID, where=[{"path": "absent"}])) == []


def test_constants() -> None:
    constant: list[dict[str, Any]] = [
        {"name": "who", "valueString": "Marija"},
        {"name": "born", "valueDate": "1970-07"},
    ]
    constant += [{"name": "n", "valueInteger64": "9007199254740993"}, {"name": "d", "valueDecimal": 0.1}]
    selected = column("a", "name.given.where($this = %who)"), column("b", "birthDate < %born")
    made = view({"column": [*selected, column("c", "%n + 0"), column("d", "%d + 0.2")]}, constant=constant)
    assert of(made, ANNA) == [("Marija", True, 9007199254740993, 0.3)]


@pytest.mark.parametrize(
    ("type_name", "path", "value"),
    [
        ("date", "birthDate.lowBoundary()", "1970-06-01"),
        ("date", "meta.lastUpdated.highBoundary()", "2024-02-29"),
        ("dateTime", "meta.lastUpdated.lowBoundary()", "2024-02-01T00:00:00.000+14:00"),
        ("decimal", "weight.lowBoundary()", 0.95),
        ("decimal", "1", 1),
        ("integer", "4 / 2", 2),
        ("integer64", "big", 9007199254740993),
        ("HumanName", "name.last()", {"given": ["Anniņa"]}),
        ("Quantity", "3 'mg'", {"value": 3.0, "unit": "mg"}),
        (None, "1.5", 1.5),
    ],
)
def test_values_of_a_cell(type_name: str | None, path: str, value: Any) -> None:
    anna: dict[str, Any] = ANNA | {
        "meta": {"lastUpdated": "2024-02"},
        "weight": Decimal("1.0"),
        "big": "9007199254740993",
    }
    assert of(view({"column": [column("x", path, type=type_name)]}), anna) == [(value,)]


def test_a_collection_is_a_list_even_of_nothing() -> None:
    given = {"column": [column("given", "name.given", collection=True)]}
    assert of(view(given)) == [(["Anna", "Marija", "Anniņa"],), ([],)]


# --- bad views --------------------------------------------------------------------------------------------


NAMING = "a name is letters, digits and _, and begins with a letter, so that any database takes it"
CONSTANTS = (
    "a constant is one of valueBase64Binary, valueBoolean, valueCanonical, valueCode, valueDate, valueDateTime, "
    "valueDecimal, valueId, valueInstant, valueInteger, valueInteger64, valueOid, valuePositiveInt, valueString, "
    "valueTime, valueUnsignedInt, valueUri, valueUrl, valueUuid"
)


@pytest.mark.parametrize(
    ("bad", "place", "why"),
    [
        ([], "", "a ViewDefinition is a JSON object"),
        ({}, "resource", "is missing"),
        (
            {"resource": "patient", "select": [ID]},
            "resource",
            "not the name of a resource type, such as Patient",
        ),
        ({"resource": "Patient"}, "select", "is missing"),
        (view(), "select", "a list of at least one is wanted here"),
        (view({}), "select[0]", "a select has at least a column, a select or a unionAll"),
        (view(ID, status="aktive"), "status", "one of draft, active, retired, unknown is right"),
        (view(ID, name="my view"), "name", NAMING),
        (view(ID, selct=[]), "selct", "there is no such element; is `select` meant?"),
        (view({"colum": []}), "select[0].colum", "there is no such element; is `column` meant?"),
        (view({"column": [{"path": "id"}]}), "select[0].column[0].name", "is missing"),
        (view({"column": [{"name": "id"}]}), "select[0].column[0].path", "is missing"),
        (view({"column": [column("1st", "id")]}), "select[0].column[0].name", NAMING),
        (
            view({"column": [column("id", "id.frist()")]}),
            "select[0].column[0].path",
            "there is no function `frist()`; is `first` meant? (character 4 of `id.frist()`)",
        ),
        (
            view({"column": [column("id", "id", type="strng")]}),
            "select[0].column[0].type",
            "there is no type `strng`; is `string` meant?",
        ),
        (
            view({"column": [column("id", "id", collection="yes")]}),
            "select[0].column[0].collection",
            "true or false is wanted here",
        ),
        (view(ID, ID), "select", "two columns are called `id`"),
        (view({"forEach": 1}), "select[0].forEach", "text is wanted here"),
        (
            view({"forEach": "name", "forEachOrNull": "name", **ID}),
            "select[0]",
            "only one of forEach and forEachOrNull can choose what the rows are made of",
        ),
        (view({"repeat": "item", **ID}), "select[0].repeat", "a list of at least one is wanted here"),
        (
            view({"unionAll": [ID, {"column": [column("x", "id")]}]}),
            "select[0].unionAll[1]",
            "its columns are x; the first has id",
        ),
        (
            view(
                {
                    "unionAll": [
                        {"column": [column("x", "id", type="id")]},
                        {"column": [column("x", "id", type="integer")]},
                    ]
                }
            ),
            "select[0].unionAll[1]",
            "`x` has another type than in the first",
        ),
        (view(ID, where=[{}]), "where[0].path", "is missing"),
        (view(ID, constant=[{"name": "x"}]), "constant[0]", "a constant has exactly one value[x], not 0"),
        (
            view(ID, constant=[{"name": "x", "valueString": 1}]),
            "constant[0].valueString",
            "a string is a text in JSON, not a number",
        ),
        (
            view(ID, constant=[{"name": "x", "valueDate": "2024-13"}]),
            "constant[0].valueDate",
            "there is no such day in the calendar",
        ),
        (view(ID, constant=[{"name": "x", "valueQuantity": {}}]), "constant[0].valueQuantity", CONSTANTS),
        (
            view(ID, constant=[{"name": "x", "valueId": "a"}, {"name": "x", "valueId": "a"}]),
            "constant[1].name",
            "there are two constants `x`",
        ),
        (
            view({"column": [column("x", "%y")]}, constant=[{"name": "z", "valueId": "a"}]),
            "select[0].column[0].path",
            "there is no constant `%y` (character 1 of `%y`)",
        ),
    ],
)
def test_a_bad_view_is_refused_by_its_place(bad: Any, place: str, why: str) -> None:
    with pytest.raises(ViewError) as refused:
        list(rows(bad, []))
    assert (refused.value.place, refused.value.why) == (place, why)


@pytest.mark.parametrize(
    ("selected", "why"),
    [
        (column("x", "name.given"), "3 values for one cell; `collection: true` or `.first()` is right"),
        (column("x", "active", type="string"), "true or false where `type` says string"),
        (column("x", "id", type="integer"), "text where `type` says integer"),
        (column("x", "1.5", type="integer"), "a number where `type` says integer"),
        (column("x", "contact", type="string"),
         "an element with parts in one cell; `type` must name a type with parts, or the path lead to one of its parts"),
        (column("x", "id + 1"), "`+` cannot join text and a number (character 4 of `id + 1`)"),
    ],
)  # fmt: skip
def test_a_resource_that_does_not_fit_is_named_by_number(selected: dict[str, Any], why: str) -> None:
    with pytest.raises(ViewError) as refused:
        list(rows(view({"column": [selected]}), [SERUM, ANNA]))
    assert str(refused.value) == f"resource 2, select[0].column[0] (x): {why}"


def test_a_condition_gives_true_or_false() -> None:
    with pytest.raises(ViewError) as refused:
        list(rows(view(ID, where=[{"path": "id"}]), [ANNA]))
    wanted = "a condition gives true or false, not text; `.exists()` asks whether there is any"
    assert str(refused.value) == f"resource 1, where[0].path: {wanted}"


def test_rows_come_as_they_are_made() -> None:
    def endless() -> Any:
        while True:
            yield ANNA

    assert next(rows(view(ID), endless())) == {"id": "anna"}


# --- the command ------------------------------------------------------------------------------------------


def files(folder: Path, made: Any, *lines: str | bytes) -> tuple[Path, Path]:
    (folder / "view.json").write_text(json.dumps(made))
    raw = b"\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    (folder / "data.ndjson").write_bytes(raw)
    return folder / "view.json", folder / "data.ndjson"


def test_the_command_writes_a_row_a_line(tmp_path: Path) -> None:
    out = io.BytesIO()
    lines = ["\ufeff" + json.dumps(ANNA), "", json.dumps(SERUM), json.dumps(BRUNO)]
    assert view_command(*files(tmp_path, view(ID), *lines), out) == 2
    assert out.getvalue() == b'{"id":"anna"}\n{"id":"bruno"}\n'


def test_the_command_reads_numbers_as_they_are_written_where_it_matters(tmp_path: Path) -> None:
    out = io.BytesIO()
    made = view(
        {"column": [column("low", "weight.lowBoundary()"), column("all", "weights", type="BackboneElement")]}
    )
    line = '{"resourceType": "Patient", "weight": 1.50, "weights": {"w": 1.50}}'
    view_command(*files(tmp_path, made, line), out)
    assert out.getvalue() == b'{"low":1.495,"all":{"w":1.5}}\n'


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"resourceType": "Patient"', "not a whole resource in JSON, as each line should be: unexpected end of data"),
        (b'{"resourceType": "\xff"}', "not a whole resource in JSON, as each line should be: str is not valid UTF-8"),
        ("[1]", "a FHIR resource in JSON names its type here"),
        ('{"id": "x"}', "a FHIR resource in JSON names its type here"),
        ('{"resourceType": "Patient", "id": ["a", "b"]}',
         "2 values for one cell; `collection: true` or `.first()` is right"),
        ('{"id": "' + "x" * 200 + '"}', "longer than 200 bytes; one resource a line is right"),
    ],
)  # fmt: skip
def test_the_command_names_the_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str | bytes, why: str
) -> None:
    monkeypatch.setattr(command_module, "LONGEST", 200)
    out = io.BytesIO()
    with pytest.raises(ViewError) as refused:
        view_command(*files(tmp_path, view(ID), json.dumps(BRUNO), line), out)
    assert refused.value.place.startswith("data.ndjson line 2")
    assert refused.value.why.startswith(why)
    assert out.getvalue() == b'{"id":"bruno"}\n'


def test_the_command_names_the_place_in_the_view(tmp_path: Path) -> None:
    with pytest.raises(ViewError) as refused:
        view_command(*files(tmp_path, {"resource": "Patient"}), io.BytesIO())
    assert str(refused.value) == "view.json: select: is missing"


def test_a_view_knows_its_columns() -> None:
    made = View.of(view({"column": [column("id", "id", type="http://hl7.org/fhir/StructureDefinition/id")]}))
    assert [(each.name, each.type, each.collection) for each in made.columns] == [("id", "id", False)]
