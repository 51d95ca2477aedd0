"""What a visa demands of the other visas of its passport: OR of ANDs of clauses, as Passport 1.2 has it.

Whatever is not well formed, or not understood, is not met. A visa that has conditions of its own meets no clause.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from talka_node.visas.tokens import Visa

# Of a visa, what a clause may speak of beside its type; times and conditions it may not.
CLAIMS = ("value", "source", "by")
MOST = 32  # clauses in one AND, and ANDs in one OR


def met(conditions: Any, visas: Iterable[Visa]) -> bool:
    """Whether one of the ANDs holds: each of its clauses is met by one visa."""
    if not well_formed(conditions):
        return False
    plain = [visa for visa in visas if visa.conditions is None]
    return any(all(any(_fits(clause, visa) for visa in plain) for clause in each) for each in conditions)


def well_formed(conditions: Any) -> bool:
    """Lists of lists of clauses, none of them empty; a clause names a type and at least one claim more."""
    return (
        isinstance(conditions, list)
        and 0 < len(conditions) <= MOST
        and all(
            isinstance(each, list) and 0 < len(each) <= MOST and all(map(_is_clause, each))
            for each in conditions
        )
    )


def _is_clause(clause: Any) -> bool:
    return (
        isinstance(clause, dict)
        and len(clause) >= 2
        and isinstance(clause.get("type"), str)
        and all(name == "type" or (name in CLAIMS and isinstance(clause[name], str)) for name in clause)
    )


def _fits(clause: dict[str, str], visa: Visa) -> bool:
    """All that the clause names is so in this one visa."""
    return clause["type"] == visa.type and all(
        _matches(wanted, getattr(visa, name)) for name, wanted in clause.items() if name != "type"
    )


def _matches(wanted: str, value: str | None) -> bool:
    kind, colon, text = wanted.partition(":")
    if not colon or value is None:
        return False
    match kind:
        case "const":
            return value == text
        case "pattern":
            return like(text, value)
        case "split_pattern":
            return any(like(text, part) for part in value.split(";"))
    return False


def like(pattern: str, text: str) -> bool:
    """Whether all of the text looks so: `?` is any one character, `*` any number of them, and nothing escapes these.

    Takes at most as many steps as the two lengths multiplied, whatever the pattern.
    """
    at = place = 0
    star, back = -1, 0  # where the last * was, and how far it has eaten
    while place < len(text):
        if at < len(pattern) and pattern[at] == "*":
            star, back = at, place
            at += 1
        elif at < len(pattern) and pattern[at] in ("?", text[place]):
            at += 1
            place += 1
        elif star >= 0:
            back += 1
            at, place = star + 1, back
        else:
            return False
    return all(each == "*" for each in pattern[at:])
