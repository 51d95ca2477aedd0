"""Names of donors in projects: stable within one, nothing between two, gone with the key."""

from __future__ import annotations

import hashlib
import hmac
from contextlib import closing
from datetime import date
from pathlib import Path

import pytest

from talka_node.pseudonyms.table import Feed, Table

pytestmark = pytest.mark.once

NAMES = [bytes([number]) * 32 for number in range(1, 5)]


@pytest.fixture
def named(table: Table) -> Table:
    table.begin(1, bytes(32))
    table.add(1, enumerate(NAMES))
    return table


def test_a_name_is_the_hmac_of_the_pseudonym_by_the_projects_key(named: Table) -> None:
    key = named.begin_project("P-1", 1)
    assert named.project_pseudonyms("P-1", [2, 7]) == {
        2: hmac.new(key, b"talka project pseudonym 1\n" + NAMES[2], hashlib.sha256).hexdigest()[:32]
    }


def test_two_projects_share_no_name_and_one_shared_key_shares_all(named: Table, tmp_path: Path) -> None:
    key = named.begin_project("P-1", 1)
    named.begin_project("P-2", 1)
    one, other = (named.project_pseudonyms(project, range(4)) for project in ("P-1", "P-2"))
    assert set(one.values()).isdisjoint(other.values())
    with closing(Table(tmp_path / "bruno.db")) as bruno:
        bruno.begin(1, bytes(32))
        bruno.add(1, [(77, NAMES[0])])
        bruno.begin_project("P-1", 1, key)
        assert bruno.project_pseudonyms("P-1", [77]) == {77: one[0]}


def test_names_stay_when_the_feed_tells_more(named: Table) -> None:
    named.change(1, [(1, NAMES[0], NAMES[1])], Feed(1, bytes(32), date(2020, 1, 1)))
    named.begin_project("P-1", 1)
    before = named.project_pseudonyms("P-1", range(4))
    assert before[0] == before[1]
    named.change(1, [(2, NAMES[2], NAMES[3])], Feed(2, bytes(32), date(2020, 1, 2)))
    assert named.project_pseudonyms("P-1", range(4)) == before
    named.begin_project("P-2", 1)
    later = named.project_pseudonyms("P-2", range(4))
    assert later[2] == later[3]


def test_an_ended_project_is_gone_from_the_file_too(named: Table, tmp_path: Path) -> None:
    key = named.begin_project("P-1", 1)
    named.end_project("P-1")
    named.close()
    for path in (tmp_path / "node").iterdir():
        assert key not in path.read_bytes()


def test_a_forgotten_donor_is_gone_from_the_file_too(named: Table, tmp_path: Path) -> None:
    named.forget([1, 99])
    assert named.donors(1) == {0, 2, 3}
    named.close()
    for path in (tmp_path / "node").iterdir():
        assert NAMES[1] not in path.read_bytes()


def test_what_is_wrong_says_what_would_be_right(named: Table) -> None:
    named.begin_project("P-1", 1)
    with pytest.raises(ValueError, match="project 'P-1' has its key already"):
        named.begin_project("P-1", 1)
    with pytest.raises(ValueError, match="a project's key has 32 bytes, not 5"):
        named.begin_project("P-2", 1, b"short")
    with pytest.raises(LookupError, match=r"epoch 3 was never begun here; there are \[1\]"):
        named.begin_project("P-2", 3)
    for missing in (named.end_project, lambda project: named.project_pseudonyms(project, [])):
        with pytest.raises(LookupError, match="there is no project 'P-9'"):
            missing("P-9")
    with pytest.raises(ValueError, match="donor 5: a pseudonym has 32 bytes, not 3"):
        named.add(1, [(5, b"abc")])
