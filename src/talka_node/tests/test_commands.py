"""`talka-node` as people use it: each command a process of its own."""

from __future__ import annotations

import http.client
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_node.signed import sign
from talka_node.tests.test_dial import Post, listening
from talka_query import language, wire
from talka_query.nodes import AskerKind, Axis, Purpose, Use

pytestmark = pytest.mark.once

SOURCE = Path(__file__).resolve().parents[2]
PERSONS = 4000
BANKS = ("LV-SYNTH-01", "LV-SYNTH-02")
ANNA = Ed25519PrivateKey.generate()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-W", "error", "-m", "talka_node", *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300, check=False)


def told(*arguments: object, code: int = 0) -> Any:
    done = run(*arguments, "--json")
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("commands") / "country"
    options = ("--persons", PERSONS, "--biobanks", len(BANKS), "--variants", 50, "--formats", "fhir")
    written = told("synth", folder, *options)
    assert list(written["rows"]) == ["fhir"]
    assert written["rows"]["fhir"] > 20_000
    return folder


@pytest.fixture(scope="module")
def question(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("question") / "question.json"
    purpose = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
    asked = language.donors(language.everybody()).by(Axis.SEX).for_(purpose, ages_at=date(2025, 12, 31))
    path.write_text(wire.dumps(asked), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, country: Path) -> Path:
    path = tmp_path_factory.mktemp("node") / "node"
    made = told("init", path, "--from", country, "--name", "Izdomāta slimnīca")
    assert made == {"node": str(path), "name": "Izdomāta slimnīca", "forms": 3, "findings": []}
    with (path / "policy.yaml").open("a", encoding="utf-8") as policy:
        policy.write("cells: {noise: 0}\n")  # so that the expected numbers are arithmetic
    for bank in BANKS:
        manifest = told("import", path, country / bank / "fhir", "--source", bank)
        assert manifest["refused"] == {}
        assert {name: count for name, count in manifest["taken"].items() if not count} == {}
        lines = (country / bank / "fhir" / "Patient.ndjson").read_text(encoding="utf-8").splitlines()
        assert manifest["taken"]["donors"] == len(lines)
    return path


def consenting(country: Path, bank: str) -> list[str]:
    """Ids of donors whose consent to research is in force at the biobank, and without an end."""
    lines = (country / bank / "fhir" / "Consent.ndjson").read_text(encoding="utf-8").splitlines()
    return [
        each["patient"]["reference"].removeprefix("Patient/")
        for each in map(json.loads, lines)
        if each["status"] == "active"
        and "end" not in each["provision"]["period"]
        and "research" in [box["code"] for box in each["provision"]["purpose"]]
    ]


def test_from_an_empty_disk_to_an_answer_and_back(node: Path, country: Path, question: Path) -> None:
    before = told("ask", node, question)["answer"]
    assert before["total"] > 100

    again = told("import", node, country / BANKS[0] / "fhir", "--source", BANKS[0])
    assert again["taken"] == {}
    assert told("ask", node, question)["answer"] == before

    first, *others = consenting(country, BANKS[0])[:31]
    assert told("withdraw", node, *others, "--source", BANKS[0])["kind"] == "withdrawn"
    assert told("withdraw", node, first, "--source", BANKS[0], "--opt-out")["kind"] == "opted_out"
    after = told("ask", node, question)["answer"]
    # Thirty-one less; both numbers are told to the nearest five.
    assert before["total"] - after["total"] in {30, 35}

    status = told("status", node)
    assert status["journal"]["entries"] == 3
    assert status["imports"] == 3
    assert told("verify", node) == {"findings": []}


@contextmanager
def serving(node: Path, *options: str) -> Iterator[str]:
    command = [sys.executable, "-W", "error", "-m", "talka_node", "serve", str(node), "--port", "0", "--json"]
    command += options
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(SOURCE)}
    ) as process:
        try:
            assert process.stdout is not None
            text = b""
            while b"}" not in text:
                ready, _, _ = select.select([process.stdout], [], [], 60)
                assert ready, "it did not listen within a minute"
                read = os.read(process.stdout.fileno(), 4096)
                assert read, process.stderr.read() if process.stderr else ""
                text += read
            yield json.loads(text)["listening"].removeprefix("http://")
        finally:
            process.terminate()
            process.communicate(timeout=60)


def test_a_node_dials_out_to_its_hub_and_is_compacted_while_it_is_served(
    node: Path, question: Path, tmp_path: Path
) -> None:
    key = ANNA.public_key().public_bytes_raw().hex()
    told("allow", node, "anna", "--public-key", key)
    own = told("keys", node)["public_key"]
    post = Post(tmp_path, bytes.fromhex(own))
    with listening(post) as hub, serving(node, "--dial", hub, "--dial-as", "hospital") as address:
        body = question.read_text(encoding="utf-8")
        headers = sign(ANNA, "anna", "POST", "/ask", body.encode())
        post.send(1, "POST", "/ask", body, **headers)
        answer = post.answers.get(timeout=60)
        assert (answer["id"], answer["status"]) == (1, 200)
        before = told("ask", node, question)["answer"]
        assert json.loads(answer["body"])["answer"] == before
        told("compact", node)
        assert told("ask", node, question)["answer"] == before
        link = http.client.HTTPConnection(address, timeout=60)
        link.request("GET", "/metrics")
        metrics = link.getresponse().read().decode()
        link.close()
        assert "talka_hub_failures 0" in metrics
    refused = run("serve", node, "--dial", "http://hub.example/nodes", "--dial-as", "hospital")
    assert (refused.returncode, "only loopback is dialled without TLS" in refused.stderr) == (2, True)
    refused = run("serve", node, "--dial", "http://127.0.0.1/nodes")
    assert (refused.returncode, "--dial and --dial-as go together" in refused.stderr) == (2, True)


