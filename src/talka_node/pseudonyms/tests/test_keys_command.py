"""From an empty disk to pseudonyms over the commands alone: a key server, a node, an invented biobank."""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.once

SOURCE = Path(__file__).resolve().parents[3]
BANK = "LV-SYNTH-01"


def command(module: str, *arguments: object) -> list[str]:
    return [sys.executable, "-W", "error", "-m", module, *map(str, arguments), "--json"]


def told(module: str, *arguments: object, code: int = 0) -> Any:
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    done = subprocess.run(
        command(module, *arguments), capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout) if code < 2 else done.stderr


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    arguments = command("talka_keys", "serve", "--folder", folder, "--port", 0)
    environment = os.environ | {"PYTHONPATH": str(SOURCE)}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        try:
            text = b""
            while b"}" not in text:
                ready, _, _ = select.select([process.stdout], [], [], 60)
                assert ready, "it did not listen within a minute"
                read = os.read(process.stdout.fileno(), 4096)
                assert read, "it ended"
                text += read
            yield json.loads(text)["listening"]
        finally:
            process.terminate()
            process.communicate(timeout=60)


def codes(folder: Path) -> set[bytes]:
    """The personal codes of a biobank, with and without the dash."""
    lines = (folder / "fhir" / "Patient.ndjson").read_text(encoding="utf-8")
    found = set(re.findall(r'"value":"(\d{6}-\d{5})"', lines))
    return {form.encode() for code in found for form in (code, code.replace("-", ""))}


def test_pseudonyms_by_commands(tmp_path: Path) -> None:
    country, node, keys = tmp_path / "country", tmp_path / "node", tmp_path / "keys"
    options = ("--persons", 1500, "--biobanks", 1, "--variants", 20)
    told("talka_node", "synth", country, *options)
    told("talka_node", "init", node, "--from", country)
    told("talka_keys", "init", "--folder", keys)
    with serving(keys) as address:
        shown = told("talka_node", "keys", node, "--server", address, "--as", "slimnica")
        assert list(shown["epochs"]) == ["1"]
        says = told("talka_node", "import", node, country / BANK, "--source", BANK, code=2)
        assert "the import was broken off" in says
        public = ("--public-key", shown["public_key"], "--donors", 1000)
        told("talka_keys", "register", "slimnica", "--folder", keys, *public)
        taken = told("talka_node", "import", node, country / BANK, "--source", BANK)
    assert taken["refused"] == {}
    status = told("talka_node", "status", node)
    named = len(codes(country / BANK)) // 2
    assert named > 50
    assert (status["identity"]["persons"], status["identity"]["named"]) == ("network pseudonyms", named)
    everything = b"\0".join(place.read_bytes() for place in node.rglob("*") if place.is_file())
    assert not any(code in everything for code in codes(country / BANK))
    assert told("talka_node", "verify", node) == {"findings": []}
