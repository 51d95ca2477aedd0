"""JSON lists of objects."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talka.core.formats import BadFile, Document, Grid, Place, read_tables, to_bytes


def written(folder: Path, data: str | bytes, name: str = "plan.json") -> Path:
    path = folder / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return path


def test_objects_are_rows_and_keys_the_header(tmp_path: Path) -> None:
    rows = """[
      {"Nr.": 1, "Pasākums": " Karte ", "Īss": true},
      {"Nr.": 2.50, "Termiņš": null, "Pasākums": ["a", "b", 3]},
      {"Nr.": 123456789012345678901234567890, "Pasākums": "<b>=1+1</b>"}
    ]"""
    (table,) = read_tables(written(tmp_path, rows))
    assert table.texts == [
        ["Nr.", "Pasākums", "Īss", "Termiņš"],
        ["1", "Karte", "TRUE", ""],
        ["2.5", "a\nb\n3", "", ""],
        ["123456789012345678901234567890", "<b>=1+1</b>", "", ""],
    ]
    assert table.rows[1].cells[1].place == Place("plan.json", row=1, column=2)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    (table,) = read_tables(written(tmp_path, '[{"ā": "ž"}]'.encode(encoding)))
    assert table.texts == [["ā"], ["ž"]]


def test_a_name_without_extension_is_enough(tmp_path: Path) -> None:
    (table,) = read_tables(written(tmp_path, ' [{"ā": "ž"}]', "upload"))
    assert table.texts == [["ā"], ["ž"]]


@pytest.mark.parametrize(
    ("data", "code", "place"),
    [
        ('{"a": 1}', "json-shape", "plan.json"),
        ("[1]", "json-shape", "plan.json, row 1"),
        ('[{"a": 1}, []]', "json-shape", "plan.json, row 2"),
        ('[{"a": 1},\n {"a": {"b": 1}}]', "json-nested", "plan.json, row 2"),
        ('[{"a": [[1]]}]', "json-nested", "plan.json, row 1"),
        ('[{"a": 1, "a": 2}]', "json-twice", "plan.json"),
        ('[{"a": 1},\n {"a": }]', "json-syntax", "plan.json, line 2"),
        ('[{"a": NaN}]', "json-syntax", "plan.json"),
        ("[" * 100_000, "json-syntax", "plan.json"),
        (b'[{"a": "\xff"}]', "json-syntax", "plan.json"),
        (json.dumps([dict.fromkeys(map(str, range(101)), "x")]), "columns", "plan.json, row 1"),
        (json.dumps([{"a": "x"}] * 20_001), "rows", "plan.json, row 20001"),
        (json.dumps([{"a": "x" * 20_001}]), "cell-characters", "plan.json, row 1, column 1"),
        ("[]", "no-table", "plan.json"),
        ("[{}, {}]", "no-table", "plan.json"),
    ],
)
def test_bad_json(tmp_path: Path, data: str | bytes, code: str, place: str) -> None:
    with pytest.raises(BadFile) as refused:
        read_tables(written(tmp_path, data))
    assert (refused.value.code, str(refused.value.place)) == (code, place)


def test_the_sentence_of_a_nested_value(tmp_path: Path) -> None:
    with pytest.raises(BadFile) as refused:
        read_tables(written(tmp_path, '[{"mērķis": {"b": 1}}]'))
    assert str(refused.value) == (
        "plan.json, row 1: The value of «mērķis» is an object or a list of lists. "
        "Give text, a number, true, false, null or a list of them."
    )


def test_what_is_written() -> None:
    grid = Grid(["Nr.", "Vērtība"], [[1, 0.1 + 0.2], ["2", None], [True, float("nan")]])
    assert to_bytes(Document("T", ["p"], [grid]), "json").decode() == (
        '[\n  {"Nr.": 1, "Vērtība": 0.3},\n'
        '  {"Nr.": "2", "Vērtība": null},\n'
        '  {"Nr.": true, "Vērtība": "NaN"}\n]\n'
    )
    assert to_bytes(Document("T", blocks=[Grid(["Nr."], [])]), "json") == b"[]\n"


def test_two_columns_of_one_name_cannot_be_written() -> None:
    with pytest.raises(ValueError, match="two columns are called «a»: JSON needs a name of its own for each"):
        to_bytes(Document("T", blocks=[Grid(["a", "b", "a"], [])]), "json")