def test_a_served_node_answers_everybody_and_who_is_registered(
    node: Path, country: Path, question: Path
) -> None:
    key = ANNA.public_key().public_bytes_raw().hex()
    assert told("allow", node, "anna", "--public-key", key)["public_key"] == key
    with serving(node) as address:
        link = http.client.HTTPConnection(address, timeout=60)
        link.request("GET", "/beacon/individuals?filters=ICD10:I10&requestedGranularity=count")
        beacon = json.loads(link.getresponse().read())
        assert beacon["responseSummary"]["exists"] is True
        body = question.read_bytes()
        link.request("POST", "/ask", body, sign(ANNA, "anna", "POST", "/ask", body))
        answer = link.getresponse()
        assert answer.status == 200
        assert json.loads(answer.read())["answer"]["total"] > 100
        link.close()
        before = told("ask", node, question)["answer"]["total"]
        told("withdraw", node, *consenting(country, BANKS[1])[-30:], "--source", BANKS[1])
        assert before - told("ask", node, question)["answer"]["total"] in {
            25,
            30,
        }  # one or two withdrew before
        assert told("import", node, country / BANKS[1] / "fhir", "--source", BANKS[1])["taken"] == {}
        assert told("verify", node)["findings"] == []
        refused = run("withdraw", node, "nobody")
        assert (refused.returncode, refused.stdout) == (2, "")
        assert "told of no donor with this id" in refused.stderr
        second = run("serve", node, "--port", "0")
        assert second.returncode == 2
        assert "is open in another process" in second.stderr
    assert not (node / "control.sock").exists()
    assert told("verify", node)["findings"] == []


def test_the_engine_is_measured(node: Path) -> None:
    questions = told("bench", node, "--seconds", "0.01")["questions"]
    assert set(questions) == {
        "one_diagnosis",
        "diagnosis_and_serum",
        "by_sex_and_age",
        "nested",
        "serum_a_year_before",
    }
    assert all(0 < times["engine_us"] < times["disclosed_us"] for times in questions.values())


def test_rows_of_a_view(tmp_path: Path, country: Path) -> None:
    view = tmp_path / "view.json"
    view.write_text(
        json.dumps(
            {
                "resource": "Patient",
                "status": "active",
                "select": [{"column": [{"name": "id", "path": "id"}]}],
            }
        ),
        encoding="utf-8",
    )
    resources = country / BANKS[0] / "fhir" / "Patient.ndjson"
    done = run("view", view, resources)
    assert done.returncode == 0, done.stderr
    expected = [json.loads(line)["id"] for line in resources.read_text(encoding="utf-8").splitlines()]
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == expected


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["status", "{nowhere}"], "is no node: make one with `talka-node init"),
        (["synth", "{nowhere}", "--persons", "0"], "persons must be between 1 and 10,000,000, not 0"),
        (["init", "{node}"], "is not empty; give a new directory for the node"),
        (["import", "{node}", "{nowhere}"], "does not exist"),
        (["import", "{node}", "{question}", "--option", "x"], "--option is NAME=VALUE, not 'x'"),
        (["withdraw", "{node}", "nobody", "--source", "LV-SYNTH-01"], "told of no donor with this id"),
        (["allow", "{node}", "anna"], "--public-key is needed"),
        (["allow", "{node}", "cilda", "--remove"], "no caller is named 'cilda'"),
        (["serve", "{node}", "--host", "192.0.2.1"], "192.0.2.1 is not loopback: give --certificate"),
        (["ask", "{node}", "{nowhere}"], "No such file"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    node: Path, question: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    places = {"node": node, "question": question, "nowhere": tmp_path / "nowhere"}
    done = run(*(argument.format(**places) for argument in arguments))
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith(f"talka-node {arguments[0]}: ")
    assert says in line


def test_a_refused_question_has_a_code_of_its_own(node: Path, tmp_path: Path) -> None:
    purpose = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC, genetic=True)
    variant = language.variant("17-43045703-G-A") & language.diagnosis("I10")
    asked = language.donors(variant).for_(purpose, ages_at=date(2025, 12, 31))
    path = tmp_path / "question.json"
    path.write_text(wire.dumps(asked), encoding="utf-8")
    [reason] = told("ask", node, path, code=1)["refused"]
    assert "needs a permit" in reason


def test_a_damaged_node_is_found(node: Path, question: Path) -> None:
    segment = next((node / "segments").glob("*.parquet"))
    whole = segment.read_bytes()
    segment.write_bytes(whole + b"\0")
    try:
        [finding] = told("verify", node, code=1)["findings"]
    finally:
        segment.write_bytes(whole)
    assert finding.startswith(f"segments/{segment.name} has changed")
