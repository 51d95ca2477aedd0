"""An import as a whole: all or nothing, once or again, broken off or not; and the manifest that tells of it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from talka_node.__main__ import Bar
from talka_node.consent.decision import Standing
from talka_node.consent.state import State
from talka_node.importers import Manifest, NotKnown, Progress, feed, import_files, quarantine
from talka_node.importers.tests.make import condition, ndjson, observation, patient, specimen
from talka_node.records import DiagnosisRow, Donor
from talka_node.store import Busy, Store, StoreError
from talka_query.nodes import Sex

pytestmark = pytest.mark.once

TODAY = date(2026, 6, 30)
CODE = "urn:oid:1.3.6.1.4.1.38760.3.1.1"


@pytest.fixture
def node(tmp_path: Path) -> Path:
    return Store.create(tmp_path / "node").path


def put(node: Path, *resources: Any, name: str = "all.ndjson", **how: Any) -> Manifest:
    place = ndjson(node.parent / name, resources)
    return import_files(node, [place], **{"today": TODAY, "biobank": "bb-1", **how})


def codes(node: Path) -> list[str]:
    return [each.code for each in Store(node).records().diagnoses]


def test_the_same_import_again_changes_nothing(node: Path) -> None:
    rows = [patient(), condition(), specimen(), observation()]
    put(node, *rows)
    before, segments = Store(node).records(), Store(node).state.segments
    manifest = put(node, *rows)
    assert manifest.unchanged == {"donors": 1, "specimens": 1, "diagnoses": 1, "measurements": 1}
    assert (manifest.taken, manifest.replaced) == ({}, {})
    assert (Store(node).records(), Store(node).state.segments) == (before, segments)


def test_a_later_version_of_a_row_takes_its_place(node: Path) -> None:
    put(node, patient(), condition("c1", code="C50"), condition("c2", code="C51"))
    manifest = put(node, condition("c2", code="C52"), condition("c3", code="C53"))
    assert (manifest.taken, manifest.replaced) == ({"diagnoses": 2}, {"diagnoses": 1})
    assert codes(node) == ["C50", "C52", "C53"]


def test_sources_have_ids_of_their_own(node: Path) -> None:
    put(node, patient(), condition(code="C50"))
    put(node, patient(birthDate="1970-01-01"), condition(code="C51"), source="hospital")
    assert [(each.donor, each.born) for each in Store(node).records().donors] == [
        (0, date(1960, 2, 29)),
        (1, date(1970, 1, 1)),
    ]
    assert codes(node) == ["C50", "C51"]


def test_a_row_told_twice_is_one_and_told_differently_is_none(node: Path) -> None:
    manifest = put(
        node,
        patient(),
        condition(),
        condition(),
        condition("c2", code="C1?"),
        condition("c3"),
        condition("c3", code="C60"),
    )
    assert (manifest.duplicates, manifest.taken["diagnoses"]) == (1, 1)
    assert [str(each) for each in manifest.first_refusals][1:] == [
        f"all.ndjson:{here}: the id Condition/c3 stands here and in all.ndjson:{there} with different content: give one"
        " version of a row"
        for here, there in ((5, 6), (6, 5))
    ]
    assert manifest.refused == {"code": 1, "contradiction": 2}


def test_one_person_at_two_sources_is_one_donor_unless_they_contradict(node: Path) -> None:
    code = [{"system": CODE, "value": "323456-78901"}]
    put(node, patient(identifier=code), condition(code="C50"))
    put(node, patient("7", identifier=code), condition("c7", "7", code="C51"), source="hospital")
    put(node, condition("c8", "8", code="C52"), source="other")  # facts first, the person later
    put(node, patient("8", identifier=code, birthDate="1960"), source="other")
    assert Store(node).records().donors == [Donor(0, Sex.FEMALE, date(1960, 2, 29))]
    assert codes(node) == ["C50", "C51", "C52"]
    manifest = put(node, patient("9", identifier=code, birthDate="1961-02-28"), source="another")
    assert [each.says for each in manifest.first_refusals] == [
        "the birth date differs from what Patient/anna says of the same person: correct one of them"
    ]


def test_no_file_of_the_node_holds_a_personal_code_or_a_name(node: Path) -> None:
    bare, dashed, wrong = "32345678901", "323456-78901", "01016010000"
    manifest = put(
        node,
        {**patient(identifier=[{"system": CODE, "value": dashed}]), "name": [{"family": "Paraugs"}]},
        patient("bruno", identifier=[{"type": {"coding": [{"code": "NNLVA"}]}, "value": wrong}]),
        observation(unit=bare),
        condition("c2", code=f"C50 {dashed}", note=[{"text": "Paraugs"}]),
        f'{{"resourceType":"Condition","id":"{bare}"'.encode(),
    )
    assert manifest.refused == {"code": 1, "json": 1, "personal-code": 1, "unit": 1}
    for place in node.rglob("*"):
        if place.is_file():
            for text in (bare, dashed, wrong, "Paraugs"):
                assert text.encode() not in place.read_bytes(), place
    # Whoever holds the node's keys can see the rows as they came, to mend them.
    rows = list(quarantine.opened(node, manifest.name))
    assert [refusal for refusal, _ in rows] == manifest.first_refusals
    assert [raw for _, raw in rows][-1] == f'{{"resourceType":"Condition","id":"{bare}"'.encode()


def test_rows_without_consent_wait_and_come_alive_with_it(node: Path) -> None:
    state = State()
    state.put(0, "bb-2", Standing.of("invented-broad", 2))
    manifest = put(
        node, patient(), patient("bruno"), specimen(), condition(), condition("c2", "bruno"), standing=state
    )
    assert manifest.held == {"donors": 1, "specimens": 1, "diagnoses": 1}
    assert len(Store(node).records().specimens) == 1  # the engines look only at donors of a Basis
    state.put(0, "bb-1", Standing.of("invented-broad", 2))
    state.put(1, "bb-1", Standing.of("invented-broad", 2))
    assert put(node, condition("c3", "bruno"), standing=state).held == {}


def test_the_manifest_is_signed_and_names_every_refusal(node: Path) -> None:
    manifest = put(node, patient(), condition(code="?"), b"{")
    kept = Manifest.read(node / "imports" / f"{manifest.name}.json")
    assert kept == manifest and kept.verify()
    assert list(kept.refusals(node)) == kept.first_refusals
    assert [each.line for each in kept.first_refusals] == [2, 3]
    assert kept.files[0].sha256 == feed.digest(node.parent / "all.ndjson")
    assert not kept.verify(b"\0" * 32)
    kept.refused = {}
    assert not kept.verify()
    assert Store(node).state.imports == (f"{manifest.name}.json",)
    assert Store(node).verify() == []


def test_progress_tells_rate_and_time_left(node: Path) -> None:
    seen: list[Progress] = []
    put(node, patient(), condition(), progress=seen.append)
    assert (seen[-1].bytes, seen[-1].lines, seen[-1].left) == (seen[-1].of, 2, 0.0)
    assert seen[-1].of == (node.parent / "all.ndjson").stat().st_size and seen[-1].rate > 0


def test_who_has_no_terminal_is_told_in_json_every_few_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    bar = Bar()
    for second, left in ((1, None), (4, 9.0), (5, 8.4), (6, 7.0), (11, 0.0), (12, 0.0)):
        now[0] = 100.0 + second
        bar.show(second / 12, 1234.5, left, "lines")
    told = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert told == [
        {"share": round(5 / 12, 4), "lines_per_second": 1234, "seconds_left": 8},
        {"share": round(11 / 12, 4), "lines_per_second": 1234, "seconds_left": 0},
    ]
    bar.shown, now[0] = True, 111.05
    bar.show(0.5, 1234.5, 125.0, "lines")
    assert capsys.readouterr().err == ""  # not ten times a second
    now[0] += 1
    bar.show(0.5, 1234.5, 125.0, "lines")
    assert capsys.readouterr().err == "\r\x1b[K[############............]  50%  1,234 lines/s, 2 min 5 s left"


def test_a_line_without_end_is_refused_without_reading_it(node: Path) -> None:
    place = node.parent / "endless.ndjson"
    with place.open("wb") as file:
        file.write(json.dumps(patient()).encode() + b"\n{")
        file.truncate(10 << 30)  # ten gigabytes of nothing, on a disk that keeps holes for free
    done = list(feed_parts(place))
    assert [part for part in done if isinstance(part, int)] == [1]
    assert str(done[-1]).startswith(
        "the line is longer than 16 MB, so nothing from here on was read: give one resource"
    )
    big = node.parent / "bundle.json"
    with big.open("wb") as file:
        file.truncate(10 << 30)
    place.unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed, "digest", lambda _: "not asked here: it would read all of it")
        told = import_files(node, [big], today=TODAY)
    assert told.first_refusals[0].says.startswith("the file is one document larger than 256 MB: give NDJSON")


def feed_parts(place: Path) -> list[Any]:
    found: list[Any] = []
    try:
        for part in feed.parts(place):
            found.append(part.lines)  # noqa: PERF401  # those before the fault are wanted
    except feed.Unreadable as why:
        found.append(why)
    return found


def test_parts_go_on_where_the_last_one_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed, "BLOCK", 64)
    place = tmp_path / "x.ndjson"
    lines = [f'{{"n":{n}}}'.encode() for n in range(100)]
    place.write_bytes(b"\xef\xbb\xbf" + b"\n".join(lines))
    whole = list(read_parts(place))
    assert [each[0] for each in whole[:2]] == [1, 1 + whole[0][1]] and sum(each[1] for each in whole) == 100
    for first, count, end, _ in whole[:-1]:
        rest = list(read_parts(place, end, first + count - 1))
        assert rest[0][0] == first + count
        assert [line for *_, texts in rest for line in texts] == lines[first + count - 1 :]
    assert [line for *_, texts in whole for line in texts] == lines


def read_parts(place: Path, offset: int = 0, line: int = 0) -> list[tuple[int, int, int, list[bytes]]]:
    return [
        (part.first, part.lines, part.end, [part.line(n) for n in range(part.first, part.first + part.lines)])
        for part in feed.parts(place, offset, line, 200)
    ]


def test_what_is_no_import_is_refused(node: Path) -> None:
    with pytest.raises(NotKnown, match=r"nothing\.ndjson does not exist"):
        import_files(node, [node.parent / "nothing.ndjson"])
    (node.parent / "x.txt").write_text("")
    with pytest.raises(NotKnown, match=r"x\.txt: its name tells no format; name one of fhir-ndjson, "):
        import_files(node, [node.parent / "x.txt"])
    with pytest.raises(NotKnown, match="format 'fihr' is none of fhir-ndjson, "):
        import_files(node, [node.parent / "x.txt"], format="fihr")
    with pytest.raises(StoreError, match="holds no store"):
        import_files(node.parent, [node.parent / "x.txt"], format="fhir-ndjson")


def test_a_clock_that_went_back_does_not_make_known_dates_future_ones(node: Path) -> None:
    put(node, patient(), condition(onsetDateTime="2026-06-30"))
    assert put(node, condition("c2", onsetDateTime="2026-06-29"), today=date(2020, 1, 1)).refused == {}


def test_while_one_import_runs_another_is_refused(node: Path) -> None:
    with Store(node).writing(), pytest.raises(Busy, match=f"^process {os.getpid()} is writing to "):
        put(node, patient())
    assert Store(node).records().donors == []


# --- broken off -----------------------------------------------------------------------------------------------

KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
from talka_node.importers import feed, import_files, job
feed.PART = 4000  # many parts
at = int(sys.argv[3])
seen = 0
def die():
    global seen
    seen += 1
    if seen == at:
        os.kill(os.getpid(), signal.SIGKILL)
# Die at the at-th time that something is about to be written, whatever it is.
for module, name in ((job, "_write"), (job.Writer, "segment"), (job.Writer, "commit"), (job.quarantine, "seal")):
    def wrapped(*given, _real=getattr(module, name), **more):
        die()
        found = _real(*given, **more)
        die()
        return found
    setattr(module, name, wrapped)
import_files(Path(sys.argv[1]), [Path(sys.argv[2])], today=date(2026, 6, 30), biobank="bb-1")
print(seen)
"""


