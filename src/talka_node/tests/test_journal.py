"""The journal keeps what it acknowledged, notices what was changed, and shares one fsync among many."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from talka_node import journal as journals
from talka_node.disclosure import Admitted, Memory, admit, default, traced
from talka_node.disclosure.tests.asking import KEY, TODAY, question, sick
from talka_node.journal import START, Damaged, Entry, Head, Journal, answered, entries, segments, verify

pytestmark = pytest.mark.once


def body(number: int) -> bytes:
    return orjson.dumps({"question": number})


def written(directory: Path, count: int = 3, *, segment: int = journals.SEGMENT) -> list[Entry]:
    with Journal(directory, segment=segment) as journal:
        return [journal.append("answer", body(number)) for number in range(count)]


def text(directory: Path) -> bytes:
    return b"".join(name.read_bytes() for name in segments(directory))


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    told = written(tmp_path)
    assert list(entries(tmp_path)) == told
    assert [(entry.number, entry.kind, entry.read()) for entry in told] == [
        (1, "answer", {"question": 0}),
        (2, "answer", {"question": 1}),
        (3, "answer", {"question": 2}),
    ]
    assert verify(tmp_path) == Head(3, told[-1].hash)
    with Journal(tmp_path) as journal:
        assert (journal.head, journal.torn) == (Head(3, told[-1].hash), 0)
        again = journal.append("refusal", body(3))
    assert (again.number, list(entries(tmp_path))) == (4, [*told, again])


def test_an_empty_journal_is_whole(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        assert journal.head == verify(tmp_path) == Head(0, START)
    assert written(tmp_path, 1)[0].number == 1


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ((b'"question":1', b'"question":7'), "000000000001.log, entry 2: its hash does not follow"),
        ((b'"kind":"answer","body":{"question":0}', b'"kind":"refusal","body":{"question":0}'),
         "000000000001.log, entry 1: its hash does not follow"),
        ((b'{"n":2,', b'{"n":5,'), "000000000001.log, entry 2: entry 5 stands here"),
        ((b'"question":1}}\n', b'"question":1}}'), "000000000001.log, entry 2: "),
        ((b'{"n":2', b'#"n":2'), "000000000001.log, entry 2: this is no line of a journal"),
    ],
)  # fmt: skip
def test_a_change_is_found(tmp_path: Path, change: tuple[bytes, bytes], told: str) -> None:
    written(tmp_path)
    [name] = segments(tmp_path)
    before = name.read_bytes()
    name.write_bytes(before.replace(*change, 1))
    assert name.read_bytes() != before
    for reading in (lambda: verify(tmp_path), lambda: Journal(tmp_path)):
        with pytest.raises(Damaged) as raised:
            reading()
        assert str(raised.value).startswith(told)


def test_a_dropped_or_doubled_entry_is_found(tmp_path: Path) -> None:
    written(tmp_path)
    [name] = segments(tmp_path)
    one, two, three = name.read_bytes().splitlines(keepends=True)
    for wrong in ((one, three), (one, two, two, three), (two, one, three), (two, three)):
        name.write_bytes(b"".join(wrong))
        with pytest.raises(Damaged):
            verify(tmp_path)


def test_a_journal_written_anew_or_cut_is_found_by_the_head_told_earlier(tmp_path: Path) -> None:
    told = written(tmp_path / "a")
    head = Head(3, told[-1].hash)
    assert verify(tmp_path / "a", head) == head
    assert verify(tmp_path / "a", Head(2, told[1].hash)) == head
    [name] = segments(tmp_path / "a")
    name.write_bytes(b"".join(name.read_bytes().splitlines(keepends=True)[:2]))
    with pytest.raises(Damaged, match="the journal ends with entry 2, but there was an entry 3: it was cut"):
        verify(tmp_path / "a", head)
    written(tmp_path / "b")
    with pytest.raises(Damaged, match="entry 3 has another hash than the head told earlier: it was replaced"):
        verify(tmp_path / "b", head)


def test_what_a_crash_tore_is_cut_off_and_kept(tmp_path: Path) -> None:
    told = written(tmp_path)
    [name] = segments(tmp_path)
    whole = name.read_bytes()
    line = whole.splitlines(keepends=True)[-1]
    for end in (
        b"x",
        line[:-1],
        line[:70],
        b"\0" * 40,
        b"\0" * 40 + b"\n" + line,
        line[:9] + b"\0" * 80 + line[89:],
    ):
        name.write_bytes(whole + end)
        assert list(entries(tmp_path)) == told
        with Journal(tmp_path) as journal:
            assert (journal.torn, journal.head) == (len(end), Head(3, told[-1].hash))
        assert name.read_bytes() == whole
        kept = name.with_suffix(f".torn-{len(whole)}")
        assert kept.read_bytes() == end
        kept.unlink()


def test_segments_follow_each_other(tmp_path: Path) -> None:
    told = written(tmp_path, 7, segment=600)
    names = segments(tmp_path)
    assert [name.name for name in names] == [f"{n:012d}.log" for n in (1, 4, 7)]
    assert list(entries(tmp_path)) == told
    with Journal(tmp_path, segment=600) as journal:
        assert journal.head == Head(7, told[-1].hash)
    # The process died between making a segment and writing it.
    (tmp_path / f"{8:012d}.log").touch()
    assert verify(tmp_path) == Head(7, told[-1].hash)
    with Journal(tmp_path, segment=600) as journal:
        last = journal.append("answer", body(7))
    assert verify(tmp_path) == Head(8, last.hash)
    # Old segments may be moved away, those between may not.
    names[0].unlink()
    assert list(entries(tmp_path)) == [*told[3:], last]
    names[2].unlink()
    with pytest.raises(Damaged, match="begins with entry 8, but the one before it ends with 6"):
        verify(tmp_path)


def test_many_who_wait_share_an_fsync(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syncs: list[int] = []
    entered, go = threading.Event(), threading.Event()
    real = os.fdatasync

    def slow(file: int) -> None:
        syncs.append(file)
        entered.set()
        assert go.wait(30)
        real(file)

    monkeypatch.setattr(os, "fdatasync", slow)
    with Journal(tmp_path) as journal:
        first = journal.submit("answer", body(0))
        assert entered.wait(30)
        waiting = [journal.submit("answer", body(number)) for number in range(1, 200)]
        assert not first.done()
        assert journal.head == Head(0, START)
        go.set()
        numbers = [future.result(30).number for future in (first, *waiting)]
    assert numbers == list(range(1, 201))
    assert len(syncs) == 2
    assert verify(tmp_path).number == 200


def test_threads_write_one_chain(tmp_path: Path) -> None:
    with Journal(tmp_path, segment=4000) as journal:

        def write() -> None:
            for number in range(50):
                journal.append("answer", body(number))

        threads = [threading.Thread(target=write) for _ in range(8)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        assert journal.head.number == 400
    assert verify(tmp_path).number == 400


WRITER = """
import sys
from pathlib import Path
from talka_node.journal import Journal
with Journal(Path(sys.argv[1]), segment=20_000) as journal:
    number = 0
    while True:
        waiting = [journal.submit("answer", b'{"question":%d}' % (number + one)) for one in range(5)]
        number += 5
        print(waiting[-1].result().number, flush=True)
