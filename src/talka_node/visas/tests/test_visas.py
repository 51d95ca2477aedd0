from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from talka_node.visas import Clearing, Denied, Grants, Mask, PermitClaim, Trust, Untrusting
from talka_node.visas.clearing import CLAIM, SKEW
from talka_node.visas.conditions import like, met
from talka_node.visas.mask import COLUMNS
from talka_node.visas.tests.issuing import DATASETS, NOW, Issuing, fresh, part
from talka_node.visas.tokens import Visa
from talka_query.nodes import All, AskerKind, Diagnosis, IsSex, Purpose, Sex, Use
from talka_query.permits import Permit

pytestmark = pytest.mark.once

RESEARCH = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)
PERMIT = Permit(
    "2026/1", "anna", date(2026, 1, 1), date(2026, 12, 31), frozenset({RESEARCH}), frozenset({"sex"})
)
BONA_FIDE = "https://doi.org/10.1038/s41431-018-0219-y"
MONTH = timedelta(days=30)


class Clock:
    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def hub() -> Issuing:
    return Issuing()


@pytest.fixture
def trust(tmp_path: Path, hub: Issuing) -> Trust:
    found = Trust(tmp_path / "visas")
    hub.trusted_by(found)
    return found


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def clearing(trust: Trust, clock: Clock) -> Clearing:
    return Clearing(trust, DATASETS, clock)


def code(clearing: Clearing, token: str) -> str:
    """Why a token is denied."""
    with pytest.raises(Denied) as why:
        clearing.admit(token)
    return why.value.code


# --- right ones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ES256", "RS256", "EdDSA"])
def test_anna_s_visa_opens_its_dataset_and_no_other(tmp_path: Path, algorithm: str) -> None:
    hub = Issuing(algorithm=algorithm)
    trust = Trust(tmp_path / "visas")
    hub.trusted_by(trust)
    grants = Clearing(trust, DATASETS, Clock()).admit(hub.visa())
    assert grants.datasets == {"bb-1"}
    assert grants.of("bb-2") is None
    assert grants.of("bb-1") is not None


def test_a_passport_opens_what_its_visas_open(hub: Issuing, clearing: Clearing) -> None:
    token = hub.passport(hub.visa(), hub.visa(f"{DATASETS}bb-2"), hub.visa(f"{DATASETS}bb-3", exp=1))
    assert clearing.admit(token).datasets == {"bb-1", "bb-2"}


