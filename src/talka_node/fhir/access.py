"""Who may read and write at the FHIR edge.

The holder's own people and systems: a token in `holders.json` (its digest alone), over loopback alone; they read all of
their own and alone may write. Anybody else needs a visa, which `Access` turns into a `Grant`; what a grant reads is
within consent, within its dataset and its columns, under ids that are of this grant alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import json
import os
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

from starlette.requests import Request

from talka_node.fhir.faults import Fault
from talka_query.nodes import Purpose

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
ALL = "*"


@dataclass(frozen=True)
class Grant:
    """What somebody with a visa may read.

    `collections`: the dataset; None is all that the node has. `columns`: elements as "Patient.birthDate", or
    "Patient.*"; a type of which nothing is named may not be read. `donors`: which of the dataset's donors the permit
    is about, by their numbers. `biobanks`, `diagnoses` (ICD-10, with what is below): only these; empty: any. `recent`:
    nothing of before that day, or without a day. `observed`: which tables Observations are of. `secret`: makes the ids,
    at least 16 bytes; two grants of one project may share it.
    """

    who: str
    purpose: Purpose
    secret: bytes = field(repr=False)
    collections: frozenset[str] | None = None
    columns: frozenset[str] = frozenset({ALL})
    donors: Callable[[int], bool] | None = None
    biobanks: frozenset[str] = frozenset()
    diagnoses: frozenset[str] = frozenset()
    recent: date | None = None
    observed: frozenset[str] = frozenset({"measurements", "diagnoses"})

    def elements(self, kind: str) -> frozenset[str] | None:
        """The elements of this type that may be seen; None: all of them. Empty: the type may not be read."""
        if ALL in self.columns or f"{kind}.*" in self.columns:
            return None
        return frozenset(
            each.partition(".")[2] for each in self.columns if each.partition(".")[0] == kind and "." in each
        )


class Access(Protocol):
    """What makes grants of visas."""

    def grant(self, request: Request) -> Grant | None:
        """What the visas of a request permit; None if it has none. Raises Fault (401, 403) if they are no good."""
        ...


class NoVisas:
    """An Access for a node that takes none."""

    def grant(self, request: Request) -> Grant | None:
        return None


class Holders:
    """The tokens of the holder's own side, in one file of the node's folder; the tokens themselves are nowhere."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def _known(self) -> dict[str, str]:
        try:
            told = json.loads(self.place.read_bytes())
        except FileNotFoundError:
            return {}
        return {each["name"]: each["sha256"] for each in told["holders"]}

    def issue(self, name: str) -> str:
        """A new token of this name, in place of an earlier one; it is shown this once. ValueError for a bad name."""
        if not NAME.fullmatch(name):
            raise ValueError("a name is 1 to 64 small letters, digits, dots, dashes and underscores")
        token = secrets.token_urlsafe(32)
        self._write({**self._known(), name: hashlib.sha256(token.encode()).hexdigest()})
        return token

    def remove(self, name: str) -> None:
        """LookupError if there is none of this name."""
        known = self._known()
        if known.pop(name, None) is None:
            raise LookupError(f"no holder's token is named {name!r}; there are {', '.join(known) or 'none'}")
        self._write(known)

    def _write(self, known: dict[str, str]) -> None:
        listed = [{"name": name, "sha256": digest} for name, digest in known.items()]
        part = self.place.with_name(self.place.name + ".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"holders": listed}, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.place)

    def name_of(self, request: Request) -> str | None:
        """Whose token the request carries: as password of HTTP Basic with the name as user, or as bearer. None if it
        carries none that could be one. Raises Fault 401 for a wrong one, 403 from another machine."""
        given = _given(request)
        if given is None:
            return None
        name, token = given
        digest = hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
        found = None
        for each, known in self._known().items():
            if hmac.compare_digest(known, digest) and name in (None, each):
                found = each
        if found is None:
            raise Fault(
                401,
                "login",
                "no such name and token; the holder's side is let in by `talka-node holder`, which prints a token once",
                "http.authorization",
            )
        if not _loopback(request):
            raise Fault(
                403,
                "forbidden",
                "the holder's token is good on this machine alone: ask 127.0.0.1, not over the network",
                "http.authorization",
            )
        return found


def _given(request: Request) -> tuple[str | None, str] | None:
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            name, _, token = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Fault(
                401, "login", "Basic needs name:token in Base64 and UTF-8", "http.authorization"
            ) from None
        return name, token
    if scheme.lower() == "bearer" and "." not in rest:  # a visa is a JWT, and has dots
        return None, rest.strip()
    return None


def _loopback(request: Request) -> bool:
    if request.client is None:
        return True  # the private socket
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False
