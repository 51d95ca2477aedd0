from __future__ import annotations

import json
import os
import socket
import stat
import threading
from pathlib import Path

import pytest

from talka_node import control
from talka_node.control import NAME, Control, Message, ask

pytestmark = pytest.mark.once


def echo(request: Message) -> Message:
    return {"told": request}


def test_a_request_gets_its_answer(tmp_path: Path) -> None:
    with Control(tmp_path, echo):
        assert ask(tmp_path, {"command": "status", "name": "Ļaudis"}) == {
            "told": {"command": "status", "name": "Ļaudis"}
        }


def test_where_nobody_listens(tmp_path: Path) -> None:
    assert ask(tmp_path, {}) is None
    with Control(tmp_path, echo):
        pass
    assert ask(tmp_path, {}) is None
    assert list(tmp_path.iterdir()) == []


def test_a_socket_that_a_killed_process_left_is_no_hindrance(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left, control._short(tmp_path) as place:
        left.bind(place)
    assert ask(tmp_path, {}) is None
    with Control(tmp_path, echo):
        assert ask(tmp_path, {"a": 1}) == {"told": {"a": 1}}


def test_a_long_path(tmp_path: Path) -> None:
    deep = tmp_path / ("mape" * 30) / ("mape" * 30)
    deep.mkdir(parents=True)
    with Control(deep, echo):
        assert ask(deep, {"a": 1}) == {"told": {"a": 1}}


def test_only_the_owner_may_connect(tmp_path: Path) -> None:
    with Control(tmp_path, echo):
        assert stat.S_IMODE((tmp_path / NAME).stat().st_mode) == 0o600


def test_another_user_is_not_let_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Control(tmp_path, echo):
        # As if the process belonged to somebody else, and whoever connects were not root.
        monkeypatch.setattr(control, "TRUSTED", ())
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        with pytest.raises(PermissionError, match="belongs to another user"):
            ask(tmp_path, {})


def test_several_at_once(tmp_path: Path) -> None:
    meet = threading.Barrier(3, timeout=30)

    def together(request: Message) -> Message:
        meet.wait()
        return echo(request)

    answers: list[Message | None] = []
    with Control(tmp_path, together):
        threads = [
            threading.Thread(target=lambda number=number: answers.append(ask(tmp_path, {"n": number})))
            for number in range(3)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(json.dumps(each) for each in answers) == [f'{{"told": {{"n": {n}}}}}' for n in range(3)]


def test_a_line_that_does_not_end(tmp_path: Path) -> None:
    with (
        Control(tmp_path, echo),
        socket.socket(socket.AF_UNIX) as link,
        control._short(tmp_path) as place,
    ):
        link.connect(place)
        link.sendall(b"{")
        link.shutdown(socket.SHUT_WR)
        assert json.loads(link.makefile("rb").readline()) == {"error": "no whole line came"}
