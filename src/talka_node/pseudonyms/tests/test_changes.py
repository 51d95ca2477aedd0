"""The register's change feed: what is joined, what is refused, and that it can be taken up anywhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talka_node.pseudonyms import changes, personal
from talka_node.pseudonyms.changes import Applied, FeedError
from talka_node.pseudonyms.client import KeyServer
from talka_node.pseudonyms.naming import Namer
from talka_node.pseudonyms.table import Contradiction, Feed, Table
from talka_node.pseudonyms.tests import invented

pytestmark = pytest.mark.once

REGISTER = Ed25519PrivateKey.generate()
DAY = date(2020, 1, 1)
OLD = [invented.old(date(1960, 1, 1) + timedelta(days=number), 5) for number in range(4)]
NEW = [invented.new(number) for number in range(4)]


def feed(*pairs: tuple[str, str], after: Feed | None = None) -> list[str]:
    return changes.write(
        REGISTER, [(DAY + timedelta(days=at), *pair) for at, pair in enumerate(pairs)], after
    )


def take(lines: list[str], table: Table, namer: Namer) -> Applied:
    return changes.apply(lines, REGISTER.public_key(), table, namer)


@pytest.fixture
def namer(server: KeyServer, table: Table) -> Namer:
    """Donors 0 to 3 have old codes, 10 to 13 new ones."""
    made = Namer(server, table)
    made.name([(donor, personal.read(text)) for donor, text in enumerate(OLD)])
    made.name([(10 + donor, personal.read(text)) for donor, text in enumerate(NEW)])
    return made


def test_old_and_new_code_are_one_person_only_where_the_feed_says_so(table: Table, namer: Namer) -> None:
    assert table.feed(1) is None
    assert len(set(table.persons(1).numbers.tolist())) == 8
    assert table.joined(1) == []
    applied = take(feed((OLD[0], NEW[0]), (OLD[2], NEW[2])), table, namer)
    assert applied.feed
    assert (applied.changes, applied.before, applied.feed.sequence, applied.feed.day) == (
        2,
        0,
        2,
        date(2020, 1, 2),
    )
    assert table.joined(1) == [(0, 10), (2, 12)]
    persons = table.persons(1)
    number = dict(zip(persons.donors.tolist(), persons.numbers.tolist(), strict=True))
    assert len(set(number.values())) == 8 - 2
    assert number[0] == number[10] == int.from_bytes((table.pseudonym(1, 10) or b"")[:8], "big")


def test_an_adoption_after_a_change_leads_to_the_newest(table: Table, namer: Namer) -> None:
    take(feed((OLD[0], NEW[0]), (NEW[0], NEW[1]), (OLD[1], NEW[1])), table, namer)
    assert table.joined(1) == [(0, 1, 10, 11)]
    for donor in (0, 1, 10, 11):
        assert table.donors_of_person(1, table.pseudonym(1, donor) or b"") == [0, 1, 10, 11]
    assert table.donors_of_person(1, table.pseudonym(1, 2) or b"") == [2]
    assert table.donors_of_person(1, bytes(32)) == []


def test_it_is_taken_up_where_it_stopped(table: Table, namer: Namer) -> None:
    first = feed((OLD[0], NEW[0]))
    applied = take(first, table, namer)
    second = feed((OLD[1], NEW[1]), (OLD[2], NEW[2]), after=applied.feed)
    again = take([*first, "\n", *second], table, namer)
    assert (again.changes, again.before) == (2, 1)
    assert take(second, table, namer) == Applied(0, 2, again.feed)
    assert table.joined(1) == [(0, 10), (1, 11), (2, 12)]


def test_each_epoch_takes_the_feed_anew(table: Table, namer: Namer) -> None:
    take(feed((OLD[0], NEW[0])), table, namer)
    table.begin(2, bytes(32))
    assert table.feed(2) is None


FORGED = changes.write(Ed25519PrivateKey.generate(), [(DAY, OLD[1], NEW[1])])
BESIDE = feed((OLD[1], NEW[1]), after=Feed(1, bytes(32), DAY))


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (
            lambda lines: [lines[0], lines[2]],
            "line 2: message 3 came where 2 was due; get the feed from message 2",
        ),
        (lambda lines: [lines[0], lines[2], lines[1]], "line 2: message 3 came where 2 was due"),
        (lambda lines: lines[1:], "line 1: message 2 came where 1 was due"),
        (lambda lines: [lines[0], "{}"], "line 2: a message is JSON with the text `change`"),
        (lambda lines: [lines[0], lines[1][:-20]], "line 2: a message is JSON"),
        (lambda lines: [lines[0], "[" * 1999], "line 2: a message is JSON"),
        (lambda lines: [lines[0], "x" * 2001], "line 2: a message is JSON"),
        (
            lambda lines: [lines[0], lines[1].replace(NEW[1], NEW[3])],
            "line 2: the register did not sign this",
        ),
        (lambda lines: [lines[0], *FORGED], "line 2: the register did not sign"),
        (lambda lines: [lines[0], *BESIDE], "line 2: message 2 does not follow the one before it"),
        (lambda lines: [lines[0], signed('{"sequence": 2}')], "line 2: a change has a sequence"),
        (lambda lines: [lines[0], signed("[]")], "line 2: a change has a sequence"),
    ],
)
def test_what_does_not_belong_ends_the_feed_and_what_came_before_stays(
    table: Table, namer: Namer, spoil: Callable[[list[str]], list[str]], said: str
) -> None:
    lines = feed((OLD[0], NEW[0]), (OLD[1], NEW[1]), (OLD[2], NEW[2]))
    spoiled = spoil(lines)
    with pytest.raises(FeedError) as error:
        take(spoiled, table, namer)
    assert str(error.value).startswith(said)
    kept = [(0, 10)] if spoiled[0] == lines[0] else []
    assert table.joined(1) == kept
    assert take(lines, table, namer).changes == 3 - len(kept)
    assert table.joined(1) == [(0, 10), (1, 11), (2, 12)]


def signed(text: str) -> str:
    return json.dumps({"change": text, "signature": REGISTER.sign(changes.SIGNED + text.encode()).hex()})


def test_a_second_feed_of_the_register_is_noticed(table: Table, namer: Namer) -> None:
    take(feed((OLD[0], NEW[0])), table, namer)
    with pytest.raises(FeedError, match="message 1 is another than the one taken before"):
        take(feed((OLD[1], NEW[1])), table, namer)


def test_a_code_that_is_none_is_told_without_being_shown(table: Table, namer: Namer) -> None:
    with pytest.raises(FeedError) as error:
        take(feed(("280290-100", NEW[0])), table, namer)
    assert str(error.value).startswith("line 1: message 1, old: a personal code has 11 digits")
    assert "2802" not in str(error.value)


def test_contradictions_are_refused_whole(table: Table, namer: Namer) -> None:
    for pairs, said in (
        ([(OLD[0], NEW[0]), (OLD[0], NEW[1])], "message 2: its old code was changed into another one before"),
        ([(OLD[0], NEW[0]), (NEW[0], OLD[0])], "message 2: its new code was changed into its old one before"),
        ([(OLD[0], OLD[0])], "message 1: its new code was changed into its old one before"),
    ):
        with pytest.raises(Contradiction, match=said):
            take(feed(*pairs), table, namer)
        assert table.feed(1) is None
        assert table.joined(1) == []


def test_the_hash_that_is_kept_does_not_let_anybody_try_codes() -> None:
    """Two feeds that say the same have different heads: the salt, which is not kept, is in the hash."""
    heads = {
        change.head
        for _ in range(2)
        for change in changes.read(feed((OLD[0], NEW[0])), REGISTER.public_key())
        if change
    }
    assert len(heads) == 2


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_joined_donors_are_those_connected_by_changes(table: Table, pairs: list[tuple[int, int]]) -> None:
    """Against the plain way: groups that are merged one change after another."""
    names = [bytes([number]) * 32 for number in range(8)]
    for epoch in table.epochs():
        table.forget_epoch(epoch)
    table.begin(1, bytes(32))
    table.add(1, enumerate(names))
    groups = [{number} for number in range(8)]
    successors: dict[int, int] = {}
    for sequence, (old, new) in enumerate(pairs, 1):
        [before] = [group for group in groups if old in group]
        [after] = [group for group in groups if new in group]
        step = (sequence, names[old], names[new])
        # One successor each, and never in a circle; but two codes may lead to one.
        allowed = successors[old] == new if old in successors else not reaches(successors, new, old)
        if allowed:
            table.change(1, [step], Feed(sequence, bytes(32), DAY))
            successors[old] = new
            if before is not after:
                groups = [group for group in groups if group not in (before, after)] + [before | after]
        else:
            with pytest.raises(Contradiction):
                table.change(1, [step], Feed(sequence, bytes(32), DAY))
    expected = sorted(tuple(sorted(group)) for group in groups if len(group) > 1)
    assert sorted(table.joined(1)) == expected


def reaches(successors: dict[int, int], begin: int, end: int) -> bool:
    while begin != end and begin in successors:
        begin = successors[begin]
    return begin == end
