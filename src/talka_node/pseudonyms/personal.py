"""Personal codes (*personas kods*): read, judged, held so that they cannot slip out, and wiped.

Two kinds are in use, and one person may hold both in turn. **Old** codes (given out until 30 June 2017) are the day of
birth ddmmyy, a digit for the century, a serial number and a check digit. **New** ones are 3, a digit from 2 to 9 and
nine random digits: no birth date and no check digit, so nothing but their form can be checked. Source: the Office of
Citizenship and Migration Affairs (PMLP). The formula of the check digit is not published by it; a code that fails only
there is therefore quarantined for a person to look at, not called wrong.

No message of this module repeats a digit of what it was given.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Generic, NoReturn, TypeVar

DIGITS = 11
WEIGHTS = (10, 5, 8, 4, 2, 1, 6, 3, 7, 9)
CENTURIES = {0: 1800, 1: 1900, 2: 2000}
LAST_OLD = date(2017, 6, 30)

# Dashes of every kind that texts bring along, spaces, and what Excel and PDF leave invisibly in a cell.
_FILLING = re.compile("[\\s\u00ad\u200b\u200e\u200f\u2060\ufeff'\\-\u2010-\u2015\u2212\ufe58\ufe63\uff0d]+")


class Kind(StrEnum):
    OLD = "old"
    NEW = "new"


class Reason(StrEnum):
    """Why something is not taken for a personal code."""

    EMPTY = "empty"
    CHARACTERS = "characters"
    LENGTH = "length"
    FORM = "form"
    DATE = "date"
    LATE = "late"
    CHECK_DIGIT = "check_digit"


SHOULD_BE = {
    Reason.EMPTY: "there is no personal code; give 11 digits",
    Reason.CHARACTERS: "a personal code has digits only, with or without a dash after the sixth",
    Reason.LENGTH: "a personal code has 11 digits (10 may be an old one whose leading zero a spreadsheet ate)",
    Reason.FORM: "an old code begins with ddmmyy and 0, 1 or 2 for the century, a new one with 3 and 2 to 9",
    Reason.DATE: "the first seven digits of an old code are a day that was: ddmmyy and 0, 1 or 2 for the century",
    Reason.LATE: "old codes were given out until 30 June 2017; who was born later has a new one",
    Reason.CHECK_DIGIT: "the last digit of an old code does not follow from the others; a person must look at it",
}


class Refused(ValueError):
    """Not a personal code. Says what would have been right, never what was given."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(SHOULD_BE[reason])
        self.reason = reason


class Code:
    """A personal code, in memory only: no way of printing, copying or pickling shows it.

    `with code as digits:` lends its 11 ASCII digits, and wipes them afterwards. What cannot be wiped is the text that
    it was read from: Python's strings are never overwritten, so drop them soon.
    """

    __slots__ = ("_digits", "born", "kind")

    def __init__(self, digits: bytearray, kind: Kind, born: date | None) -> None:
        self._digits = digits
        self.kind = kind
        self.born = born  # None for new ones

    @property
    def digits(self) -> bytearray:
        """The 11 digits themselves, not a copy. ValueError after `wipe`."""
        if not self._digits:
            raise ValueError("this personal code was wiped; read it anew")
        return self._digits

    def wipe(self) -> None:
        """Overwrites the digits with zeros and lets go of them. The birth date goes too."""
        self._digits[:] = bytes(len(self._digits))
        self._digits = bytearray()
        self.born = None

    def __enter__(self) -> bytearray:
        return self.digits

    def __exit__(self, *exception: object) -> None:
        self.wipe()

    def __eq__(self, other: object) -> bool:
        """Whether both are the same code, in a time that does not tell how far they agree."""
        return isinstance(other, Code) and hmac.compare_digest(self.digits, other.digits)

    # A hash of so short a secret is the secret.
    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<personal code, {self.kind}>"

    __str__ = __repr__

    def __format__(self, _spec: str) -> str:
        return repr(self)

    def _refuse(self, *_anything: object) -> NoReturn:
        raise TypeError("a personal code is not copied or pickled; read it where it is needed")

    __reduce_ex__ = __reduce__ = __copy__ = __deepcopy__ = __getstate__ = _refuse


def check_digit(first_ten: Iterable[int]) -> int:
    """The last digit of an old code by its first ten: (1 + Σ weight · digit) mod 11 mod 10."""
    return (1 + sum(weight * digit for weight, digit in zip(WEIGHTS, first_ten, strict=True))) % 11 % 10


def read(text: str, *, trust_check_digit: bool = True) -> Code:
    """The code in a text; Refused otherwise. Dashes and spaces do not matter.

    `trust_check_digit=False` lets an old code pass whose last digit is wrong: for one that a person released from
    quarantine.
    """
    bare = bytearray(_FILLING.sub("", text).encode("utf-8", "replace"))
    del text  # a traceback that shows local variables must not show it
    verdict = _judge(bare, trust_check_digit)
    if isinstance(verdict, Reason):
        bare[:] = bytes(len(bare))
        raise Refused(verdict)
    return Code(bare, *verdict)


def _judge(bare: bytearray, trust_check_digit: bool) -> tuple[Kind, date | None] | Reason:
    """Kind and birth date, or what is wrong: returned, because a raise would keep the digits in its traceback."""
    if not bare:
        return Reason.EMPTY
    if not bare.isdigit():
        return Reason.CHARACTERS
    if len(bare) != DIGITS:
        return Reason.LENGTH
    digits = [each - ord("0") for each in bare]
    if digits[0] == 3 and digits[1] >= 2:
        return Kind.NEW, None
    if digits[0] > 3 or digits[6] not in CENTURIES:
        return Reason.FORM
    day, month, year = (10 * digits[place] + digits[place + 1] for place in (0, 2, 4))
    try:
        born = date(CENTURIES[digits[6]] + year, month, day)
    except ValueError:
        return Reason.DATE
    if born > LAST_OLD:
        return Reason.LATE
    if trust_check_digit and check_digit(digits[:10]) != digits[10]:
        return Reason.CHECK_DIGIT
    return Kind.OLD, born


Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Quarantined(Generic[Key]):
    """A row whose code was not taken: which row and why, not what stood there."""

    row: Key
    reason: Reason

    def __str__(self) -> str:
        return f"{self.row}: {SHOULD_BE[self.reason]}"


@dataclass(slots=True)
class Reading(Generic[Key]):
    """What came of a column of codes: nothing is dropped without a word."""

    codes: list[tuple[Key, Code]] = field(default_factory=list)
    quarantined: list[Quarantined[Key]] = field(default_factory=list)


def read_all(rows: Iterable[tuple[Key, str]], *, trust_check_digit: bool = True) -> Reading[Key]:
    """Reads the codes of many rows, each named by the caller (a row's number, a donor)."""
    reading: Reading[Key] = Reading()
    for row, text in rows:
        try:
            reading.codes.append((row, read(text, trust_check_digit=trust_check_digit)))
        except Refused as refused:
            reading.quarantined.append(Quarantined(row, refused.reason))
    return reading