def test_a_passport_may_bundle_other_issuers_visas(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    committee = Issuing("https://committee.example/", "EdDSA", "key-1")
    committee.trusted_by(trust, "committee.jwks.json", passports=False)
    token = hub.passport(
        committee.visa(sub="5f2c"), hub.visa("5f2c,https:%2F%2Fcommittee.example%2F", "LinkedIdentities")
    )
    assert clearing.admit(token).datasets == {"bb-1"}
    assert code(clearing, committee.passport(committee.visa())) == "untrusted"


def test_a_holder_is_named_by_nothing_that_was_signed(hub: Issuing, clearing: Clearing) -> None:
    one, again, other = (clearing.admit(hub.visa(sub=each)) for each in ("anna", "anna", "bruno"))
    assert one.holder == again.holder != other.holder
    assert one.of("bb-1") != again.of("bb-1")  # another jti
    assert not any(each.isdigit() for each in one.holder + one.by_dataset["bb-1"].visa)


def test_a_clock_may_be_off_by_a_minute(hub: Issuing, clearing: Clearing, clock: Clock) -> None:
    token = hub.visa(nbf=int(NOW.timestamp()))
    for moved, opened in ((-SKEW, True), (-SKEW - 61, False)):
        clock.at = NOW + timedelta(seconds=moved)
        fresh_clearing = Clearing(clearing.trust, DATASETS, clock)
        assert opens(fresh_clearing, token) is opened
    for moved, opened in ((SKEW - 1, True), (SKEW, False)):
        clock.at = NOW + MONTH + timedelta(seconds=moved)
        assert opens(Clearing(clearing.trust, DATASETS, clock), token) is opened


def opens(clearing: Clearing, token: str) -> bool:
    try:
        return clearing.admit(token).datasets == {"bb-1"}
    except Denied:
        return False


# --- wrong ones -------------------------------------------------------------------------------------------


def seconds(**ago: float) -> int:
    return int((NOW + timedelta(**ago)).timestamp())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"exp": seconds(minutes=-2)}, "expired"),
        ({"exp": None}, "time"),
        ({"exp": "tomorrow"}, "time"),
        ({"exp": True}, "time"),
        ({"iat": seconds(minutes=2)}, "early"),
        ({"iat": None}, "time"),
        ({"nbf": seconds(minutes=2)}, "early"),
        ({"jti": None}, "claims"),
        ({"sub": None}, "claims"),
        ({"iss": None}, "claims"),
        ({"iss": "https://hub.example"}, "issuer"),
        ({"iss": ["https://hub.example/"]}, "claims"),
        ({"aud": "https://other.example"}, "audience"),
        ({"aud": []}, "audience"),
        ({"scope": "openid"}, "scope"),
        ({"ga4gh_visa_v1": None}, "visa"),
        ({"said": {"asserted": seconds(minutes=2)}}, "early"),
        ({"said": {"asserted": None}}, "time"),
        ({"said": {"source": None}}, "claims"),
        ({"said": {"source": "https://" + "a" * 250}}, "visa"),
        ({"value": "bb-1"}, "dataset"),
        ({"value": DATASETS}, "dataset"),
        ({"value": "https://other.example/datasets/bb-1"}, "dataset"),
        ({"by": None}, "by"),
        ({"by": "self"}, "by"),
        ({"by": "DAC"}, "by"),
        ({"type": "ResearcherStatus"}, "grants"),
        ({"type": "https://other.example/type"}, "untrusted"),
        ({"said": {"conditions": [[{"type": "ResearcherStatus"}]]}}, "conditions"),
        ({"said": {"conditions": "none"}}, "conditions"),
        ({CLAIM: {}}, "permit"),
        ({CLAIM: "all"}, "permit"),
        ({"header": {"typ": "vnd.ga4gh.passport+jwt"}}, "type"),
        ({"header": {"kid": None}}, "key"),
        ({"header": {"kid": "hub-2"}}, "key"),
        ({"header": {"kid": ["hub-1"]}}, "key"),
        ({"header": {"jku": "https://evil.example/jwks.json"}}, "jku"),
        ({"header": {"jku": None}}, "jku"),
        ({"header": {"crit": ["exp"]}}, "header"),
        ({"header": {"jwk": {"kty": "EC"}}}, "header"),
        ({"header": {"x5u": "https://evil.example"}}, "header"),
        ({"header": {"b64": False}}, "header"),
        ({"header": {"alg": "none"}}, "algorithm"),
        ({"header": {"alg": None}}, "algorithm"),
        ({"header": {"alg": "HS256"}}, "algorithm"),
        ({"header": {"alg": "ES384"}}, "algorithm"),
        ({"header": {"alg": "RS256"}}, "algorithm"),
        ({"header": {"alg": "es256"}}, "algorithm"),
    ],
)  # fmt: skip
def test_what_is_wrong_opens_nothing(
    hub: Issuing, clearing: Clearing, change: dict[str, Any], why: str
) -> None:
    assert code(clearing, hub.visa(**change)) == why
    with pytest.raises(Denied):  # nor in a passport of its own
        clearing.admit(hub.passport(hub.visa(**change)))


def test_cilda_signs_with_a_key_of_her_own(hub: Issuing, clearing: Clearing) -> None:
    assert code(clearing, hub.visa(key=fresh())) == "signature"


def test_what_was_changed_after_signing(hub: Issuing, clearing: Clearing) -> None:
    head, _, signature = hub.visa().split(".")
    other = hub.visa(f"{DATASETS}bb-2").split(".")[1]
    assert code(clearing, f"{head}.{other}.{signature}") == "signature"


def test_a_token_without_signature(hub: Issuing, clearing: Clearing) -> None:
    head, claims, _ = hub.visa().split(".")
    assert code(clearing, f"{head}.{claims}.") == "signature"
    none = part({"alg": "none", "kid": hub.kid, "jku": hub.jku})
    assert code(clearing, f"{none}.{claims}.") == "algorithm"


@pytest.mark.parametrize("secret", ["pem", "der", "jwk"])
def test_the_public_key_as_a_secret(hub: Issuing, clearing: Clearing, secret: str) -> None:
    public = hub.key.public_key()
    secrets = {
        "pem": public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        "der": public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        "jwk": json.dumps(hub.jwk).encode(),
    }
    claims = hub.visa().split(".")[1]
    for algorithm in ("HS256", "ES256"):
        signed = f"{part({'alg': algorithm, 'kid': hub.kid, 'jku': hub.jku})}.{claims}"
        made = part(hmac.new(secrets[secret], signed.encode(), hashlib.sha256).digest())
        assert code(clearing, f"{signed}.{made}") == ("algorithm" if algorithm == "HS256" else "signature")


