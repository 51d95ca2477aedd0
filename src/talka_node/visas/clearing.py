"""From a token to what it opens: a passport with its visas, or a visa alone, and nothing that is not proved.

A visa opens a dataset if a trusted issuer signed it, now is within its time, nobody took it back, what it demands of
other visas is met, and so is what the node demands for the dataset. Visas of a passport count if they are about the
person whom the passport is about; where they name somebody else, only a `LinkedIdentities` visa joins the two.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote

from talka_node.visas import conditions
from talka_node.visas.mask import COLUMNS, Mask
from talka_node.visas.tokens import MOST_VISAS, PASSPORT, Denied, Token, Visa, read, time, verify, visa_of
from talka_node.visas.trust import GRANT, Believed, Trust, Untrusting
from talka_query import permits, wire
from talka_query.nodes import Criterion, Purpose
from talka_query.permits import Permit

SKEW = 60.0  # seconds that another's clock may be off
UNLINKED = (
    3600.0  # seconds that a visa without a key set's address is good for, as the profile says of such tokens
)
CLAIM = "talka_permit_v1"
REMEMBERED = 4096  # verified tokens; a verification takes about 100 µs


@dataclass(frozen=True, slots=True)
class PermitClaim:
    """Our own claim in a grant: the permit it rests on, as the node enforces it.

    `permit`: what its holder may ask. `such_that`: only these donors, whatever is asked. `columns`: only these, of
    `mask.COLUMNS`; None: all. `purpose`: for which of the permit's purposes records are read; None where it has one.
    """

    permit: Permit
    such_that: Criterion | None = None
    columns: frozenset[str] | None = None
    purpose: Purpose | None = None
    version: int = 1

    @property
    def stated(self) -> Purpose:
        if self.purpose is not None:
            return self.purpose
        [only] = self.permit.purposes
        return only

    @property
    def mask(self) -> Mask:
        return Mask(self.columns, self.permit.diagnoses, self.permit.biobanks, self.permit.recent)

    def plain(self) -> Any:
        """As the claim's JSON."""
        return wire.encode(self)


def claim_of(told: Any) -> PermitClaim:
    """The permit of a claim. Denied where it is not one that can be enforced: nothing of it is passed over."""
    try:
        if not isinstance(told, dict):
            raise wire.Malformed("", "is no object")
        wire.check_version(told)
        claim = wire.decode(PermitClaim, told)
        permits.read_permit(told.get("permit"))
    except wire.Malformed as why:
        raise Denied("permit", f"{CLAIM}: {why}") from None
    if claim.columns is not None and (unknown := sorted(claim.columns - COLUMNS)):
        raise Denied("permit", f"{CLAIM}: there is no column {wire.masked(unknown[0])[:40]!r}")
    if claim.purpose is None and len(claim.permit.purposes) != 1:
        raise Denied("permit", f"{CLAIM}: purpose says for which of the permit's purposes records are read")
    if claim.purpose is not None and claim.purpose not in claim.permit.purposes:
        raise Denied("permit", f"{CLAIM}: the purpose is none of the permit's")
    return claim


@dataclass(frozen=True, slots=True)
class Grant:
    """One dataset, opened by a visa. `visa`: SHA-256 of its issuer and jti, by which the journal names it; `claim`: the
    permit it rests on, None for a grant of the whole dataset."""

    dataset: str
    visa: str
    expires: float
    claim: PermitClaim | None = None

    @property
    def mask(self) -> Mask:
        return Mask() if self.claim is None else self.claim.mask

    def runs(self, on: date) -> bool:
        """Whether the permit runs on the day; a grant without one does."""
        return self.claim is None or self.claim.permit.since <= on <= self.claim.permit.until


@dataclass(frozen=True, slots=True)
class Grants:
    """What a token opens. `holder`: a name for its holder that only tells equal from different."""

    holder: str
    by_dataset: Mapping[str, Grant]

    def of(self, dataset: str) -> Grant | None:
        return self.by_dataset.get(dataset)

    @property
    def datasets(self) -> frozenset[str]:
        return frozenset(self.by_dataset)


