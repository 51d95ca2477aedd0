"""How the command line reaches a node that is being served: through a socket in its directory.

One process has a node open, so that no two write at once; withdrawals and imports must not wait until it stops. Only
the user whom the process belongs to, and root, are let in. A request and its answer are one line of JSON each.
"""

from __future__ import annotations

import json
import os
import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

NAME = "control.sock"
LONGEST = 1 << 20
TRUSTED = (0,)  # users beside the process's own: root
_PEER = struct.Struct("3i")  # process, user, group

Message = dict[str, Any]


class Control:
    """Listens while it is entered. `carry_out` gives the answer to a request, in a thread of its own."""

    def __init__(self, folder: Path, carry_out: Callable[[Message], Message]) -> None:
        self.folder = folder

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                _, user, _ = _PEER.unpack(
                    self.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
                )
                if user not in (*TRUSTED, os.geteuid()):
                    return
                text = self.rfile.readline(LONGEST)
                answer = (
                    carry_out(json.loads(text)) if text.endswith(b"\n") else {"error": "no whole line came"}
                )
                with suppress(
                    BrokenPipeError
                ):  # nobody waits any more; what was asked for is done all the same
                    self.wfile.write(json.dumps(answer).encode() + b"\n")

        class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
            daemon_threads = True

        (folder / NAME).unlink(missing_ok=True)
        before = os.umask(0o177)
        try:
            with _short(folder) as place:
                self._server = Server(place, Handler)
        finally:
            os.umask(before)
        self._thread = threading.Thread(target=self._server.serve_forever, name="control", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        (self.folder / NAME).unlink(missing_ok=True)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def ask(folder: Path, request: Message) -> Message | None:
    """The answer of whoever serves the node; None if nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        try:
            with _short(folder) as place:
                link.connect(place)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        text = b""
        # Whoever is not let in is hung up on, perhaps before all was sent.
        with suppress(ConnectionResetError, BrokenPipeError), link.makefile("rb") as answers:
            link.sendall(json.dumps(request).encode() + b"\n")
            text = answers.readline()
    if not text:
        raise PermissionError("the process that serves the node let nothing in: it belongs to another user")
    answer: Message = json.loads(text)
    return answer


@contextmanager
def _short(folder: Path) -> Iterator[str]:
    """The socket's name, short enough whatever the folder's is: such a name has at most 107 bytes."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{NAME}"
    finally:
        os.close(handle)
