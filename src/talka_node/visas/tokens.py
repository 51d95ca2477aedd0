"""Signed tokens (JWS in compact form) read with distrust: whose it is is known from configured keys alone.

A token names its issuer (`iss`) and key (`kid`); the key decides the algorithm, never the token. Keys, certificates or
addresses that a token brings along are no reason to believe it, and `crit`, `none` and shared secrets are refused.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

LONGEST = 64 << 10  # bytes of a token: a passport holds some dozens of visas
MOST_VISAS = 64
PART = re.compile(r"[A-Za-z0-9_-]*")
HEADER = frozenset({"alg", "kid", "typ", "jku", "cty"})
PASSPORT, VISA = "vnd.ga4gh.passport+jwt", "vnd.ga4gh.visa+jwt"
AUTHORITIES = ("self", "peer", "system", "so", "dac")
LONGEST_URL = 255

PublicKey = EllipticCurvePublicKey | RSAPublicKey | Ed25519PublicKey
ALGORITHMS = {
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "EdDSA": OKPAlgorithm(),
}


class Denied(Exception):
    """The token opens nothing. `code` is short and lasting; the message names no person."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class Key:
    """A pinned key: its issuer's name for it and the one algorithm it is for."""

    kid: str
    algorithm: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it was read, with nothing believed yet."""

    header: dict[str, Any]
    claims: dict[str, Any]
    signed: bytes
    signature: bytes

    @property
    def issuer(self) -> str:
        return _text(self.claims, "iss", "the issuer's address")

    @property
    def kind(self) -> str:
        """Its media type, without "application/" and in small letters; "" where it says none."""
        told = self.header.get("typ", "")
        return told.lower().removeprefix("application/") if isinstance(told, str) else "?"


@dataclass(frozen=True, slots=True)
class Visa:
    """A visa whose signature is good. Times in seconds since 1970; `claims`: everything that was signed."""

    issuer: str
    subject: str
    jti: str
    kid: str
    issued: float
    expires: float
    type: str
    value: str
    source: str
    asserted: float
    by: str | None
    conditions: Any  # None where there are none
    claims: dict[str, Any]


def read(text: str) -> Token:
    """The parts of a compact token. Denied where it is none."""
    if len(text) > LONGEST:
        raise Denied("token", f"a token has at most {LONGEST} characters")
    parts = text.split(".")
    if len(parts) != 3 or not all(PART.fullmatch(each) for each in parts):
        raise Denied("token", "a passport or visa is a JWT: three parts in base64url with dots between")
    header, claims = _object(parts[0], "header"), _object(parts[1], "payload")
    if unknown := sorted(header.keys() - HEADER):
        # `crit` asks for what we do not know; `jwk`, `x5c` and `x5u` bring a key along, which is no reason to trust.
        raise Denied("header", f"the token's header has {unknown[0][:20]!r}, which is not accepted here")
    return Token(header, claims, f"{parts[0]}.{parts[1]}".encode(), _bytes(parts[2], "signature"))


def verify(token: Token, key: Key) -> None:
    """Denied unless this key signed exactly this, by the algorithm that the key is for."""
    if token.header.get("alg") != key.algorithm:
        raise Denied("algorithm", f"the key is for {key.algorithm}, and the token names another algorithm")
    try:
        good = ALGORITHMS[key.algorithm].verify(token.signed, key.public, token.signature)
    except (InvalidSignature, ValueError):
        good = False
    if not good:
        raise Denied("signature", "the token was not signed by the key that it names")


def visa_of(token: Token) -> Visa:
    """The visa that a verified token is. Denied where something is missing or is not what Passport 1.2 says."""
    if token.kind not in ("", "jwt", "at+jwt", VISA):
        raise Denied("type", f"the type of a visa is {VISA}")
    said = token.claims.get("ga4gh_visa_v1")
    if not isinstance(said, dict):
        raise Denied("visa", "a visa has a claim ga4gh_visa_v1")
    kind, source = _text(said, "type", "a visa's type"), _text(said, "source", "who made the statement")
    value, by = _text(said, "value", "what is stated"), said.get("by")
    if by is not None and by not in AUTHORITIES:
        by = "?"  # no authority that we know, so none that a rule names
    if len(source) > LONGEST_URL or (kind != "LinkedIdentities" and len(value) > LONGEST_URL):
        raise Denied("visa", f"an address in a visa has at most {LONGEST_URL} characters")
    if kind == "AffiliationAndRole" and "@" not in value:
        raise Denied("visa", "an affiliation is a role, @ and an organisation")
    conditions = said.get("conditions")
    return Visa(
        token.issuer,
        _text(token.claims, "sub", "whose visa it is"),
        _text(token.claims, "jti", "the visa's own name"),
        str(token.header.get("kid")),
        time(token.claims, "iat"),
        time(token.claims, "exp"),
        kind,
        value,
        source,
        time(said, "asserted"),
        by,
        None if conditions == [] else conditions,
        token.claims,
    )


def time(claims: dict[str, Any], name: str) -> float:
    """Seconds since 1970. Denied where there are none."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 2**40:
        raise Denied("time", f"{name} is a number of seconds since 1970")
    return value


def _text(claims: dict[str, Any], name: str, meaning: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Denied("claims", f"{name} is missing: {meaning}")
    return value


def _bytes(part: str, name: str) -> bytes:
    try:
        found = base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except binascii.Error:
        raise Denied("token", f"the {name} is no base64url") from None
    # One signature has one text: else a token could be written in several ways, each with another digest.
    if base64.urlsafe_b64encode(found).rstrip(b"=") != part.encode():
        raise Denied("token", f"the {name} is no base64url in its one right form")
    return found


def _object(part: str, name: str) -> dict[str, Any]:
    try:
        found = json.loads(_bytes(part, name), object_pairs_hook=_once, parse_constant=_refused)
    except (ValueError, RecursionError):
        raise Denied("token", f"the {name} is no JSON object with each name once") from None
    if not isinstance(found, dict):
        raise Denied("token", f"the {name} is no JSON object")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _refused(constant: str) -> None:
    raise ValueError(constant)
