"""The whole way: two biobanks, one key server, the register's feed, the policy of disclosure, the union at the hub."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from talka_keys.ledger import Node
from talka_keys.service import Service
from talka_keys.tests.running import running
from talka_node import coverage, disclosure
from talka_node.columns import Columns
from talka_node.consent import Standing, State, basis, examples
from talka_node.coverage import Coverage
from talka_node.pseudonyms import KeyServer, Namer, Table, changes, personal
from talka_node.pseudonyms.tests import invented
from talka_node.pseudonyms.tests.tls import SOURCES
from talka_node.records import Donor, Records
from talka_query.nodes import AskerKind, Purpose, Sex, Use

pytestmark = pytest.mark.once

DAY = date(2026, 3, 2)
BORN = date(1960, 6, 1)
OLD = [invented.old(BORN, number) for number in range(200)]
NEW = [invented.new(number) for number in range(200)]
STATISTICS = Purpose(Use.BIOMEDICAL, AskerKind.ACADEMIC)


def leaves(
    node: str, table: Table, codes: Sequence[str], server: KeyServer, lines: list[str] | None
) -> Coverage:
    """What node sends to the hub: donor n has the n-th of these codes; all consent, in one town."""
    namer = Namer(server, table)
    namer.name((donor, personal.read(text)) for donor, text in enumerate(codes))
    if lines is not None:
        changes.apply(lines, REGISTER.public_key(), table, namer)
    state = State(examples(), DAY)
    for donor in range(len(codes)):
        state.put(donor, "Alpha", Standing.of("invented-broad", 2, "research"))
    donors = Columns.of(
        Records(donors=[Donor(donor, Sex.FEMALE, BORN, None, "LV-RIX") for donor in range(len(codes))])
    ).donors
    within = basis(state, STATISTICS, DAY)
    counted = coverage.count(within, donors, table.persons(namer.epoch), node=node, on=DAY)
    policy = disclosure.default()
    told = counted.within(
        disclosure.strata(counted.sizes(), policy, policy.coverage.hub), policy.coverage.stratum
    )
    assert told
    return Coverage.from_bytes(told.to_bytes())


REGISTER = Ed25519PrivateKey.generate()


@pytest.mark.parametrize("fed", [True, False])
def test_the_union_over_two_biobanks(keys: Service, tmp_path: Path, fed: bool) -> None:
    """Anna's has 60 donors with old codes, Bruno's 70: 20 of hers by the same codes, 10 of hers by their new ones, and
    40 others. So there are 60 + 40 persons; without the feed 10 more."""
    lines = changes.write(REGISTER, [(DAY, OLD[donor], NEW[donor]) for donor in range(10)]) if fed else None
    held = {"anna": OLD[:60], "bruno": [*NEW[:10], *OLD[10:30], *OLD[100:140]]}
    told = []
    with running(keys) as (host, port):
        for name, codes in held.items():
            signing = Ed25519PrivateKey.generate()
            keys.ledger.register(
                Node(name, signing.public_key().public_bytes_raw(), 100, 500, 1000), keys.clock()
            )
            with closing(Table(tmp_path / f"{name}.db")) as table:
                server = KeyServer(f"http://{host}:{port}", name, signing, clock=keys.clock)
                told.append(leaves(name, table, codes, server, lines))
    figure = coverage.whole(told)
    assert (figure.estimate, figure.high, figure.upper_bound) == (
        100 if fed else 110,
        100 if fed else 110,
        not fed,
    )
    assert figure.low == (100 if fed else None)
    assert coverage.by_stratum(told)["LV-RIX", "65-69", "female"] == figure


NAMING = """
import sys
from pathlib import Path
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from talka_node.pseudonyms import KeyServer, Namer, Table, read

address, key, path = sys.argv[1:]
server = KeyServer(address, "anna", Ed25519PrivateKey.from_private_bytes(bytes.fromhex(key)))
codes = sys.stdin.read().split()
Namer(server, Table(Path(path))).name(((donor, read(text)) for donor, text in enumerate(codes)), batch=3)
"""


def test_killed_in_the_middle_it_goes_on_where_it_was(keys: Service, tmp_path: Path) -> None:
    """Kill -9, several times, until it got through: each donor has the pseudonym that an undisturbed run gives."""
    keys.clock = lambda: datetime.now(UTC)
    signing = Ed25519PrivateKey.generate()
    keys.ledger.register(Node("anna", signing.public_key().public_bytes_raw(), 200, 900, 1000), keys.clock())
    codes = OLD[:120]
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    kills = 0
    with running(keys) as (host, port), closing(Table(tmp_path / "table.db")) as table:
        address = f"http://{host}:{port}"
        command = [
            sys.executable,
            "-c",
            NAMING,
            address,
            signing.private_bytes_raw().hex(),
            str(tmp_path / "table.db"),
        ]
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            done = len(table.donors(1)) if table.epochs() else 0
            with subprocess.Popen(command, stdin=subprocess.PIPE, text=True, env=environment) as process:
                assert process.stdin
                process.stdin.write("\n".join(codes))
                process.stdin.close()
                wanted = done + 30 if kills < 3 else len(codes)
                while process.poll() is None and len(table.donors(1) if table.epochs() else ()) < wanted:
                    time.sleep(0.002)
                if kills < 3:
                    process.kill()
                    kills += 1
                    continue
            assert process.returncode == 0
            break
        assert kills == 3
        with closing(Table(tmp_path / "other.db")) as other:
            server = KeyServer(address, "anna", signing)
            Namer(server, other).name((donor, personal.read(text)) for donor, text in enumerate(codes))
            for donor in range(len(codes)):
                assert table.pseudonym(1, donor) == other.pseudonym(1, donor)
                assert table.pseudonym(1, donor) is not None
        # Of each kill at most the batch under way was charged in vain.
        spent, _ = keys.ledger.spent("anna", 1, keys.clock())
        assert 2 * len(codes) <= spent <= 2 * len(codes) + 3 * kills