def test_one_issuer_s_key_under_another_s_name(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    committee = Issuing("https://committee.example/", kid=hub.kid)  # the same name for another key
    committee.trusted_by(trust, "committee.jwks.json")
    assert clearing.admit(committee.visa()).datasets == {"bb-1"}
    assert code(clearing, committee.visa(iss=hub.name, header={"jku": hub.jku})) == "signature"
    assert code(clearing, committee.visa(header={"jku": hub.jku})) == "jku"


def test_an_issuer_is_believed_only_what_it_is_trusted_with(
    hub: Issuing, trust: Trust, clearing: Clearing
) -> None:
    hub.trusted_by(trust, types=["ResearcherStatus"])
    assert code(clearing, hub.visa()) == "untrusted"
    hub.trusted_by(trust, sources=["https://other.example"])
    assert code(clearing, hub.visa()) == "untrusted"
    hub.trusted_by(trust, by=["self"])
    assert code(clearing, hub.visa()) == "by"
    hub.trusted_by(trust, passports=False)
    assert code(clearing, hub.passport(hub.visa())) == "untrusted"


def test_somebody_else_s_visas_in_a_passport(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    theirs = hub.visa(sub="bruno")
    assert code(clearing, hub.passport(theirs, sub="cilda")) == "grants"
    # Cilda links herself to Bruno by a visa that nobody trusted signed, or that is about neither of them.
    evil = Issuing("https://evil.example/").visa(
        "bruno,https:%2F%2Fhub.example%2F", "LinkedIdentities", sub="cilda"
    )
    other = hub.visa("bruno,https:%2F%2Fhub.example%2F", "LinkedIdentities", sub="dace")
    assert code(clearing, hub.passport(theirs, evil, other, sub="cilda")) == "grants"
    # A broker that is trusted to gather one person's visas links them by its word.
    hub.trusted_by(trust, gathers=True)
    assert clearing.admit(hub.passport(theirs, sub="b-1")).datasets == {"bb-1"}


def test_the_type_of_a_passport_is_demanded(hub: Issuing, clearing: Clearing) -> None:
    assert code(clearing, hub.passport(hub.visa(), header={"typ": "JWT"})) == "type"
    assert code(clearing, hub.passport(hub.visa(), exp=seconds(minutes=-2))) == "expired"
    assert code(clearing, hub.passport(hub.visa(), aud="https://other.example")) == "audience"
    assert code(clearing, hub.passport(*[hub.visa()] * 65)) == "claims"
    assert code(clearing, hub.passport()) == "visa"


def test_a_token_for_this_node_alone(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    place = trust.path / "trust.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"audience": ["https://slimnica.example"]}))
    assert clearing.admit(hub.visa(aud=["https://other.example", "https://slimnica.example"])).datasets == {
        "bb-1"
    }
    assert code(clearing, hub.visa(aud="https://other.example")) == "audience"


def test_a_visa_as_access_token_is_good_for_an_hour(hub: Issuing, clearing: Clearing, clock: Clock) -> None:
    token = hub.visa(header={"jku": None, "typ": "at+jwt"}, scope="openid ga4gh_passport_v1")
    assert clearing.admit(token).datasets == {"bb-1"}
    clock.at = NOW + timedelta(hours=1, seconds=1)
    assert code(clearing, token) == "jku"


@pytest.mark.parametrize(
    "text",
    ["", "a", "a.b", "a.b.c.d", "a.b.c", "ē.b.c", "a" * 70_000, "bnVsbA.e30.", "WzFd.e30.", "e30=.e30.",
     part(b'{"alg":"ES256","alg":"none"}') + ".e30.", part(b'{"alg":NaN}') + ".e30.", part(b"[" * 40_000) + ".e30."],
)  # fmt: skip
def test_what_is_no_token(clearing: Clearing, text: str) -> None:
    assert code(clearing, text) in ("token", "claims")


def test_a_token_has_one_text(hub: Issuing, clearing: Clearing) -> None:
    """The last letter of a signature has bits that mean nothing: another letter must not be another token."""
    token = hub.visa()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    raw = base64.urlsafe_b64decode(token.rpartition(".")[2] + "==")
    alike = [
        token[:-1] + letter
        for letter in letters
        if base64.urlsafe_b64decode((token[:-1] + letter).rpartition(".")[2] + "==") == raw
    ]
    assert len(alike) == 16
    assert [opens(clearing, each) for each in alike] == [each == token for each in alike]


@pytest.fixture(scope="module")
def standing(tmp_path_factory: pytest.TempPathFactory) -> tuple[Clearing, str]:
    """For many examples: a clearing that opens to this token."""
    hub, trust = Issuing(), Trust(tmp_path_factory.mktemp("trust"))
    hub.trusted_by(trust)
    return Clearing(trust, DATASETS, Clock()), hub.visa()


@given(data=st.data())
def test_no_changed_letter_opens_anything(standing: tuple[Clearing, str], data: st.DataObject) -> None:
    clearing, token = standing
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.sampled_from([each for each in "ABCxyz019-_." if each != token[place]]))
    assert not opens(clearing, token[:place] + letter + token[place + 1 :])
    assert opens(clearing, token)


# --- taken back -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "which",
    [
        {"jti": "visa-1"},
        {"kid": "hub-1"},
        {"sub": "anna", "until": seconds(minutes=1)},
        {"permit": "2026/1"},
    ],
    ids=lambda which: min(which),
)
def test_what_is_taken_back_opens_nothing_from_then_on(
    hub: Issuing, trust: Trust, clearing: Clearing, which: dict[str, Any]
) -> None:
    token = hub.visa(**{CLAIM: PermitClaim(PERMIT).plain()})
    bundled = hub.passport(token)
    assert [opens(clearing, each) for each in (token, bundled)] == [True, True]
    trust.revoke("https://other.example/", **which)
    assert [opens(clearing, each) for each in (token, bundled)] == [True, True]
    trust.revoke(hub.name, **which)
    assert code(clearing, token) == "revoked"
    assert code(clearing, bundled) == "revoked"


def test_another_process_takes_back(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    token = hub.visa()
    assert opens(clearing, token)
    Trust(trust.path).revoke(hub.name, jti="visa-1")
    assert code(clearing, token) == "revoked"


def test_who_is_given_a_visa_anew_has_it_anew(
    hub: Issuing, trust: Trust, clearing: Clearing, clock: Clock
) -> None:
    trust.revoke(hub.name, sub="anna", until=seconds())
    assert code(clearing, hub.visa()) == "revoked"
    clock.at = NOW + timedelta(minutes=1)
    assert opens(clearing, hub.visa(at=clock.at))


def test_a_passport_taken_back(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    trust.revoke(hub.name, jti="passport-1")
    assert code(clearing, hub.passport(hub.visa())) == "revoked"


def test_a_key_that_is_trusted_no_more(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    token = hub.visa()
    assert opens(clearing, token)
    trust.put(
        {"issuer": hub.name, "keys": "hub.jwks.json", "jku": [hub.jku]}, {"keys": [Issuing(kid="hub-2").jwk]}
    )
    assert code(clearing, token) == "key"


@pytest.mark.parametrize("file", ["trust.json", "revoked.json", "hub.jwks.json"])
@pytest.mark.parametrize(
    "damage", [None, "{", "[]", '{"revoked": [{"jti": "x"}], "keys": {}, "issuers": {}}']
)
def test_where_the_trust_cannot_be_read_nothing_is_believed(
    hub: Issuing, trust: Trust, clearing: Clearing, file: str, damage: str | None
) -> None:
    token = hub.visa()
    assert opens(clearing, token)
    place = trust.path / file
    if damage is None:
        place.unlink()
    else:
        place.write_text(damage)
    assert code(clearing, token) == ("issuer" if (file, damage) == ("trust.json", None) else "trust")


def test_a_clock_put_back_revives_nothing(hub: Issuing, clearing: Clearing, clock: Clock) -> None:
    token = hub.visa()
    clock.at = NOW + MONTH + timedelta(minutes=2)
    assert code(clearing, token) == "expired"
    clock.at = NOW
    assert code(clearing, token) == "expired"
    assert code(Clearing(clearing.trust, DATASETS, clock, NOW + 2 * MONTH), token) == "expired"


# --- keys -------------------------------------------------------------------------------------------------


@cache
def bad_keys() -> dict[str, Callable[[dict[str, Any]], list[Any]]]:
    small = Issuing(algorithm="RS256", key=fresh("RS256", 1024)).jwk
    other = ec.generate_private_key(ec.SECP384R1()).public_key().public_numbers()
    long = {name: part(getattr(other, name).to_bytes(48, "big")) for name in ("x", "y")}
    return {
        "no kid": lambda jwk: [{**jwk, "kid": ""}],
        "twice": lambda jwk: [jwk, jwk],
        "shared secret": lambda _: [{"kty": "oct", "k": "c2VjcmV0", "kid": "a"}],
        "private": lambda jwk: [{**jwk, "d": jwk["x"]}],
        "encryption": lambda jwk: [{**jwk, "use": "enc"}],
        "signing only": lambda jwk: [{**jwk, "key_ops": ["sign"]}],
        "another alg": lambda jwk: [{**jwk, "alg": "HS256"}],
        "short": lambda _: [small],
        "another curve": lambda jwk: [{**jwk, **long, "crv": "P-384"}],
        "not on the curve": lambda jwk: [{**jwk, "x": jwk["y"]}],
        "no object": lambda _: ["key"],
        "no list": lambda jwk: jwk,
    }


@pytest.mark.parametrize("what", bad_keys())
def test_keys_that_nothing_is_trusted_by(hub: Issuing, tmp_path: Path, what: str) -> None:
    trust = Trust(tmp_path / "other")
    with pytest.raises(Untrusting):
        trust.put({"issuer": hub.name, "keys": "hub.jwks.json"}, {"keys": bad_keys()[what](hub.jwk)})
    assert trust.believed().issuers == {}


# --- conditions -------------------------------------------------------------------------------------------


def stated(kind: str, value: str, by: str | None = "so", conditions: Any = None) -> Visa:
    return Visa("i", "anna", "j", "k", 0, 1, kind, value, "https://uni.example", 0, by, conditions, {})


FACULTY = stated("AffiliationAndRole", "faculty@uni.example")
BONA = stated("ResearcherStatus", BONA_FIDE, "peer")
TERMS = stated("AcceptedTermsAndPolicies", "https://terms.example", "self")


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ([[{"type": "AffiliationAndRole", "value": "const:faculty@uni.example"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "const:Faculty@uni.example"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "const:faculty"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "pattern:faculty@*"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "pattern:f?culty@uni.e*e"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "pattern:faculty@"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "faculty@uni.example"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "regexp:.*"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "const:faculty@uni.example", "by": "const:so"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "const:faculty@uni.example", "by": "const:dac"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "pattern:*"},
           {"type": "ResearcherStatus", "by": "const:peer"}]], True),
        ([[{"type": "AffiliationAndRole", "value": "pattern:*"},
           {"type": "ResearcherStatus", "by": "const:so"}]], False),
        ([[{"type": "LinkedIdentities", "value": "pattern:*"}],
          [{"type": "AcceptedTermsAndPolicies", "value": "const:https://terms.example"}]], True),
        ([[{"type": "AffiliationAndRole", "value": f"const:{BONA_FIDE}"}]], False),
        ([[{"type": "AffiliationAndRole", "value": "split_pattern:faculty@*"}]], True),
        ([[{"type": "ResearcherStatus"}]], False),
        ([[{"value": "pattern:*"}]], False),
        ([[{"type": "ResearcherStatus", "value": "pattern:*", "asserted": "pattern:*"}]], False),
        ([[{"type": "ResearcherStatus", "value": "pattern:*", "conditions": []}]], False),
        ([[{"type": "ResearcherStatus", "value": 1}]], False),
        ([[]], False),
        ([], False),
        ({}, False),
        (None, False),
        ([[{"type": "ResearcherStatus", "value": "pattern:*"}, "x"]], False),
    ],
)  # fmt: skip
def test_conditions(conditions: Any, expected: bool) -> None:
    assert met(conditions, [FACULTY, BONA, TERMS]) is expected


def test_a_visa_with_conditions_meets_none() -> None:
    wanted = [[{"type": "ResearcherStatus", "value": f"const:{BONA_FIDE}"}]]
    assert met(wanted, [BONA]) is True
    assert met(wanted, [replace(BONA, conditions=wanted)]) is False


def test_one_visa_must_fit_a_whole_clause() -> None:
    wanted = [[{"type": "ResearcherStatus", "value": f"const:{BONA_FIDE}", "by": "const:so"}]]
    assert met(wanted, [BONA, stated("ResearcherStatus", "https://other.example", "so")]) is False
    assert met(wanted, [replace(BONA, by=None)]) is False


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns(pattern: str, text: str) -> None:
    def slow(pattern: str, text: str) -> bool:
        if not pattern:
            return not text
        if pattern[0] == "*":
            return any(slow(pattern[1:], text[at:]) for at in range(len(text) + 1))
        return bool(text) and pattern[0] in ("?", text[0]) and slow(pattern[1:], text[1:])

    assert like(pattern, text) is slow(pattern, text)


def test_a_grant_on_condition(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    grant = hub.visa(said={"conditions": [[{"type": "ResearcherStatus", "value": f"const:{BONA_FIDE}"}]]})
    status = hub.visa(BONA_FIDE, "ResearcherStatus", by="so")
    assert clearing.admit(hub.passport(grant, status)).datasets == {"bb-1"}
    assert code(clearing, hub.passport(grant)) == "conditions"
    assert code(clearing, hub.passport(grant, hub.visa(BONA_FIDE, "ResearcherStatus", exp=1))) == "conditions"
    assert (
        code(clearing, hub.passport(grant, hub.visa(BONA_FIDE, "ResearcherStatus", sub="bruno")))
        == "conditions"
    )


def test_what_the_node_itself_demands(hub: Issuing, trust: Trust, clearing: Clearing) -> None:
    place = trust.path / "trust.json"
    demanded = [[{"type": "AcceptedTermsAndPolicies", "value": "const:https://terms.example"}]]
    place.write_text(json.dumps(json.loads(place.read_text()) | {"requires": {"bb-1": demanded}}))
    terms = hub.visa("https://terms.example", "AcceptedTermsAndPolicies", by="self")
    assert code(clearing, hub.visa()) == "conditions"
    assert clearing.admit(hub.visa(f"{DATASETS}bb-2")).datasets == {"bb-2"}
    assert clearing.admit(hub.passport(hub.visa(), terms)).datasets == {"bb-1"}


# --- permits ----------------------------------------------------------------------------------------------


def granted(hub: Issuing, clearing: Clearing, claim: Any) -> Grants:
    return clearing.admit(hub.visa(**{CLAIM: claim}))


def test_a_visa_carries_its_permit(hub: Issuing, clearing: Clearing) -> None:
    claim = PermitClaim(PERMIT, IsSex(frozenset({Sex.FEMALE})), frozenset({"donors.sex", "diagnoses.code"}))
    grant = granted(hub, clearing, claim.plain()).by_dataset["bb-1"]
    assert grant.claim == claim
    assert claim.stated == RESEARCH
    assert grant.mask == Mask(frozenset({"donors.sex", "diagnoses.code"}))


def test_a_permit_has_its_days(hub: Issuing, clearing: Clearing) -> None:
    for permit in (replace(PERMIT, since=date(2026, 2, 1)), replace(PERMIT, until=date(2026, 1, 30))):
        with pytest.raises(Denied, match="does not run today"):
            granted(hub, clearing, PermitClaim(permit).plain())


@pytest.mark.parametrize(
    "change",
    [
        {"columns": ["donors.name"]},
        {"columns": "all"},
        {"such_that": {"is": "shoe_size"}},
        {"rows": "all"},
        {"version": 2},
        {"purpose": {"use": "biomedical", "asker": "company"}},
        {"permit": {"permit": "2026/1"}},
    ],
)
def test_a_permit_that_cannot_be_enforced_opens_nothing(
    hub: Issuing, clearing: Clearing, change: dict[str, Any]
) -> None:
    assert code(clearing, hub.visa(**{CLAIM: PermitClaim(PERMIT, All()).plain() | change})) == "permit"


def test_the_purpose_of_several_is_named(hub: Issuing, clearing: Clearing) -> None:
    methods = Purpose(Use.METHODS, AskerKind.ACADEMIC)
    several = replace(PERMIT, purposes=frozenset({RESEARCH, methods}))
    assert code(clearing, hub.visa(**{CLAIM: PermitClaim(several).plain()})) == "permit"
    chosen = PermitClaim(several, purpose=methods)
    assert granted(hub, clearing, chosen.plain()).by_dataset["bb-1"].claim == chosen


def test_a_permit_s_criteria_are_said_in_its_claim() -> None:
    claim = PermitClaim(PERMIT, Diagnosis(frozenset({"E11"})), frozenset(COLUMNS))
    assert claim.plain()["such_that"] == {"codes": ["E11"], "is": "diagnosis"}