def killed(node: Path, place: Path, at: int) -> int:
    """Import in a process that is killed at its `at`-th chance; its exit code."""
    return subprocess.run(
        [sys.executable, "-c", KILLED, str(node), str(place), str(at)],
        capture_output=True,
        text=True,
        check=False,
    ).returncode


def test_an_import_killed_at_any_moment_shows_nothing_and_goes_on(tmp_path: Path) -> None:
    place = ndjson(
        tmp_path / "all.ndjson",
        [patient(), *(condition(f"c{n}", code="?" if n % 10 == 3 else "C50") for n in range(60)), specimen()],
    )
    whole = Store.create(tmp_path / "whole").path
    expected = import_files(whole, [place], today=TODAY, biobank="bb-1")
    assert (expected.taken["diagnoses"], expected.refused) == (54, {"code": 6})
    node = Store.create(tmp_path / "node").path
    before = Store(node).state
    for at in range(1, 200, 6):
        code = killed(node, place, at)
        if code == 0:
            break
        assert code == -signal.SIGKILL
        if Store(node).state != before:
            break  # it was killed after all was visible
        assert Store(node).verify() == []
    manifest = import_files(node, [place], today=TODAY, biobank="bb-1")
    assert Store(node).records() == Store(whole).records()
    state = Store(node).state
    first = Manifest.read(node / "imports" / state.imports[0])
    assert replace_names(first) == replace_names(expected)
    assert [raw for _, raw in quarantine.opened(node, first.name)] == [
        raw for _, raw in quarantine.opened(whole, expected.name)
    ]
    assert sorted(each.name for each in (node / "segments").iterdir()) == sorted(
        each.file for each in state.segments
    )
    assert [each for each in (node / "pending").iterdir() if each.name != "spill"] == []
    assert manifest.refused == expected.refused


def replace_names(manifest: Manifest) -> Manifest:
    return replace(manifest, name="", at="", key="", signature="")


def test_an_import_that_was_broken_off_does_not_read_again_what_was_done(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "PART", 4000)
    place = ndjson(
        node.parent / "all.ndjson", [patient(), *(condition(f"c{n}", code="C50") for n in range(100))]
    )

    def stop(now: Progress) -> None:
        if now.lines > 50:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_files(node, [place], today=TODAY, progress=stop)
    assert Store(node).records().diagnoses == []
    lines: list[int] = []
    import_files(node, [place], today=TODAY, progress=lambda now: lines.append(now.lines))
    assert lines[0] > 51 and lines[-1] == 101
    assert Store(node).records().diagnoses == [DiagnosisRow(0, "C50", date(2018, 3, 1))] * 100