"""


def test_a_killed_process_loses_nothing_acknowledged(tmp_path: Path) -> None:
    source = Path(journals.__file__).parents[1]
    acknowledged = 0
    for lines in (1, 7, 60):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": str(source)},
        )
        assert process.stdout is not None
        for _ in range(lines):
            acknowledged = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        acknowledged = max([acknowledged, *map(int, process.stdout.read().split("\n")[:-1])])
        process.wait()
        process.stdout.close()
        with Journal(tmp_path) as journal:
            assert journal.head.number >= acknowledged
        assert verify(tmp_path).number >= acknowledged > 0


def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with Journal(tmp_path) as journal:
        one = journal.append("answer", body(1))
        before = text(tmp_path)
        monkeypatch.setattr(os, "write", _filling(real, 20))
        with pytest.raises(OSError, match="No space left"):
            journal.append("answer", body(2))
        assert text(tmp_path) == before
        assert journal.head == Head(1, one.hash)
        monkeypatch.setattr(os, "write", real)
        two = journal.append("answer", body(3))
    assert list(entries(tmp_path)) == [one, two]


def _filling(real: Callable[[int, bytes], int], room: int) -> Callable[[int, bytes], int]:
    left = [room]

    def write(file: int, data: bytes) -> int:
        if not left[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        part, left[0] = data[: left[0]], 0
        return real(file, part)

    return write


def test_after_a_failed_fsync_nothing_more_is_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    one = journal.append("answer", body(1))

    def failing(file: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    real = os.fdatasync
    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(OSError, match="Input/output error"):
        journal.append("answer", body(2))
    monkeypatch.setattr(os, "fdatasync", real)
    with pytest.raises(RuntimeError, match="open it again"):
        journal.append("answer", body(3))
    journal.close()
    with Journal(tmp_path) as again:
        assert again.head == Head(1, one.hash)


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with Journal(tmp_path), pytest.raises(RuntimeError, match="is open in another process"):
        Journal(tmp_path)
    journal = Journal(tmp_path)
    journal.close()
    journal.close()
    with pytest.raises(RuntimeError, match="the journal is closed"):
        journal.append("answer", body(1))


def test_personal_codes_and_what_is_no_json_are_turned_away(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        for wrong in (b'{"a":"310199-11111"}', b'{"a":"32000000000"}', b'{"a":32000000000}'):
            with pytest.raises(ValueError, match="looks like a personal code") as raised:
                journal.append("answer", wrong)
            assert not re.search(r"\d{5}", str(raised.value))
        for wrong, kind, told in (
            (b'{"a":1}\n', "answer", "JSON without line breaks"),
            (b"", "answer", "JSON without line breaks"),
            (b'{"a":', "answer", "is JSON"),
            (b"{}", "An answer", "short lower-case word"),
        ):
            with pytest.raises(ValueError, match=told):
                journal.append(kind, wrong)
        for right in (
            b'{"a":"2026-11-24"}',
            b'{"a":"1b12345678901f"}',
            b'{"a":0.12345678901}',
            b'{"a":117559590}',
        ):
            journal.append("answer", right)
    assert verify(tmp_path).number == 4


def test_time_does_not_run_backwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock(datetime):
        now_at = datetime(2026, 3, 1, 12, tzinfo=UTC)

        @classmethod
        def now(cls, tz: object = None) -> datetime:  # type: ignore[override]
            return cls.now_at

    monkeypatch.setattr(journals, "datetime", Clock)
    with Journal(tmp_path, segment=250) as journal:
        for days in (0, -5, 1, 2, 2):
            Clock.now_at = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(days)
            journal.append("answer", body(days + 10))
    assert [entry.at.day for entry in entries(tmp_path)] == [1, 1, 2, 3, 3]
    assert [e.number for e in entries(tmp_path, since=datetime(2026, 3, 2, tzinfo=UTC).date())] == [3, 4, 5]
    assert [e.number for e in entries(tmp_path, since=datetime(2026, 3, 3, tzinfo=UTC).date())] == [4, 5]
    assert list(entries(tmp_path, since=datetime(2026, 3, 4, tzinfo=UTC).date())) == []


def test_an_askers_budget_comes_back_from_the_journal(tmp_path: Path) -> None:
    memory = Memory(KEY)
    policy = default()
    futures: list[Future[Entry]] = []
    with Journal(tmp_path) as journal:
        for code in ("C34", "I10", "E10"):
            told = admit(question(sick(code)), policy, memory, today=TODAY)
            assert isinstance(told, Admitted)
            futures.append(
                journal.submit(
                    "answer",
                    answered(b'{"such_that":"%s"}' % code.encode(), {"total": 10}, told.journalled()),
                )
            )
        journal.append("refusal", body(1))
        assert futures[-1].result().read()["question"] == {"such_that": "E10"}
    assert list(traced(entries(tmp_path))) == list(memory.traces())
    assert [trace.key for trace in Memory(KEY, traced(entries(tmp_path))).traces()] == [
        trace.key for trace in memory.traces()
    ]


# --- who waits for an entry writes it ---------------------------------------------------------------------


def test_a_promise_is_written_by_whoever_waits_with_all_that_wait(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        first, second = (journal.promise("answer", body(number)) for number in (1, 2))
        assert (first.done(), second.done(), journal.head.number) == (False, False, 0)
        second.write()
        assert [first.result(0).number, second.result(0).number] == [1, 2]
        first.write()
        assert journal.head.number == verify(tmp_path).number == 2


def test_a_promise_that_nobody_waits_for_is_written_with_the_next_or_at_the_end(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        left = journal.promise("answer", body(1))
        assert journal.append("answer", body(2)).number == 2
        assert left.result(0).number == 1
        last = journal.promise("answer", body(3))
    assert last.result(0).number == 3
    assert verify(tmp_path).number == 3


def test_promises_of_many_threads_make_one_chain(tmp_path: Path) -> None:
    def one(number: int) -> int:
        if number % 5 == 0:
            return journal.append("answer", body(number)).number
        promise = journal.promise("answer", body(number))
        promise.write()
        return promise.result(30).number

    with Journal(tmp_path, segment=4000) as journal, ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(one, range(200)))
    assert sorted(numbers) == list(range(1, 201))
    assert verify(tmp_path).number == 200


def test_a_promise_is_not_kept_by_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "full")

    with Journal(tmp_path) as journal:
        journal.append("answer", body(1))
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            promise = journal.promise("answer", body(2))
            promise.write()
            with pytest.raises(OSError, match="full"):
                promise.result(0)
        assert journal.append("answer", body(3)).number == 2
    assert verify(tmp_path).number == 2
