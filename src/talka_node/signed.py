"""Requests signed by whoever may ask, each good for once and for a few minutes.

A caller (the hub, usually) is registered with an Ed25519 key. What it signs is `request_text`: method, path, who, when,
once, and the digest of the body. A nonce is remembered for as long as its time would pass; what was signed before
this process began is refused, so nothing needs to be remembered across a restart.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SKEW = timedelta(minutes=2)  # how far the caller's clock may be off
REMEMBERED = 500_000  # nonces at most: more than 2,000 requests a second would make
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def now() -> datetime:
    return datetime.now(UTC)


class Denied(Exception):
    """Not let in. `code` is short and lasting, `status` that of HTTP."""

    def __init__(self, code: str, message: str, status: int = 401) -> None:
        super().__init__(message)
        self.code, self.status = code, status


@dataclass(frozen=True, slots=True)
class Caller:
    """Who may ask. `vouches`: it has checked the permits that its questions name, so they count as such."""

    name: str
    public_key: str  # 64 hexadecimal digits
    vouches: bool = False


class Callers:
    """The registered ones, in one file of the node's folder. Read anew when it changed, so that a caller who is removed
    gets in no more from that moment."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: tuple[int, int] | None = None
        self._callers: dict[str, Caller] = {}

    def all(self) -> dict[str, Caller]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return {}
        seen = stat.st_mtime_ns, stat.st_ino
        if seen != self._seen:
            told = json.loads(self.path.read_bytes())
            self._callers = {each["name"]: Caller(**each) for each in told["callers"]}
            self._seen = seen
        return self._callers

    def put(self, caller: Caller) -> None:
        """Registers a caller, in place of an earlier one of this name. ValueError says what name and key must be."""
        if not NAME.fullmatch(caller.name):
            raise ValueError("a caller's name is 1 to 64 small letters, digits, dots, dashes and underscores")
        if not re.fullmatch(r"[0-9a-f]{64}", caller.public_key):
            raise ValueError("a public key is 64 hexadecimal digits in small letters: 32 bytes of Ed25519")
        self._write({**self.all(), caller.name: caller})

    def remove(self, name: str) -> None:
        """LookupError if there is none of this name."""
        callers = dict(self.all())
        if callers.pop(name, None) is None:
            raise LookupError(f"no caller is named {name!r}; there are {', '.join(callers) or 'none'}")
        self._write(callers)

    def _write(self, callers: Mapping[str, Caller]) -> None:
        text = json.dumps({"callers": [asdict(each) for each in callers.values()]}, indent=1) + "\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        part = self.path.with_name(self.path.name + ".part")
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path)
        self._seen = None


def request_text(method: str, path: str, caller: str, time: str, nonce: str, body: bytes) -> bytes:
    """The bytes under a signature."""
    return "\n".join(
        ["talka-node request 1", method, path, caller, time, nonce, sha256(body).hexdigest()]
    ).encode()


def sign(
    key: Ed25519PrivateKey, caller: str, method: str, path: str, body: bytes, at: datetime | None = None
) -> dict[str, str]:
    """The headers of a signed request; `path` with its query, if it has one."""
    time, nonce = (at or now()).isoformat(), secrets.token_hex(16)
    signature = key.sign(request_text(method, path, caller, time, nonce, body))
    return {
        "Talka-Caller": caller,
        "Talka-Time": time,
        "Talka-Nonce": nonce,
        "Talka-Signature": signature.hex(),
    }


class Gate:
    """Lets signed requests in. `since`: nothing signed before is taken; the time when this process began, or the last
    time that the node wrote down if its clock was put back since."""

    def __init__(self, callers: Callers, since: datetime, clock: Callable[[], datetime] = now) -> None:
        self.callers = callers
        self.clock = clock
        self._since = since
        self._latest = since
        self._nonces: set[tuple[str, str]] = set()
        self._order: deque[tuple[datetime, tuple[str, str]]] = deque()
        self._lock = threading.Lock()

    def enter(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Caller:
        """The caller who signed this, now, and not before. Denied otherwise."""
        name, time, nonce, signature = (
            headers.get(f"talka-{part}", "") for part in ("caller", "time", "nonce", "signature")
        )
        if not (re.fullmatch(r"[0-9a-f]{32}", nonce) and re.fullmatch(r"[0-9a-f]{128}", signature)):
            raise Denied(
                "unsigned",
                "a signed request carries Talka-Caller, Talka-Time, Talka-Nonce (32 hexadecimal digits in small"
                " letters) and Talka-Signature (128)",
            )
        try:
            signed_at = datetime.fromisoformat(time)
            if signed_at.utcoffset() is None:
                raise ValueError
        except ValueError:
            raise Denied(
                "time", "Talka-Time is an instant with its zone, as 2026-01-31T12:00:00+00:00"
            ) from None
        caller = self.callers.all().get(name)
        # One answer for an unknown name and for a wrong signature: who is registered is nobody's business.
        refused = Denied(
            "signature", "no registered caller signed this; is your key the one that was registered?"
        )
        if caller is None:
            raise refused
        try:
            Ed25519PublicKey.from_public_bytes(bytes.fromhex(caller.public_key)).verify(
                bytes.fromhex(signature), request_text(method, path, name, time, nonce, body)
            )
        except (InvalidSignature, ValueError):
            raise refused from None
        with self._lock:
            self._once(signed_at, (name, nonce))
        return caller

    def _once(self, signed_at: datetime, which: tuple[str, str]) -> None:
        """Time only moves forward here, so that a clock put back lets nothing in again that was forgotten."""
        self._latest = max(self._latest, self.clock())
        if abs(signed_at - self._latest) > SKEW:
            raise Denied(
                "time", f"signed more than {SKEW.seconds // 60} minutes from now; is your clock right?"
            )
        if signed_at < self._since:
            raise Denied("time", "signed before this node began to serve; sign again")
        while self._order and self._order[0][0] < self._latest - 2 * SKEW:
            self._nonces.discard(self._order.popleft()[1])
        if which in self._nonces:
            raise Denied(
                "replay", "this very request was taken before; sign each with a nonce of its own", 409
            )
        if len(self._nonces) >= REMEMBERED:
            raise Denied("busy", "too many requests in these minutes; come back later", 429)
        self._nonces.add(which)
        self._order.append((self._latest, which))