class Clearing:
    """Judges tokens. `datasets`: what stands before a dataset's id in the value of a grant, or what tells it now.

    `clock` gives the time, with its zone; it only moves forward here, so that a clock put back revives no visa, and is
    never before `since`: the last day that the node wrote down. Safe for several threads.
    """

    def __init__(
        self,
        trust: Trust,
        datasets: str | Callable[[], str],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        since: datetime | None = None,
    ) -> None:
        self.trust, self.clock = trust, clock
        self._datasets = datasets
        self._latest = -1.0 if since is None else since.timestamp()
        self._verified: OrderedDict[tuple[int, bytes], Token] = OrderedDict()
        self._lock = threading.Lock()

    def admit(self, text: str) -> Grants:
        """What the token opens. Denied where it is not to be believed at all, or opens nothing; of a passport's visas
        those that are not to be believed are passed over."""
        try:
            believed = self.trust.believed()
        except Untrusting:
            raise Denied("trust", "this node cannot read whom it trusts, so it takes no visas now") from None
        now = self._now()
        token = self._signed(text, believed)
        if "ga4gh_passport_v1" not in token.claims:
            visa = self._visa(token, believed, now)
            me = visa.issuer, visa.subject
            return self._granted([visa], me, {me}, believed, now)
        return self._passport(token, believed, now)

    def _now(self) -> float:
        with self._lock:
            self._latest = max(self._latest, self.clock().timestamp())
            return self._latest

    # --- tokens -------------------------------------------------------------------------------------------

    def _signed(self, text: str, believed: Believed) -> Token:
        """The token, signed by the key of its issuer that it names. Times are not looked at yet."""
        which = believed.version, sha256(text.encode()).digest()
        with self._lock:
            if (kept := self._verified.get(which)) is not None:
                self._verified.move_to_end(which)
                return kept
        token = read(text)
        kid = token.header.get("kid")
        if not isinstance(kid, str):
            raise Denied("key", "the token's header names its key, kid")
        key = believed.key(token.issuer, kid)
        jku = token.header.get("jku")
        if jku is not None and jku not in believed.issuers[token.issuer].jku:
            raise Denied("jku", "the address of the key set is none that this node knows of the issuer")
        verify(token, key)
        with self._lock:
            self._verified[which] = token
            if len(self._verified) > REMEMBERED:
                self._verified.popitem(last=False)
        return token

    def _timely(self, token: Token, believed: Believed, now: float) -> None:
        """Denied unless it is for this node, and now is its time."""
        claims = token.claims
        if time(claims, "exp") <= now - SKEW:
            raise Denied("expired", "the token has expired")
        if time(claims, "iat") > now + SKEW or ("nbf" in claims and time(claims, "nbf") > now + SKEW):
            raise Denied("early", "the token is not valid yet; is its issuer's clock right?")
        audience = claims.get("aud")
        if audience is not None:
            named = [audience] if isinstance(audience, str) else audience
            if not isinstance(named, list) or believed.audience.isdisjoint(map(str, named)):
                raise Denied("audience", "the token is for somebody else")

    def _visa(self, token: Token, believed: Believed, now: float) -> Visa:
        self._timely(token, believed, now)
        visa = visa_of(token)
        issuer = believed.issuers[visa.issuer]
        scopes = str(token.claims.get("scope", "")).split()
        if "jku" in token.header:
            if "openid" in scopes:
                raise Denied("scope", "a visa with jku is no access token, so its scope has no openid")
        elif "openid" not in scopes or visa.issued < now - UNLINKED:
            raise Denied(
                "jku", "a visa names its key set, jku; one without is an access token, good for an hour"
            )
        if visa.asserted > now + SKEW:
            raise Denied("early", "the statement of the visa was made in the future")
        if visa.type not in issuer.types or (issuer.sources and visa.source not in issuer.sources):
            raise Denied("untrusted", "this node does not believe the issuer such statements")
        believed.refuse_revoked(visa, _named_permit(visa))
        return visa

    def _passport(self, token: Token, believed: Believed, now: float) -> Grants:
        issuer = believed.issuers[token.issuer]
        if not issuer.passports:
            raise Denied("untrusted", "this node takes no passports of the issuer")
        if token.kind != PASSPORT:
            raise Denied("type", f"the type of a passport is {PASSPORT}")
        self._timely(token, believed, now)
        subject, listed = token.claims.get("sub"), token.claims["ga4gh_passport_v1"]
        if not isinstance(subject, str) or not isinstance(listed, list) or len(listed) > MOST_VISAS:
            raise Denied("claims", f"a passport has a sub, and at most {MOST_VISAS} visas")
        name = token.claims.get("jti")
        if (token.issuer, name) in believed.tokens or time(token.claims, "iat") <= believed.subjects.get(
            (token.issuer, subject), -1
        ):
            raise Denied("revoked", "the passport was taken back")
        visas, first = [], None
        for each in listed:
            try:
                visas.append(self._visa(self._signed(str(each), believed), believed, now))
            except Denied as why:
                first = first or why
        if not visas:
            raise first or Denied("visa", "the passport has no visas")
        me = token.issuer, subject
        who = {me}
        if issuer.gathers:
            who |= {(visa.issuer, visa.subject) for visa in visas}
        return self._granted(visas, me, _linked(who, visas), believed, now)

    # --- what they open -----------------------------------------------------------------------------------

    def _granted(
        self,
        visas: list[Visa],
        me: tuple[str, str],
        who: set[tuple[str, str]],
        believed: Believed,
        now: float,
    ) -> Grants:
        theirs = [visa for visa in visas if (visa.issuer, visa.subject) in who]
        today = datetime.fromtimestamp(now, UTC).date()
        found: dict[str, Grant] = {}
        first: Denied | None = None
        for visa in theirs:
            if visa.type != GRANT:
                continue
            try:
                grant = self._grant(visa, theirs, believed)
                if not grant.runs(today):
                    raise Denied("permit", "the permit behind the visa does not run today")
            except Denied as why:
                first = first or why
                continue
            kept = found.get(grant.dataset)
            # Of several the one without a permit, which opens most; of those, the one that lasts longest.
            if kept is None or _order(grant) > _order(kept):
                found[grant.dataset] = grant
        if not found:
            raise first or Denied("grants", "the token opens no dataset of this node")
        name = "\n".join(me).encode()
        return Grants("visa-" + _letters(sha256(b"talka visa holder\n" + name).hexdigest()[:24]), found)

    def _grant(self, visa: Visa, others: Iterable[Visa], believed: Believed) -> Grant:
        if visa.by not in believed.issuers[visa.issuer].by:
            raise Denied("by", "the grant was not made by an authority that may make it")
        before = self._datasets if isinstance(self._datasets, str) else self._datasets()
        dataset = visa.value.removeprefix(before)
        if not before or dataset == visa.value or not dataset:
            raise Denied("dataset", "the grant is for a dataset of somebody else")
        others = [each for each in others if each is not visa]
        if visa.conditions is not None and not conditions.met(visa.conditions, others):
            raise Denied("conditions", "what the visa demands of the other visas is not met")
        for name in (dataset, "*"):
            if name in believed.requires and not conditions.met(believed.requires[name], others):
                raise Denied("conditions", "what this node demands for the dataset is not met")
        claim = claim_of(visa.claims[CLAIM]) if CLAIM in visa.claims else None
        called = sha256(f"{visa.issuer}\n{visa.jti}".encode()).hexdigest()
        return Grant(dataset, _letters(called), visa.expires, claim)


