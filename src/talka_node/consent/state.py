"""Who may be counted: the class of each donor at each biobank today, and the basis that engines count within.

What a decision depends on is interned as a small number, the *class*; class 0 is "no valid consent". A purpose is
decided once per class, not per donor, and time and events only move a (donor, biobank) from one class to another.

Inside are sorted arrays, so that 200,000 donors open in milliseconds and an engine can fetch the classes of all its
specimens in one call: see `State.classes_of`.
"""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final, NamedTuple, NoReturn, final

import numpy as np
from numpy.typing import NDArray

from talka_node.consent.decision import NO_GROUNDS, PERMIT, By, Consent, Decision, Grounds, Standing, decide
from talka_node.consent.forms import Forms
from talka_query.nodes import Purpose

NONE: Final = 0  # the class of "no valid consent"
MOST_CLASSES: Final = 2**16
DAWN: Final = date(1, 1, 1)

_EPOCH = date(1970, 1, 1)
_BANKS = 2**16
_NO_KEYS = np.empty(0, np.int64)
_NO_CLASSES = np.empty(0, np.uint16)


class Change(NamedTuple):
    """One move of a donor at a biobank from a class to another."""

    donor: int
    biobank: str
    before: int
    after: int


Listener = Callable[[Sequence[Change]], None]
# When a donor's standing at a biobank begins to be what, in the order of days; before the first step: None.
Timeline = Sequence[tuple[date, Standing | None]]


def number(day: date) -> int:
    """Days since 1970-01-01."""
    return (day - _EPOCH).days


def day_of(days: int) -> date:
    return _EPOCH + timedelta(days=days)


