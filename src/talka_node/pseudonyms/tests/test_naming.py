"""From codes to pseudonyms, against a real key server: resumable, proven, charged once, and nothing shown."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_keys import suite
from talka_keys.service import Service
from talka_keys.tests.running import YEAR, Clock
from talka_node.pseudonyms import changes, personal
from talka_node.pseudonyms.client import Answer, Epoch, KeyServer, Refused, Unreachable
from talka_node.pseudonyms.naming import ATTEMPTS, Done, Namer
from talka_node.pseudonyms.personal import Code
from talka_node.pseudonyms.table import KeyChanged, Table
from talka_node.pseudonyms.tests import invented
from talka_node.pseudonyms.tests.tls import serving_over_tls

pytestmark = pytest.mark.once

TEXTS = [invented.old(date(1950, 1, 1) + timedelta(days=37 * number), number) for number in range(30)]


def rows(first: int = 0, last: int = len(TEXTS)) -> Iterator[tuple[int, Code]]:
    """Donor n has the n-th code."""
    return ((number, personal.read(TEXTS[number])) for number in range(first, last))


@dataclass
class Between:
    """The real key server, with something in between: `spoil` sees each answer, `drop` tells which are lost."""

    server: KeyServer
    spoil: dict[int, bytes] = field(default_factory=dict)
    drop: set[int] = field(default_factory=set)
    asked: list[int] = field(default_factory=list)

    def epochs(self) -> list[Epoch]:
        return self.server.epochs()

    def evaluate(self, epoch: int, blinded: Sequence[bytes]) -> Answer:
        answer = self.server.evaluate(epoch, blinded)
        number = len(self.asked)
        self.asked.append(len(blinded))
        if number in self.drop:
            raise Unreachable("the line was cut after the key server had answered")
        if number in self.spoil:
            return replace(answer, evaluated=[*answer.evaluated[:-1], self.spoil[number]])
        return answer


def test_the_same_code_has_the_same_pseudonym_everywhere_and_in_every_batch(
    server: KeyServer, table: Table, tmp_path: Path
) -> None:
    other = Table(tmp_path / "other.db")
    assert Namer(server, table).name(rows(), batch=7) == Done(1, 30, 0)
    assert Namer(server, other).name(rows(), batch=30, workers=3) == Done(1, 30, 0)
    names = [table.pseudonym(1, donor) for donor in range(30)]
    assert names == [other.pseudonym(1, donor) for donor in range(30)]
    assert len(set(names)) == 30
    other.close()


def test_it_is_the_prf_of_the_eleven_digits(server: KeyServer, table: Table, keys: Service) -> None:
    Namer(server, table).name(rows(0, 1))
    secret = keys.vault.newest().secret
    assert secret
    digits = TEXTS[0].replace("-", "").encode()
    element = suite.times(secret, suite.hash_to_group(suite.Mode.VOPRF, digits))
    framed = len(digits).to_bytes(2, "big") + digits + (32).to_bytes(2, "big") + element + b"Finalize"
    assert table.pseudonym(1, 0) == hashlib.sha512(framed).digest()[:32]


def test_donors_that_have_one_are_passed_over_unless_anew(
    server: KeyServer, table: Table, keys: Service
) -> None:
    namer = Namer(server, table)
    told: list[int] = []
    assert namer.name(rows(0, 10)) == Done(1, 10, 0)
    assert namer.name(rows(), batch=8, progress=told.append) == Done(1, 20, 10)
    assert told == [18, 26, 30]
    assert keys.ledger.spent("anna", 1, keys.clock())[1] == 30
    corrected = [(3, personal.read(TEXTS[4]))]
    assert namer.name(corrected, anew=True) == Done(1, 1, 0)
    assert table.donors_of(1, table.pseudonym(1, 4) or b"") == [3, 4]


def test_of_an_unproven_batch_nothing_is_kept_and_the_next_call_goes_on(
    server: KeyServer, table: Table
) -> None:
    between = Between(server, spoil={2: suite.GENERATOR})
    with pytest.raises(
        suite.BadProof, match="epoch 1, a batch of 7: the elements were not evaluated with the key"
    ):
        Namer(between, table).name(rows(), batch=7)
    assert table.donors(1) == set(range(14))
    assert Namer(server, table).name(rows(), batch=7) == Done(1, 16, 14)


def test_with_several_under_way_the_proven_ones_are_kept(server: KeyServer, table: Table) -> None:
    between = Between(server, spoil={0: suite.GENERATOR})
    with pytest.raises(suite.BadProof):
        Namer(between, table).name(rows(0, 14), batch=7, workers=2)
    assert len(table.donors(1)) == 7


def test_a_lost_answer_is_asked_for_again_and_charged_once(
    server: KeyServer, table: Table, keys: Service
) -> None:
    between = Between(server, drop={0, 1})
    assert Namer(between, table, pause=0).name(rows()) == Done(1, 30, 0)
    assert between.asked == [30, 30, 30]
    assert keys.ledger.spent("anna", 1, keys.clock()) == (30, 30)
    between = Between(server, drop=set(range(ATTEMPTS)))
    with pytest.raises(Unreachable, match="the line was cut"):
        Namer(between, table, pause=0).name([(99, personal.read(invented.new(1)))])
    assert 99 not in table.donors(1)


def test_a_spent_quota_says_when_to_come_back_and_what_was_done_stays(
    server: KeyServer, table: Table, clock: Clock
) -> None:
    many = [invented.new(number) for number in range(505)]

    def donors() -> Iterator[tuple[int, Code]]:
        return ((donor, personal.read(text)) for donor, text in enumerate(many))

    with pytest.raises(Refused, match="55 evaluations were asked for, 50 of 500 are left today") as refused:
        Namer(server, table).name(donors(), batch=150)
    assert len(table.donors(1)) == 450
    assert refused.value.code == "quota-day"
    assert refused.value.come_back
    clock.now = refused.value.come_back
    assert Namer(server, table).name(donors(), batch=150) == Done(1, 55, 450)


def test_codes_are_wiped_whatever_happens(server: KeyServer, table: Table) -> None:
    used = [*rows(0, 9), *rows(0, 2)]
    Namer(server, table).name(used[:5], batch=2)
    Namer(server, table).name(used[3:5], batch=2)
    with pytest.raises(suite.BadProof):
        Namer(Between(server, spoil={0: suite.GENERATOR}), table).name(used[5:], batch=2)
    for _, code in used[:7]:
        with pytest.raises(ValueError, match="was wiped"):
            _ = code.digits


def test_after_rotation_pseudonyms_are_others_and_the_old_epoch_stays_readable(
    server: KeyServer, table: Table, keys: Service, clock: Clock
) -> None:
    Namer(server, table).name(rows())
    keys.vault.rotate(clock.now, timedelta(days=30), YEAR)
    namer = Namer(server, table)
    assert namer.name(rows()) == Done(2, 30, 0)
    both = [{table.pseudonym(epoch, donor) for donor in range(30)} for epoch in (1, 2)]
    assert both[0].isdisjoint(both[1])
    assert Namer(server, table, epoch=1).name(rows()) == Done(1, 0, 30)
    clock.now += timedelta(days=30)
    with pytest.raises(LookupError, match="the key server has no open epoch 1"):
        Namer(server, table, epoch=1)
    table.forget_epoch(1)
    assert table.epochs() == [2]


def test_another_key_under_the_same_number_is_refused(server: KeyServer, table: Table, keys: Service) -> None:
    Namer(server, table)
    other = suite.public_of(suite.random_scalar())
    with pytest.raises(KeyChanged, match=f"announces the key {other.hex()} for epoch 1, before it was"):
        table.begin(1, other)


def test_a_rewritten_journal_is_noticed(table: Table) -> None:
    table.note_head(7, "a" * 64)
    table.note_head(7, "a" * 64)
    table.note_head(8, "b" * 64)
    assert table.rewritten() == []
    table.note_head(7, "c" * 64)
    assert table.rewritten() == [7]


# --- whom is asked ------------------------------------------------------------------------------------------


def test_bruno_signs_with_a_key_that_is_not_registered(server: KeyServer, table: Table, clock: Clock) -> None:
    bruno = KeyServer(f"http://127.0.0.1:{server._port}", "anna", Ed25519PrivateKey.generate(), clock=clock)
    with pytest.raises(Refused, match="no registered node signed this"):
        Namer(bruno, table).name(rows(0, 1))
    assert table.donors(1) == set()


def test_nobody_listens(table: Table) -> None:
    nobody = KeyServer("http://127.0.0.1:9", "anna", Ed25519PrivateKey.generate())
    with pytest.raises(Unreachable, match=r"the key server at 127\.0\.0\.1:9 does not answer"):
        Namer(nobody, table)


@pytest.mark.parametrize(
    "address", ["keys.example", "ftp://keys.example", "https://keys.example/path", "http://keys.example"]
)
def test_an_address_that_will_not_do(address: str) -> None:
    with pytest.raises(ValueError, match="https"):
        KeyServer(address, "anna", Ed25519PrivateKey.generate())


# --- nothing is shown ---------------------------------------------------------------------------------------


def forms_of(text: str) -> Iterator[bytes]:
    """A code as it might be written by mistake, its plain hashes among them."""
    plain = text.replace("-", "")
    for written in (text, plain, plain[:6], plain[6:]):
        yield written.encode()
        yield written.encode("utf-16-le")
    for written in (text, plain):
        for name in ("md5", "sha1", "sha256", "sha512", "blake2b", "sha3_256"):
            digest = hashlib.new(name, written.encode())
            yield digest.digest()
            yield digest.hexdigest().encode()
            yield base64.b64encode(digest.digest())
        yield base64.b64encode(written.encode())
        yield int(plain).to_bytes(8, "little")
        yield int(plain).to_bytes(8, "big")


def keyed_forms_of(text: str, keys: list[bytes]) -> Iterator[bytes]:
    for key in keys:
        for written in (text, text.replace("-", "")):
            digest = hmac.digest(key, written.encode(), "sha256")
            yield digest[:16]
            yield digest[:16].hex().encode()


def test_no_code_is_found_in_anything_that_was_written(
    server: KeyServer,
    table: Table,
    keys: Service,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Everything is done once, with every kind of failure; then each file, log line, error and output is searched."""
    caplog.set_level(logging.DEBUG)
    register = Ed25519PrivateKey.generate()
    bad = TEXTS[0][:-1] + str((int(TEXTS[0][-1]) + 1) % 10)
    errors: list[str] = []
    namer = Namer(server, table, pause=0)
    namer.name(rows(0, 20), workers=2, batch=4)
    for attempt in (
        lambda: personal.read(bad),
        lambda: Namer(Between(server, spoil={0: suite.GENERATOR}), table).name(rows(20, 25)),
        lambda: Namer(Between(server, drop={0, 1, 2, 3}), table, pause=0).name(rows(20, 25)),
        lambda: Namer(server, table).name(
            [(donor, personal.read(invented.new(donor))) for donor in range(600, 1200)]
        ),
        lambda: changes.apply(
            [
                *changes.write(register, [(date(2020, 1, 1), TEXTS[1], invented.new(7))]),
                '{"change": "' + TEXTS[2],
            ],
            register.public_key(),
            table,
            namer,
        ),
    ):
        with pytest.raises((ValueError, OSError, Refused)) as error:
            attempt()
        errors.append(repr(error.value) + str(error.value.__cause__))
    table.begin_project("P-1", 1)
    told = table.project_pseudonyms("P-1", range(30))
    assert len(told) == 20
    assert len(table._changes(1)) == 1

    output = capfd.readouterr()
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"identity.db", "keys.json", "ledger.db"} <= {path.name for path in files}
    written = b"\n".join(path.read_bytes() for path in files)
    written += "\n".join([caplog.text, output.out, output.err, *errors, *told.values(), repr(namer)]).encode()
    # What an attacker with the node's own files has for keys, tried on every code as a keyed hash.
    project_keys = [key for [key] in table._link.execute("select key from projects")]
    found = [*project_keys, namer.public_key, keys.vault.newest().public]
    for text in [*TEXTS, invented.new(7), bad]:
        for form in (*forms_of(text), *keyed_forms_of(text, found)):
            assert form not in written, form
    assert (tmp_path / "node" / "identity.db").stat().st_mode & 0o777 == 0o600


def test_a_key_server_elsewhere_is_asked_over_tls(keys: Service, tmp_path: Path) -> None:
    """`talka-keys serve --certificate …` in a process of its own, and a node that trusts that certificate."""
    with serving_over_tls(tmp_path / "keys", tmp_path) as (address, trust):
        trusted = KeyServer(address, "anna", Ed25519PrivateKey.generate(), trust=trust)
        assert [epoch.number for epoch in trusted.epochs()] == [1]
        with pytest.raises(Unreachable, match="certificate verify failed"):
            KeyServer(address, "anna", Ed25519PrivateKey.generate()).epochs()
