"""The commands for a node's own people, as they are typed; each also tells JSON."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node import consent, control
from talka_node.__main__ import _carry_out, main
from talka_node.consent.feed import sealed
from talka_node.consent.log import Log
from talka_node.control import Control
from talka_node.node import Node
from talka_node.permits import PERMIT
from talka_node.tests import hospital
from talka_query import wire
from talka_query.permits import Permit

pytestmark = pytest.mark.once

HUB = Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32)
PUBLIC = HUB.public_key().public_bytes_raw().hex()
Told = Callable[..., Any]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    """What a command prints with --json; or with code 2 what it says on the other stream."""

    def run(*arguments: object, code: int = 0) -> Any:
        found = main([*map(str, arguments), "--json"])
        out, err = capsys.readouterr()
        assert found == code, (out, err)
        return json.loads(out) if code < 2 else err

    return run


@pytest.fixture
def place(tmp_path: Path) -> Path:
    hospital.create(tmp_path / "node")
    with Node(tmp_path / "node", clock=hospital.Clock()) as node:
        hospital.take(node, hospital.donors(0, 40))
    return tmp_path / "node"


def test_a_hub_is_set_and_told_of(place: Path, told: Told) -> None:
    before = told("hub", place)
    assert before["hub"] is None
    assert "a hub has one key at least" in told("hub", place, "--feed", "consents", code=2)
    after = told("hub", place, "--key", f"hub-2026={PUBLIC}", "--seal", "ab" * 32)
    assert after == {
        **{name: before[name] for name in ("node", "public_key")},
        "feed": "hub",
        "caller": "hub",
        "keys": {"hub-2026": PUBLIC},
        "seal": "ab" * 32,
        "expected": 1,
    }
    assert told("hub", place) == after
    told("hub", place, "--key", "hub-2027=" + "cd" * 32, "--caller", "centre")
    changed = told("hub", place, "--drop", "hub-2026")
    assert (changed["keys"], changed["caller"], changed["seal"]) == (
        {"hub-2027": "cd" * 32},
        "centre",
        "ab" * 32,
    )
    assert "there is no key named 'hub-2026'" in told("hub", place, "--drop", "hub-2026", code=2)
    assert "--key is NAME=HEX" in told("hub", place, "--key", "x", code=2)
    assert "64 hexadecimal digits" in told("hub", place, "--key", "x=y", code=2)


def test_permits_are_taken_listed_and_revoked(place: Path, tmp_path: Path, told: Told) -> None:
    told("hub", place, "--key", f"hub-2026={PUBLIC}")
    days = date(2026, 1, 1), date(2099, 1, 1)
    permit = Permit("lungs", "anna", *days, frozenset({hospital.RESEARCH}), frozenset({"diagnosis"}))
    good = sealed(PERMIT, {"node": None, "permit": wire.encode(permit)}, "hub-2026", HUB)
    bad = sealed(PERMIT, {"node": "x", "permit": wire.encode(permit)}, "hub-2026", HUB)
    (tmp_path / "permits.json").write_bytes(good + b"\n\n" + bad + b"\n")
    taken = told("permits", "add", place, tmp_path / "permits.json", code=1)
    assert [each["permit"] for each in taken["taken"]] == ["lungs"]
    [refused] = taken["refused"]
    assert "meant for another node" in refused
    assert told("permits", "list", place)["permits"] == taken["taken"]
    asked = replace(hospital.question(), permit="lungs")
    (tmp_path / "question.json").write_text(wire.dumps(asked), encoding="utf-8")
    assert told("ask", place, tmp_path / "question.json")["answer"]["total"] == 40
    [revoked] = told("permits", "revoke", place, "lungs")["revoked"]
    assert revoked["revoked"] == "lungs"
    assert told("permits", "list", place)["permits"][0]["state"] == "revoked"
    [reason] = told("ask", place, tmp_path / "question.json", code=1)["refused"]
    assert reason.startswith("permit: it was revoked on ")


def test_a_person_is_forgotten(place: Path, told: Told) -> None:
    assert told("forget", place, "p3", "--source", "hospital")["erased_rows"] == 2
    assert told("status", place)["facts"]["rows"]["donors"] == 39
    assert "told of no donor with this id" in told("forget", place, "p3", "--source", "hospital", code=2)
    assert told("verify", place) == {"findings": []}


def test_a_clock_far_ahead_needs_a_persons_word(tmp_path: Path, told: Told) -> None:
    hospital.create(tmp_path / "node")
    today = datetime.now(UTC)
    with Node(tmp_path / "node", clock=lambda: today - timedelta(401)) as node:
        hospital.take(node, hospital.donors(0, 40))
    says = told("status", tmp_path / "node", code=2)
    assert "talka-node consents today --leap" in says
    assert "the clock shows" in told("consents", "today", tmp_path / "node", code=2)
    day = told("consents", "today", tmp_path / "node", "--leap")["day"]
    assert day in {today.date().isoformat(), (today.date() + timedelta(1)).isoformat()}
    assert told("status", tmp_path / "node")["day"] == day


def test_lost_tombstones_need_a_persons_word(place: Path, told: Told) -> None:
    told("withdraw", place, "p1", "--source", "hospital")
    graves = place.with_name("node.tombstones")
    shutil.rmtree(graves)
    for command in ("status", "verify"):
        says = told(command, place, code=1 if command == "verify" else 2)
        assert "talka-node consents tombstones-lost" in str(says)
    assert told("consents", "tombstones-lost", place)["tombstones"] == str(graves)
    assert told("verify", place) == {"findings": []}
    # What the log knows was made whole from it.
    assert b"withdrawn" in (graves / "refusals.log").read_bytes()


def test_what_is_to_be_destroyed_is_listed(place: Path, told: Told) -> None:
    told("withdraw", place, "p1", "--source", "hospital")
    [[donor, biobank, _]] = told("consents", "destroy", place)["awaiting_destruction"]
    assert (donor, biobank) == (1, "bb")


def test_sizes_of_regions_at_init_and_at_import(tmp_path: Path, told: Told) -> None:
    sizes = tmp_path / "sizes.csv"
    sizes.write_text("region,people,part_of\nLV1,30000,\nLV1,20000,\nLV11,5000,LV1\n", encoding="utf-8")
    told("init", tmp_path / "one", "--regions", sizes)
    with Node(tmp_path / "one") as node:
        assert node.policy.region("LV11") == "LV1"
        assert node.policy.regions["LV1"].people == 50_000
    hospital.create(tmp_path / "two")
    rows = "".join(json.dumps(each) + "\n" for each in hospital.donors(0, 3))
    (tmp_path / "all.ndjson").write_text(rows, encoding="utf-8")
    told("import", tmp_path / "two", tmp_path / "all.ndjson", "--biobank", "bb", "--regions", sizes)
    with Node(tmp_path / "two") as node:
        assert (node.policy.version, node.policy.region("LV11"), node.policy.cells.noise) == (3, "LV1", 0)
    for text, says in (
        ("region,people\n", "no row"),
        ("region,people\nLV1,many\n", "sizes.csv:2: region and people"),
    ):
        sizes.write_text(text, encoding="utf-8")
        assert says in told("import", tmp_path / "two", tmp_path / "all.ndjson", "--regions", sizes, code=2)


def test_a_mapping_and_a_reference_are_named(place: Path, tmp_path: Path, told: Told) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        '- file: "people*.csv"\n  table: donors\n  columns: {id: nr, sex: dzimums}\n'
        "  values: {sex: {S: female}}\n",
        encoding="utf-8",
    )
    (tmp_path / "people-1.csv").write_text("nr,dzimums\na1,S\na2,S\n", encoding="utf-8")
    given = ("import", place, tmp_path / "people-1.csv", "--source", "lab")
    assert told(*given, code=1)["refused"] == {"unreadable": 1}
    assert told(*given, "--mapping", mapping)["taken"] == {"donors": 2}
    header = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\tFORMAT\tp1\n"
    vcf = tmp_path / "one.vcf"
    vcf.write_text(header + "1\t100\t.\tA\tG\t.\tPASS\t.\tGT\t0/1\n", encoding="utf-8")
    given = ("import", place, vcf, "--source", "hospital")
    assert told(*given, code=1)["refused"] != {}
    assert told(*given, "--reference", "GRCh38")["taken"] == {"variants": 1, "genotypes": 1}


def test_coverage_says_what_is_missing(place: Path, tmp_path: Path, told: Told) -> None:
    assert "configure a key server" in told("coverage", place, "--to", tmp_path / "parcel", code=2)
    (tmp_path / "feed").write_text("", encoding="utf-8")
    assert "--register" in told("changes", place, tmp_path / "feed", code=2)


def test_keys_are_set_before_the_first_import(tmp_path: Path, place: Path, told: Told) -> None:
    hospital.create(tmp_path / "new")
    server = ("--server", "https://keys.example:8610")
    shown = told("keys", tmp_path / "new")
    assert (shown["key_server"], len(shown["public_key"])) == (None, 64)
    assert "--server is needed first" in told("keys", tmp_path / "new", "--as", "anna", code=2)
    assert "--as is needed" in told("keys", tmp_path / "new", *server, code=2)
    pinned = (*server, "--as", "anna", "--epoch", 1, "--public-key")
    set_ = told("keys", tmp_path / "new", *pinned, "ab" * 32, "--register", "ef" * 32)
    assert (set_["epochs"], set_["register"]) == ({"1": "ab" * 32}, "ef" * 32)
    assert set_["next"] == f"talka-keys register anna --public-key {shown['public_key']} --donors N"
    assert "epoch 1 has another key" in told("keys", tmp_path / "new", *pinned, "cd" * 32, code=2)
    more = told("keys", tmp_path / "new", "--epoch", 2, "--public-key", "cd" * 32)
    assert more["epochs"] == {"1": "ab" * 32, "2": "cd" * 32}
    assert told("status", tmp_path / "new")["identity"]["epoch"] == 2
    assert "a key server is for a new node" in told("keys", place, *server, "--as", "anna", code=2)


def test_they_go_to_the_process_that_serves_the_node(place: Path, tmp_path: Path, told: Told) -> None:
    with Node(place, clock=hospital.Clock()) as node, Control(place, partial(_carry_out, node)):
        told("hub", place, "--key", f"hub-2026={PUBLIC}")
        assert node.hub is not None
        assert told("forget", place, "p3", "--source", "hospital")["erased_rows"] == 2
        assert told("consents", "destroy", place) == {"awaiting_destruction": []}
        assert told("permits", "list", place) == {"permits": []}
        told("permits", "revoke", place, "lungs")
        sizes = tmp_path / "sizes.csv"
        sizes.write_text("region,people\nLV1,30000\n", encoding="utf-8")
        rows = "".join(json.dumps(each) + "\n" for each in hospital.donors(50, 3))
        (tmp_path / "more.ndjson").write_text(rows, encoding="utf-8")
        told("import", place, tmp_path / "more.ndjson", "--biobank", "bb", "--regions", sizes)
        assert node.policy.regions["LV1"].people == 30_000
        assert "configure a key server" in told("coverage", place, "--to", tmp_path / "parcel", code=2)
        assert control.ask(place, {"command": "status"}) is not None


def test_a_log_is_told_what_to_do_without_its_tombstones(place: Path) -> None:
    shutil.rmtree(place.with_name("node.tombstones"))
    with (
        pytest.raises(consent.log.TombstonesMissing, match="Only if there is none: talka-node consents"),
        Log(place, consent.examples()),
    ):
        pass
