"""What could break an import rather than a row: lines without measure, references in a circle, a full disk, a rival.

Bad rows of each format are beside the format's own tests, imports that are killed in test_import.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from talka_node.importers import Progress, import_files
from talka_node.importers.tests.make import condition, ndjson, observation, patient, specimen
from talka_node.records import DiagnosisRow
from talka_node.store import Busy, Store

pytestmark = pytest.mark.once

TODAY = date(2026, 6, 30)


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return Store.create(tmp_path / "node").path


# --- lines without measure ------------------------------------------------------------------------------------

MEASURED = """
import json, resource, sys
from datetime import date
from pathlib import Path
from talka_node.importers import import_files
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
told = import_files(Path(sys.argv[1]), [Path(sys.argv[2])], today=date(2026, 6, 30))
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10
print(json.dumps([grown, told.taken, [[each.line, each.kind] for each in told.first_refusals]]))
"""


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_any_length_takes_no_more_memory_than_a_long_one(node: Path, packed: bool) -> None:
    """In the long profile 300 MB in one line, else 40: in memory is only what a line may be, some times over."""
    long = hypothesis.settings().max_examples > 100
    place = node.parent / "all.ndjson"
    begins = (
        json.dumps(patient()).encode() + b"\n" + json.dumps(condition()).encode() + b'\n{"resourceType":"'
    )
    with gzip.open(place, "wb", compresslevel=1) if packed else place.open("wb") as file:
        file.write(begins)
        for _ in range(300 if long else 40):
            file.write(b"x" * (1 << 20))
        file.write(b'"}\n' + json.dumps(condition("c2")).encode() + b"\n")
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, str(node), str(place)], capture_output=True, text=True, check=True
    )
    grown, taken, refused = json.loads(done.stdout)
    assert (taken, refused) == ({"donors": 1, "diagnoses": 1}, [[3, "unreadable"]])
    assert grown < 250  # MB: a line of at most 16, DuckDB's own buffers and threads


def test_a_line_may_be_as_long_as_said(node: Path) -> None:
    pictures = [{"contentType": "image/png", "data": "A" * (9 << 20)}]
    place = ndjson(
        node.parent / "all.ndjson", [patient(photo=pictures), condition(), condition("c2", note=pictures)]
    )
    assert import_files(node, [place], today=TODAY).taken == {"donors": 1, "diagnoses": 2}


@pytest.mark.parametrize("one", ["[", '{"a":', '{"resourceType":"Bundle","entry":[{"resource":'])
def test_what_is_nested_without_end_is_a_refused_row(node: Path, one: str) -> None:
    deep = (one * 20_000).encode()
    place = ndjson(node.parent / "all.ndjson", [patient(), deep, condition()])
    told = import_files(node, [place], today=TODAY)
    assert (told.taken, told.refused) == ({"donors": 1, "diagnoses": 1}, {"json": 1})


def test_references_in_a_circle_lead_nowhere(node: Path) -> None:
    """Each is followed once: collections that are part of each other, a group in itself, a Bundle in a Bundle."""
    uuid = "urn:uuid:0c3151bd-1cbf-4d64-b04d-cd9187a4c6e0"
    resources: list[Any] = [
        patient(),
        {
            "resourceType": "Organization", "id": "a", "identifier": [{"value": "a"}],
            "partOf": {"reference": "Organization/b"},
        },
        {
            "resourceType": "Organization", "id": "b", "identifier": [{"value": "b"}],
            "partOf": {"reference": "Organization/a"},
        },
        {
            "resourceType": "Group", "id": "g", "identifier": [{"value": "g"}],
            "member": [{"entity": {"reference": "Group/g"}}, {"entity": {"reference": "Patient/anna"}}],
        },
        condition(subject={"reference": "Condition/c1"}),
        observation(hasMember=[{"reference": "Observation/o1"}], derivedFrom=[{"reference": "Observation/o1"}]),
        specimen(
            parent=[{"reference": "Specimen/s1"}],
            extension=[{"url": "u/miabis-sample-collection-extension", "valueIdentifier": {"value": "a"}}],
        ),
        {
            "resourceType": "Bundle",
            "entry": [
                {"fullUrl": uuid, "resource": condition("c2", subject={"reference": uuid})},
                {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Bundle", "entry": [{"fullUrl": uuid}]}},
            ],
        },
    ]  # fmt: skip
    told = import_files(node, [ndjson(node.parent / "all.ndjson", resources)], today=TODAY)
    assert [(each.line, each.kind) for each in told.first_refusals] == [
        (4, "subject"), (5, "subject"), (8, "subject"), (8, "shape"),
    ]  # fmt: skip
    found = Store(node).records()
    assert [each.biobank for each in found.specimens] == ["b"]
    assert (found.cohorts, found.diagnoses, len(found.measurements)) == ([], [], 1)


# --- the disk is full -----------------------------------------------------------------------------------------

FULL = """
import resource, signal, sys
from datetime import date
from pathlib import Path
from talka_node.importers import feed, import_files
from talka_node.store import StoreError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a write over the limit then fails, as on a full disk
def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
def parts(*given, _real=feed._parts):
    every = _real(*given)
    while True:
        room(resource.RLIM_INFINITY)  # a part is in memory, not on the disk
        part = next(every, None)
        room(int(sys.argv[3]))
        if part is None:
            return
        yield part
