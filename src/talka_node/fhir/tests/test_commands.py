from __future__ import annotations

import json
from pathlib import Path

import pytest

from talka_node.__main__ import main
from talka_node.fhir.tests.test_edge import Place, opened
from talka_node.node import Node
from talka_node.tests.hospital import create
from talka_node.tests.test_http import call

pytestmark = pytest.mark.once


def told(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, str]:
    assert main([*map(str, arguments), "--json"]) == code
    found: dict[str, str] = json.loads(capsys.readouterr().out)
    return found


def reads(place: Place, token: str) -> int:
    return call(place.address, "GET", "/fhir/Patient", headers={"Authorization": f"Bearer {token}"}).status


def test_a_token_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with opened(tmp_path / "node") as place:  # also while the node is open
        token = told(capsys, "holder", place.node.path, "bruno")["token"]
        assert reads(place, token) == 200
        assert told(capsys, "holder", place.node.path, "bruno", "--remove") == {"removed": "bruno"}
        assert reads(place, token) == 401
        assert main(["holder", str(place.node.path), "bruno", "--remove"]) == 2
        assert main(["holder", str(tmp_path), "bruno"]) == 2


def test_a_description_by_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "node"
    create(path)
    with Node(path) as node:
        node.today()
    (path / "catalogue.yaml").write_text("collections: {bb-1: Kolekcija}\n", encoding="utf-8")
    for name, first in (("told.ttl", "@prefix"), ("told.jsonld", "{")):
        done = told(capsys, "describe", path, "--to", tmp_path / name, "--address", "https://node.example/")
        assert done == {"datasets": 1, "written": str(tmp_path / name)}
        text = (tmp_path / name).read_text("utf-8")
        assert text.startswith(first)
        assert "https://node.example/dcat/bb-1" in text