def _order(grant: Grant) -> tuple[bool, float]:
    return grant.claim is None, grant.expires


def _named_permit(visa: Visa) -> str | None:
    """The name of the visa's permit, whether or not all else of the claim is right."""
    told = visa.claims.get(CLAIM)
    inner = told.get("permit") if isinstance(told, dict) else None
    name = inner.get("permit") if isinstance(inner, dict) else None
    return name if isinstance(name, str) else None


def _linked(who: set[tuple[str, str]], visas: Iterable[Visa]) -> set[tuple[str, str]]:
    """All identities that are one person's, as far as visas link them: each joins its own with those in its value."""
    groups = [
        {(visa.issuer, visa.subject), *_identities(visa.value)}
        for visa in visas
        if visa.type == "LinkedIdentities" and visa.conditions is None
    ]
    found, grown = set(who), True
    while grown:
        more = [group for group in groups if not group.isdisjoint(found) and not group <= found]
        for group in more:
            found |= group
        grown = bool(more)
    return found


def _identities(value: str) -> Iterable[tuple[str, str]]:
    """(issuer, subject) of each "sub,iss" of the list, both percent-encoded."""
    for each in value.split(";"):
        subject, comma, issuer = each.partition(",")
        if comma and subject and issuer:
            yield unquote(issuer), unquote(subject)


def _letters(digest: str) -> str:
    """A digest in letters alone: among digits there may be what looks like a personal code."""
    return digest.translate(str.maketrans("0123456789", "ghijklmnop"))