feed._parts = parts
room(int(sys.argv[3]))
try:
    import_files(Path(sys.argv[1]), [Path(sys.argv[2])], today=date(2026, 6, 30))
except StoreError as why:
    print(why)
"""


def test_on_a_full_disk_nothing_is_seen_and_with_room_it_goes_on(node: Path, tmp_path: Path) -> None:
    """However much room there is, from none: as long as it does not suffice, nothing of the import is visible."""
    rows = [patient(), *(condition(f"c{n}", code="?" if n % 9 == 3 else "C50") for n in range(4000))]
    place = ndjson(tmp_path / "all.ndjson", rows)
    known = ndjson(tmp_path / "known.ndjson", [patient("bruno"), condition("k", "bruno")])
    import_files(node, [known], today=TODAY)
    before, state = Store(node).records(), Store(node).state
    failed = 0
    for room in (0, 300, 3_000, 30_000, 300_000, 30_000_000):
        done = subprocess.run(
            [sys.executable, "-c", FULL, str(node), str(place), str(room)],
            capture_output=True,
            text=True,
            check=True,
        )
        if not done.stdout:
            break
        failed += 1
        assert "; nothing has changed" in done.stdout or "start it again, and it goes on" in done.stdout
        assert (Store(node).records(), Store(node).state, Store(node).verify()) == (before, state, [])
    assert 2 < failed < 6
    assert len(Store(node).records().diagnoses) == 1 + sum(n % 9 != 3 for n in range(4000))
    assert Store(node).verify() == []
    assert {each.name for each in (node / "segments").iterdir()} == {
        each.file for each in Store(node).state.segments
    }


# --- a rival --------------------------------------------------------------------------------------------------


def test_of_two_imports_at_once_the_second_is_refused_and_the_first_is_whole(
    node: Path, tmp_path: Path
) -> None:
    mine = ndjson(tmp_path / "mine.ndjson", [patient(), condition()])
    theirs = ndjson(tmp_path / "theirs.ndjson", [patient("bruno"), condition("c2", "bruno", code="C34")])
    refused: list[str] = []

    def meanwhile(_: Progress) -> None:
        with pytest.raises(Busy) as why:
            import_files(node, [theirs], today=TODAY)
        refused.append(str(why.value))

    import_files(node, [mine], today=TODAY, progress=meanwhile)
    assert refused and all("wait until it is done, or stop it" in each for each in refused)
    on = date(2018, 3, 1)
    assert Store(node).records().diagnoses == [DiagnosisRow(0, "C50.1", on)]
    import_files(node, [theirs], today=TODAY)
    assert Store(node).records().diagnoses == [DiagnosisRow(0, "C50.1", on), DiagnosisRow(1, "C34", on)]