class State:
    """(donor, biobank) → class, on one day that only moves forward.

    One writer at a time (a lock sees to it); readers need no lock. `version` grows with every move of a class.
    `follow` a change through `on_change`: the listener is called in the writer's thread, after the move and before
    whoever asked for it gets its answer, so that a withdrawal is visible to every later question.
    """

    def __init__(self, forms: Forms | None = None, day: date = DAWN) -> None:
        self.forms = forms if forms is not None else Forms()
        self.day = day
        self.version = 0
        self.classes: list[Standing | None] = [None]
        self.biobanks: list[str] = []
        self._numbers: dict[Standing | None, int] = {None: NONE}
        self._banks: dict[str, int] = {}
        self._lock = threading.RLock()
        self._listeners: list[Listener] = []
        # Pairs: sorted keys (donor · 2¹⁶ + biobank) with their classes, and the few that came since, by key.
        self._pairs: tuple[NDArray[np.int64], NDArray[np.uint16]] = (_NO_KEYS, _NO_CLASSES)
        self._new: dict[int, int] = {}
        # Coming moves: those of the snapshot, sorted by day, and those that came since, as a heap. A pair that got
        # another timeline since is `_replanned`, with its number of times, so that older moves of it are passed over.
        self._planned = (np.empty(0, np.int32), _NO_KEYS, _NO_CLASSES)
        self._next = 0
        self._heap: list[tuple[int, int, int, int]] = []
        self._replanned: dict[int, int] = {}
        self._decided: dict[tuple[Purpose, Grounds, date], tuple[int, frozenset[int], NDArray[np.bool_]]] = {}

    # --- to and from a snapshot ---------------------------------------------------------------------------

    def frozen(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """All of it, as something that JSON can hold and as arrays: what `thawed` takes."""
        with self._lock:
            keys, values = self.arrays()
            days, planned, moves = self._planned
            coming = (each[self._next :].tolist() for each in (days, planned, moves))
            rest = [each for each in zip(*coming, strict=True) if each[1] not in self._replanned]
            rest += [
                (day, key, value)
                for day, key, again, value in self._heap
                if again == self._replanned.get(key, 0)
            ]
            rest.sort()
            told = {
                "day": self.day.isoformat(),
                "biobanks": list(self.biobanks),
                "classes": [None if each is None else _told(each) for each in self.classes],
            }
            return told, {
                "keys": keys.copy(),
                "values": values.copy(),
                "plan_days": np.array([each[0] for each in rest], np.int32),
                "plan_keys": np.array([each[1] for each in rest], np.int64),
                "plan_values": np.array([each[2] for each in rest], np.uint16),
            }

    @classmethod
    def thawed(cls, told: dict[str, Any], arrays: dict[str, NDArray[Any]], forms: Forms) -> State:
        """The state that was frozen; the arrays become its own."""
        state = cls(forms, date.fromisoformat(told["day"]))
        state.biobanks = list(told["biobanks"])
        state._banks = {each: at for at, each in enumerate(state.biobanks)}
        state.classes = [None if each is None else _standing(each) for each in told["classes"]]
        state._numbers = {each: at for at, each in enumerate(state.classes)}
        state._pairs = arrays["keys"], arrays["values"]
        state._planned = arrays["plan_days"], arrays["plan_keys"], arrays["plan_values"]
        return state

    # --- reading ------------------------------------------------------------------------------------------

    def __getitem__(self, pair: tuple[int, str]) -> int:
        """The class of a donor at a biobank; 0 for whoever is not known."""
        bank = self._banks.get(pair[1])
        return NONE if bank is None or pair[0] < 0 else self._at((pair[0] << 16) | bank)

    def __len__(self) -> int:
        """Pairs that the state knows, with a valid consent or without."""
        with self._lock:
            return len(self._pairs[0]) + len(self._new)

    def pairs(self) -> Iterator[tuple[int, str, int]]:
        """(donor, biobank, class) of every pair known, in order of donor."""
        keys, values = self.arrays()
        for key, value in zip(keys.tolist(), values.tolist(), strict=True):
            yield key >> 16, self.biobanks[key & 0xFFFF], value

    def arrays(self) -> tuple[NDArray[np.int64], NDArray[np.uint16]]:
        """Sorted keys (donor · 65536 + the state's own number of the biobank) and their classes. Not to be written to:
        the state does, in place, so whoever keeps them sees every later move of these pairs."""
        with self._lock:
            if self._new:
                order = np.array(sorted(self._new), np.int64)
                news = np.array([self._new[key] for key in order.tolist()], np.uint16)
                keys, values = self._pairs
                places = np.searchsorted(keys, order)
                # Readers look into `_new` first and then into `_pairs`, so it is emptied last.
                self._pairs = np.insert(keys, places, order), np.insert(values, places, news)
                self._new = {}
            return self._pairs

    def codes_of(self, biobanks: Sequence[str]) -> NDArray[np.int32]:
        """The state's own numbers of some biobanks (a column's vocabulary, say); -1 for one that it does not know."""
        return np.array([self._banks.get(each, -1) for each in biobanks], np.int32)

    def classes_of(self, donors: NDArray[np.int32], biobanks: NDArray[np.int32]) -> NDArray[np.uint16]:
        """The class of each (donor, biobank), 0 where there is none: one call for a whole column of specimens.

        `biobanks` are the state's own numbers. From a dictionary-encoded column, missing being -1 there too:

            banks = np.append(state.codes_of(vocabulary), np.int32(-1))   # so that [-1] is -1
            classes = state.classes_of(specimens.donor, banks[specimens.biobank])
            permitted = basis.mask[classes]

        About 60 ns an element when the donors are in no order, 15 when they are. The answer is of now: follow changes
        with `on_change`, or ask again when `version` has grown.
        """
        keys, values = self.arrays()
        found = np.zeros(len(donors), np.uint16)
        if not len(keys):
            return found
        wanted = (donors.astype(np.int64) << 16) | (biobanks.astype(np.int64) & 0xFFFF)
        places = np.searchsorted(keys, wanted)
        places[places == len(keys)] = 0
        hit = (keys[places] == wanted) & (donors >= 0) & (biobanks >= 0)
        found[hit] = values[places[hit]]
        return found

    def decide(self, number: int, purpose: Purpose, on: date, grounds: Grounds = NO_GROUNDS) -> Decision:
        """What class `number` says to a purpose on a day, with reasons."""
        return decide(self.classes[number], purpose, on, self.forms, grounds)

    # --- writing ------------------------------------------------------------------------------------------

    def on_change(self, listener: Listener) -> None:
        """Call `listener` with every batch of moves from now on."""
        self._listeners.append(listener)

    def intern(self, standing: Standing | None) -> int:
        """The class of a standing. Should the numbers ever run out, class 0: nobody is counted by mistake."""
        with self._lock:
            found = self._numbers.get(standing)
            if found is None:
                if len(self.classes) >= MOST_CLASSES:
                    return NONE
                found = self._numbers[standing] = len(self.classes)
                self.classes.append(standing)
            return found

    def put(self, donor: int, biobank: str, standing: Standing | None) -> None:
        """From now on, and for good, the donor stands so at the biobank."""
        self.plan(donor, biobank, ((DAWN, standing),))

    def plan(self, donor: int, biobank: str, timeline: Timeline) -> None:
        """From now on the donor's standing at the biobank is what `timeline` says for each day."""
        self.plan_many(((donor, biobank, timeline),))

    def plan_many(self, plans: Iterable[tuple[int, str, Timeline]]) -> None:
        """As `plan`, for many pairs; listeners are called once."""
        with self._lock:
            moves: list[Change] = []
            for donor, biobank, timeline in plans:
                if not 0 <= donor < 2**31:
                    raise ValueError(f"a donor is a number from 0 to {2**31 - 1}, not {donor}")
                key = (donor << 16) | self._bank(biobank)
                again = self._replanned[key] = self._replanned.get(key, 0) + 1
                now = NONE
                for since, standing in timeline:
                    value = self.intern(standing)
                    if since <= self.day:
                        now = value
                    else:
                        heapq.heappush(self._heap, (number(since), key, again, value))
                self._move(key, now, moves)
            self._tell(moves)

    def advance(self, day: date) -> None:
        """Let time pass until `day`; a day that has already been changes nothing: time does not come back."""
        if day <= self.day:
            return
        with self._lock:
            moves: list[Change] = []
            until = number(day)
            days, keys, values = self._planned
            last = int(np.searchsorted(days, np.int32(until), "right"))
            due = [
                (int(days[at]), int(keys[at]), 0, int(values[at]))
                for at in range(self._next, last)
                if int(keys[at]) not in self._replanned
            ]
            self._next = max(self._next, last)
            while self._heap and self._heap[0][0] <= until:
                due.append(heapq.heappop(self._heap))
            due.sort()
            for _, key, again, value in due:
                if again == self._replanned.get(key, 0):
                    self._move(key, value, moves)
            self.day = day
            self._tell(moves)

    def _bank(self, biobank: str) -> int:
        found = self._banks.get(biobank)
        if found is None:
            if len(self.biobanks) >= _BANKS - 1:
                raise ValueError(f"a node keeps at most {_BANKS - 1} biobanks")
            found = self._banks[biobank] = len(self.biobanks)
            self.biobanks.append(biobank)
        return found

    def _at(self, key: int) -> int:
        held = self._new.get(key)
        if held is not None:
            return held
        keys, values = self._pairs
        place = int(keys.searchsorted(np.int64(key)))
        return int(values[place]) if place < len(keys) and int(keys[place]) == key else NONE

    def _move(self, key: int, after: int, moves: list[Change]) -> None:
        keys, values = self._pairs
        place = int(keys.searchsorted(np.int64(key)))
        if place < len(keys) and int(keys[place]) == key:
            before = int(values[place])
            values[place] = after
        else:
            before = self._new.get(key, NONE)
            self._new[key] = after
        if before != after:
            moves.append(Change(key >> 16, self.biobanks[key & 0xFFFF], before, after))

    def _tell(self, moves: list[Change]) -> None:
        if moves:
            self.version += 1
            failed = None
            for listener in self._listeners:
                try:
                    listener(moves)
                except Exception as error:  # noqa: BLE001 -- one that fails keeps no other from hearing of a withdrawal
                    failed = failed or error
            if failed is not None:
                raise failed

    def _permitting(
        self, purpose: Purpose, on: date, grounds: Grounds
    ) -> tuple[frozenset[int], NDArray[np.bool_]]:
        """The classes that permit, as a set and as a mask over class numbers; decided once per class and day."""
        key = purpose, grounds, on
        count = len(self.classes)
        held = self._decided.get(key)
        if held is not None and held[0] == count:
            return held[1], held[2]
        known, before, _ = held if held is not None else (0, frozenset[int](), None)
        more = {
            each
            for each in range(known, count)
            if decide(self.classes[each], purpose, on, self.forms, grounds).outcome is PERMIT
        }
        permitting = before | more
        mask = np.zeros(MOST_CLASSES, np.bool_)
        mask[list(permitting)] = True
        mask.flags.writeable = False
        if len(self._decided) >= 64:
            self._decided.clear()
        self._decided[key] = count, permitting, mask
        return permitting, mask


def _told(standing: Standing) -> dict[str, Any]:
    return {
        "opted_out": standing.opted_out,
        "consents": [
            [each.form, each.version, sorted(each.options), each.by.value, sorted(each.doubts)]
            for each in standing.consents
        ],
    }


def _standing(told: dict[str, Any]) -> Standing:
    consents = frozenset(
        Consent(form, version, frozenset(options), By(by), frozenset(doubts))
        for form, version, options, by, doubts in told["consents"]
    )
    return Standing(consents, told["opted_out"])


# --- the basis --------------------------------------------------------------------------------------------

_MADE_HERE = object()


@final
class Basis:
    """Whom a question may count: made by `basis` alone, and every engine demands one.

    `permits` and `donors` look at the state as it is when they are called, so a basis made before a withdrawal obeys
    it. Classes that appear later are not among the permitting: such a donor waits for the next basis.
    """

    __slots__ = ("grounds", "mask", "on", "permitting", "purpose", "state")

    purpose: Purpose
    on: date  # the day judged: the day of the state where that is later than the day asked for
    permitting: frozenset[int]
    mask: NDArray[np.bool_]  # by class number: whether it permits
    state: State
    grounds: Grounds

    def __init__(self, made: object, purpose: Purpose, on: date, state: State, grounds: Grounds) -> None:
        if made is not _MADE_HERE:
            raise TypeError("a Basis is made by talka_node.consent.basis(state, purpose, on) alone")
        permitting, mask = state._permitting(purpose, on, grounds)
        for name, value in (
            ("purpose", purpose),
            ("on", on),
            ("permitting", permitting),
            ("mask", mask),
            ("state", state),
            ("grounds", grounds),
        ):
            object.__setattr__(self, name, value)

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"a Basis does not change ({name}); make another with talka_node.consent.basis")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Basis is not copied or stored: it belongs to the state that it was made from")

    def permits(self, donor: int, biobank: str) -> bool:
        """Whether the donor's consent at the biobank permits the purpose."""
        return self.state[donor, biobank] in self.permitting

    def donors(self) -> Iterator[int]:
        """Donors with at least one biobank whose consent permits, ascending, each once."""
        return iter(self.donor_array().tolist())

    def donor_array(self) -> NDArray[np.int32]:
        """The same as an array; about a millisecond for 200,000 donors."""
        keys, values = self.state.arrays()
        held = (keys[self.mask[values]] >> 16).astype(np.int32)
        first = np.ones(len(held), np.bool_)
        np.not_equal(held[1:], held[:-1], out=first[1:])
        return held[first]


def basis(state: State, purpose: Purpose, on: date, grounds: Grounds = NO_GROUNDS) -> Basis:
    """Whom a question with this purpose may count on this day, which is the node's own today.

    Time passes in the state until `on`. Should `on` lie before the state's day (a clock put back), the state's day
    counts: an expired consent does not come to life again. For the past see `Log.state_on`.
    """
    state.advance(on)
    return Basis(_MADE_HERE, purpose, max(on, state.day), state, grounds)
