"""Whose visas the node believes, and which were taken back: files in `visas/` of the node's directory.

    trust.json      {"audience": ["https://slimnica.example/beacon"],
                     "issuers": [{"issuer": "https://hub.example/", "keys": "hub.jwks.json",
                                  "jku": ["https://hub.example/jwks.json"], "types": ["ControlledAccessGrants"],
                                  "by": ["dac", "so"], "sources": [], "passports": true, "gathers": false}],
                     "requires": {"bb-1": [[{"type": "ResearcherStatus", "value": "const:https://…"}]]}}
    *.jwks.json     an issuer's public keys, as it publishes them (RFC 7517)
    revoked.json    {"revoked": [{"issuer": …, "jti": …}]}: or in place of jti: kid, permit, or sub with until (seconds)

They are read anew when they change, so that what is taken back opens nothing from that moment. Where one of them
cannot be read, nothing is believed. There is no network: a `jku` must be one of those written here, and is not asked.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from talka_node.visas import conditions
from talka_node.visas.tokens import AUTHORITIES, Denied, Key, Visa

KEYS_FILE = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\.jwks\.json")
GRANT = "ControlledAccessGrants"
TYPES = ("AffiliationAndRole", "AcceptedTermsAndPolicies", "ResearcherStatus", GRANT, "LinkedIdentities")
SMALLEST_RSA = 2048
_ISSUER = {"issuer", "keys", "jku", "types", "by", "sources", "passports", "gathers"}


class Untrusting(ValueError):
    """A file of the trust cannot be read; the message says which, where, and what would be right."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whom the node believes what. `types`: of visa; `by`: authorities whose grants open something; `sources`: whose
    statements it passes on, empty: anybody's. `passports`: it may bundle visas; `gathers`: those in its passports are
    one person's even where they name that person differently."""

    issuer: str
    keys: Mapping[str, Key]
    jku: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset(TYPES)
    by: frozenset[str] = frozenset({"dac", "so"})
    sources: frozenset[str] = frozenset()
    passports: bool = False
    gathers: bool = False


@dataclass(frozen=True, slots=True)
class Believed:
    """The files as they were read last; `version` grows with every reading. `requires`: conditions for a dataset beside
    the visa's own, "*" for any."""

    issuers: Mapping[str, Issuer] = field(default_factory=dict)
    audience: frozenset[str] = frozenset()
    requires: Mapping[str, Any] = field(default_factory=dict)
    tokens: frozenset[tuple[str, str]] = frozenset()
    keys: frozenset[tuple[str, str]] = frozenset()
    permits: frozenset[tuple[str, str]] = frozenset()
    subjects: Mapping[tuple[str, str], float] = field(default_factory=dict)
    version: int = 0

    def refuse_revoked(self, visa: Visa, permit: str | None = None) -> None:
        """Denied if the visa, its key, its permit, or all of its holder's until then were taken back."""
        if (
            (visa.issuer, visa.jti) in self.tokens
            or (visa.issuer, visa.kid) in self.keys
            or (permit is not None and (visa.issuer, permit) in self.permits)
            or visa.issued <= self.subjects.get((visa.issuer, visa.subject), -1)
        ):
            raise Denied("revoked", "the visa was taken back")

    def key(self, issuer: str, kid: str) -> Key:
        """Denied where the issuer, or its key, is not among the pinned ones."""
        known = self.issuers.get(issuer)
        if known is None:
            raise Denied("issuer", "the issuer is none that this node trusts")
        if (issuer, kid) in self.keys:
            raise Denied("revoked", "the key that signed this was taken back")
        found = known.keys.get(kid)
        if found is None:
            raise Denied("key", "the token names no key of its issuer that this node knows")
        return found


