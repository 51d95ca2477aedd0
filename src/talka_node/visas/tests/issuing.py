"""Invented issuers for tests: they make keys, visas and passports, right ones and, by `change`, wrong ones."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from talka_node.visas.trust import Trust

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
DATASETS = "https://slimnica.example/datasets/"
ALGORITHMS: dict[str, Any] = {
    "ES256": ECAlgorithm(ECAlgorithm.SHA256),
    "RS256": RSAAlgorithm(RSAAlgorithm.SHA256),
    "EdDSA": OKPAlgorithm(),
}


def fresh(algorithm: str = "ES256", bits: int = 2048) -> Any:
    if algorithm == "RS256":
        return rsa.generate_private_key(65537, bits)
    return (
        ec.generate_private_key(ec.SECP256R1())
        if algorithm == "ES256"
        else ed25519.Ed25519PrivateKey.generate()
    )


def part(data: Any) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


@dataclass
class Issuing:
    name: str = "https://hub.example/"
    algorithm: str = "ES256"
    kid: str = "hub-1"
    key: Any = None
    made: int = field(default=0)

    def __post_init__(self) -> None:
        self.key = self.key or fresh(self.algorithm)

    @property
    def jku(self) -> str:
        return f"{self.name}jwks.json"

    @property
    def jwk(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(ALGORITHMS[self.algorithm].to_jwk(self.key.public_key()))
        return {name: each for name, each in found.items() if name != "key_ops"} | {
            "kid": self.kid,
            "use": "sig",
        }

    def trusted_by(self, trust: Trust, file: str = "hub.jwks.json", **more: Any) -> None:
        told = {"issuer": self.name, "keys": file, "jku": [self.jku], "passports": True}
        trust.put(told | more, {"keys": [self.jwk]})

    def token(self, claims: dict[str, Any], header: dict[str, Any], key: Any = None) -> str:
        head = {
            name: each
            for name, each in ({"alg": self.algorithm, "kid": self.kid} | header).items()
            if each is not None
        }
        signed = f"{part(head)}.{part(claims)}"
        return f"{signed}.{part(ALGORITHMS[self.algorithm].sign(signed.encode(), key or self.key))}"

    def visa(
        self,
        value: str = f"{DATASETS}bb-1",
        type: str = "ControlledAccessGrants",  # noqa: A002 -- what the claim is called
        *,
        sub: str = "anna",
        by: str | None = "dac",
        source: str = "https://committee.example",
        said: dict[str, Any] | None = None,
        header: dict[str, Any] | None = None,
        key: Any = None,
        at: datetime = NOW,
        **claims: Any,
    ) -> str:
        """A claim that is None is left out."""
        self.made += 1
        seconds = int(at.timestamp())
        visa = {"type": type, "value": value, "source": source, "asserted": seconds - 60, "by": by} | (
            said or {}
        )
        told = {
            "iss": self.name,
            "sub": sub,
            "jti": f"visa-{self.made}",
            "iat": seconds,
            "exp": seconds + int(timedelta(days=30).total_seconds()),
            "ga4gh_visa_v1": {name: each for name, each in visa.items() if each is not None},
        } | claims
        told = {name: each for name, each in told.items() if each is not None}
        return self.token(told, {"typ": "vnd.ga4gh.visa+jwt", "jku": self.jku} | (header or {}), key)

    def passport(
        self, *visas: str, sub: str = "anna", header: dict[str, Any] | None = None, **claims: Any
    ) -> str:
        seconds = int(NOW.timestamp())
        told = {
            "iss": self.name,
            "sub": sub,
            "jti": "passport-1",
            "iat": seconds,
            "exp": seconds + 3600,
            "ga4gh_passport_v1": list(visas),
        }
        return self.token(told | claims, {"typ": "vnd.ga4gh.passport+jwt"} | (header or {}))