class Trust:
    """The files in a folder; safe for several threads."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen: Any = None
        self._lock = threading.Lock()
        self._believed = Believed()
        self._version = 0

    @property
    def configured(self) -> bool:
        return (self.path / "trust.json").exists()

    def believed(self) -> Believed:
        """What the files say now. Untrusting if one of them cannot be read: then nothing is believed."""
        with self._lock:
            seen = self._stats()
            if seen != self._seen:
                self._seen = None
                self._version += 1
                self._believed = replace(self._read(), version=self._version)
                self._seen = seen
            return self._believed

    def _stats(self) -> list[tuple[str, int, int, int]]:
        try:
            listed = sorted(os.scandir(self.path), key=lambda each: each.name)
        except FileNotFoundError:
            return []
        found = []
        for each in listed:
            if each.name.endswith(".json"):
                stat = each.stat()
                found.append((each.name, stat.st_mtime_ns, stat.st_ino, stat.st_size))
        return found

    def _read(self) -> Believed:
        if not self.configured:
            return Believed()
        told = self._json("trust.json", {"audience", "issuers", "requires"})
        issuers: dict[str, Issuer] = {}
        for place, each in enumerate(_list(told.get("issuers", []), "trust.json: issuers")):
            found = self._issuer(each, f"trust.json: issuers[{place}]")
            if found.issuer in issuers:
                raise Untrusting(f"trust.json: issuers[{place}] is there twice")
            issuers[found.issuer] = found
        requires = told.get("requires", {})
        if not isinstance(requires, dict) or not all(map(conditions.well_formed, requires.values())):
            raise Untrusting(
                "trust.json: requires maps datasets (or *) to conditions, as [[{type, value: const:…}]]"
            )
        audience = _texts(told.get("audience", []), "trust.json: audience")
        tokens: set[tuple[str, str]] = set()
        keys: set[tuple[str, str]] = set()
        permits: set[tuple[str, str]] = set()
        subjects: dict[tuple[str, str], float] = {}
        for place, each in enumerate(self._revoked()):
            where = f"revoked.json: revoked[{place}]"
            if not isinstance(each, dict) or not isinstance(each.get("issuer"), str):
                raise Untrusting(f"{where}: names an issuer, and one of jti, kid, permit, sub")
            issuer = each["issuer"]
            match sorted(each.keys() - {"issuer", "why"}):
                case ["jti"]:
                    tokens.add((issuer, _one(each["jti"], where)))
                case ["kid"]:
                    keys.add((issuer, _one(each["kid"], where)))
                case ["permit"]:
                    permits.add((issuer, _one(each["permit"], where)))
                case ["sub", "until"] if type(each["until"]) in (int, float):
                    pair = issuer, _one(each["sub"], where)
                    subjects[pair] = max(subjects.get(pair, -1), each["until"])
                case _:
                    raise Untrusting(f"{where}: names one of jti, kid, permit, or sub with until (seconds)")
        return Believed(
            issuers, audience, requires, frozenset(tokens), frozenset(keys), frozenset(permits), subjects
        )

    def _issuer(self, told: Any, where: str) -> Issuer:
        if not isinstance(told, dict) or not told.keys() <= _ISSUER:
            raise Untrusting(f"{where}: an object of {', '.join(sorted(_ISSUER))}")
        name = told.get("issuer")
        if not isinstance(name, str) or not name:
            raise Untrusting(f"{where}: issuer is its address, as its tokens say it in iss")
        flags = {each: told.get(each, False) for each in ("passports", "gathers")}
        if not all(isinstance(each, bool) for each in flags.values()):
            raise Untrusting(f"{where}: passports and gathers are true or false")
        limits = {}
        for each, known, usual in (("types", TYPES, TYPES), ("by", AUTHORITIES, ("dac", "so"))):
            limits[each] = _texts(told.get(each, list(usual)), f"{where}: {each}")
            if unknown := sorted(limits[each] - set(known)):
                raise Untrusting(f"{where}: {each} has {unknown[0]!r}; there are {', '.join(known)}")
        file = told.get("keys")
        if not isinstance(file, str) or not KEYS_FILE.fullmatch(file):
            raise Untrusting(f"{where}: keys names a file beside this one, as hub.jwks.json")
        return Issuer(
            name,
            keys_of(self._json(file, {"keys"}), file),
            _texts(told.get("jku", []), f"{where}: jku"),
            limits["types"],
            limits["by"],
            _texts(told.get("sources", []), f"{where}: sources"),
            **flags,
        )

    def _revoked(self) -> list[Any]:
        return _list(self._json("revoked.json", {"revoked"}).get("revoked", []), "revoked.json: revoked")

    def _json(self, name: str, known: set[str]) -> dict[str, Any]:
        try:
            told = json.loads((self.path / name).read_bytes())
        except FileNotFoundError:
            raise Untrusting(f"visas/{name} is missing; without it no visa is believed") from None
        except (ValueError, RecursionError) as why:
            raise Untrusting(f"visas/{name} is no JSON ({type(why).__name__})") from None
        if not isinstance(told, dict) or not told.keys() <= known:
            raise Untrusting(f"{name}: an object of {', '.join(sorted(known))} is right")
        return told

    # --- writing ------------------------------------------------------------------------------------------

    def put(self, issuer: dict[str, Any], keys: dict[str, Any]) -> None:
        """Trust an issuer, in place of an earlier one of this name; `keys`: its key set, as it publishes it."""
        self.path.mkdir(parents=True, exist_ok=True)
        for name, inside in (("revoked.json", "revoked"), ("trust.json", "issuers")):
            if not (self.path / name).exists():
                self._write(name, {inside: []})
        file = issuer.get("keys")
        if not isinstance(file, str) or not KEYS_FILE.fullmatch(file):
            raise Untrusting("keys names a file, as hub.jwks.json")
        keys_of(keys, file)
        told = self._json("trust.json", {"audience", "issuers", "requires"})
        others = [each for each in told["issuers"] if each.get("issuer") != issuer.get("issuer")]
        self._write(file, keys)
        self._write("trust.json", {**told, "issuers": [*others, issuer]})
        self.believed()

    def revoke(self, issuer: str, **which: Any) -> None:
        """Take back one visa (`jti`), all that a key signed (`kid`), all of a permit (`permit`), or all that somebody
        (`sub`) was given `until` an instant. When this returns it is on disk, and no later request is let in by it."""
        listed = self._revoked()
        entry = {"issuer": issuer, **which}
        if entry not in listed:
            self._write("revoked.json", {"revoked": [*listed, entry]})
        self.believed()

    def _write(self, name: str, told: dict[str, Any]) -> None:
        part = self.path / f"{name}.part"
        with part.open("w", encoding="utf-8") as file:
            file.write(json.dumps(told, indent=1, ensure_ascii=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        part.replace(self.path / name)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def keys_of(told: Any, name: str) -> dict[str, Key]:
    """The keys of a key set by their names. Untrusting for a set with a key that nothing should be trusted by: secret,
    short, of an unknown kind, without a name, or with the name of another."""
    found: dict[str, Key] = {}
    listed = told.get("keys") if isinstance(told, dict) else None
    for place, each in enumerate(_list(listed, f"{name}: keys")):
        where = f"{name}: keys[{place}]"
        if not isinstance(each, dict) or not isinstance(each.get("kid"), str) or not each["kid"]:
            raise Untrusting(f"{where}: a key has a name of its own, kid")
        if each["kid"] in found:
            raise Untrusting(f"{where}: another key has this kid too")
        if each.get("kty") == "oct" or "d" in each:
            raise Untrusting(f"{where}: this is a secret key; only public ones are pinned")
        if each.get("use", "sig") != "sig" or "verify" not in each.get("key_ops", ["verify"]):
            raise Untrusting(f"{where}: the key is not for signatures")
        try:
            public = PyJWK(each).key
        except (PyJWTError, ValueError, KeyError, TypeError):
            raise Untrusting(f"{where}: not a public key that is understood (RFC 7517)") from None
        match public:
            case EllipticCurvePublicKey() if isinstance(public.curve, SECP256R1):
                algorithm = "ES256"
            case RSAPublicKey() if public.key_size >= SMALLEST_RSA:
                algorithm = "RS256"
            case Ed25519PublicKey():
                algorithm = "EdDSA"
            case _:
                raise Untrusting(
                    f"{where}: a key is of P-256, Ed25519, or RSA with {SMALLEST_RSA} bits or more"
                )
        if each.get("alg", algorithm) != algorithm:
            raise Untrusting(f"{where}: alg is {algorithm} for such a key")
        found[each["kid"]] = Key(each["kid"], algorithm, public)
    return found


def _list(told: Any, where: str) -> list[Any]:
    if not isinstance(told, list):
        raise Untrusting(f"{where}: a list is right")
    return told


def _texts(told: Any, where: str) -> frozenset[str]:
    if not all(isinstance(each, str) and each for each in _list(told, where)):
        raise Untrusting(f"{where}: a list of texts is right")
    return frozenset(told)


def _one(told: Any, where: str) -> str:
    if not isinstance(told, str) or not told:
        raise Untrusting(f"{where}: a text is right")
    return told
