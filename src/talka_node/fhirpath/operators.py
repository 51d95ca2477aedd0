"""The operators of FHIRPath on whole collections. Empty in, empty out, but where logic can already tell."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

from talka_node.fhirpath.values import (
    Moment,
    Quantity,
    Unfit,
    bare,
    compare,
    equal,
    equivalent,
    key,
    kind_of,
    moment,
    number,
    quantity,
)

Items = list[Any]
EMPTY: Items = []
TRUE: Items = [True]
FALSE: Items = [False]


def one(items: Items, what: str = "an operator") -> Any:
    """The only value, or None of an empty collection. Raises Unfit if there are several."""
    if len(items) > 1:
        raise Unfit(f"{what} takes one value, not {len(items)}; `.first()` would choose one")
    return items[0] if items else None


def truth(items: Items) -> bool | None:
    """A collection as a condition: one value that is no boolean counts as true (singleton evaluation)."""
    if not items:
        return None
    if len(items) > 1:
        raise Unfit(f"a condition is one value, not {len(items)}; `.exists()` asks whether there are any")
    value = bare(items[0])
    return value if type(value) is bool else True


def said(value: bool | None) -> Items:
    return EMPTY if value is None else TRUE if value else FALSE


def negative(items: Items) -> Items:
    value = one(items, "a sign")
    if value is None:
        return EMPTY
    plain = number(value)
    if plain is not None:
        return [-plain]
    if type(value) is Quantity:
        return [Quantity(-value.value, value.unit)]
    raise Unfit(f"a sign stands before a number, not before {kind_of(value)}")


# --- equality ---------------------------------------------------------------------------------------------


def equals(left: Items, right: Items) -> Items:
    if not left or not right:
        return EMPTY
    if len(left) != len(right):
        return FALSE
    verdict: bool | None = True
    for here, there in zip(left, right, strict=True):
        same = equal(here, there)
        if same is False:
            return FALSE
        verdict = None if same is None else verdict
    return said(verdict)


def differs(left: Items, right: Items) -> Items:
    return [not value for value in equals(left, right)]


def alike(left: Items, right: Items) -> Items:
    if len(left) != len(right):
        return FALSE
    rest = list(right)
    for here in left:
        for place, there in enumerate(rest):
            if equivalent(here, there):
                del rest[place]
                break
        else:
            return FALSE
    return TRUE


def unlike(left: Items, right: Items) -> Items:
    return [not value for value in alike(left, right)]


def holds(items: Items, value: Any) -> bool:
    """Whether an equal value is among the items."""
    return any(equal(item, value) is True for item in items)


def distinct(items: Items) -> Items:
    """Without repetitions, in the order met."""
    seen: dict[Any, Items] = {}
    found: Items = []
    for item in items:
        same_key = seen.setdefault(key(item), [])
        if not holds(same_key, item):
            same_key.append(item)
            found.append(item)
    return found


def within(left: Items, right: Items) -> Items:
    value = one(left, "`in`")
    return EMPTY if value is None else said(holds(right, value))


def contains(left: Items, right: Items) -> Items:
    value = one(right, "`contains`")
    return EMPTY if value is None else said(holds(left, value))


# --- order ------------------------------------------------------------------------------------------------


def _order(test: Callable[[int], bool]) -> Callable[[Items, Items], Items]:
    def ordered(left: Items, right: Items) -> Items:
        here, there = one(left, "a comparison"), one(right, "a comparison")
        if here is None or there is None:
            return EMPTY
        found = compare(here, there)
        return EMPTY if found is None else said(test(found))

    return ordered


# --- arithmetic -------------------------------------------------------------------------------------------
LARGEST = 10**28  # beyond it a decimal has no digits left
LONGEST = 10_000_000  # characters of a text


def fit(found: Any) -> Any:
    """The result, if it is no larger than results may be. Raises OverflowError, which gives no value, or Unfit."""
    if type(found) is int and not -LARGEST < found < LARGEST:
        raise OverflowError
    if type(found) is str and len(found) > LONGEST:
        raise Unfit(f"a text of more than {LONGEST} characters")
    return found


def _pair(left: Items, right: Items, sign: str) -> tuple[Any, Any] | None:
    here, there = one(left, f"`{sign}`"), one(right, f"`{sign}`")
    return None if here is None or there is None else (here, there)


def _unfit(sign: str, here: Any, there: Any) -> Unfit:
    return Unfit(f"`{sign}` cannot join {kind_of(here)} and {kind_of(there)}")


def plus(left: Items, right: Items) -> Items:
    pair = _pair(left, right, "+")
    if pair is None:
        return EMPTY
    if type(bare(pair[0])) is str and type(bare(pair[1])) is str:
        return [fit(bare(pair[0]) + bare(pair[1]))]
    return _add(*pair, "+", 1)


def minus(left: Items, right: Items) -> Items:
    pair = _pair(left, right, "-")
    return EMPTY if pair is None else _add(*pair, "-", -1)


def _add(here: Any, there: Any, sign: str, factor: int) -> Items:
    one_n, two_n = number(here), number(there)
    if one_n is not None and two_n is not None:
        return [fit(one_n + factor * two_n)]
    amount = quantity(there)
    if amount is None:
        raise _unfit(sign, here, there)
    when = moment(here, guess=type(here) is not Moment)
    if when is not None:
        return [when.add(amount, factor)]
    base = quantity(here)
    if base is None:
        raise _unfit(sign, here, there)
    return [Quantity(base.value + factor * amount.value, base.unit)] if base.unit == amount.unit else EMPTY


def times(left: Items, right: Items) -> Items:
    return _numbers(left, right, "*", lambda one_n, two_n: one_n * two_n)


def divided(left: Items, right: Items) -> Items:
    return _numbers(left, right, "/", lambda one_n, two_n: Decimal(one_n) / two_n if two_n else None)


def whole_times(left: Items, right: Items) -> Items:
    return _numbers(left, right, "div", lambda one_n, two_n: int(Decimal(one_n) / two_n) if two_n else None)


def remainder(left: Items, right: Items) -> Items:
    def rest(one_n: Any, two_n: Any) -> Any:
        if not two_n:
            return None
        found = Decimal(one_n) % Decimal(two_n)  # the sign of the dividend, as FHIRPath truncates
        return int(found) if type(one_n) is int and type(two_n) is int else found

    return _numbers(left, right, "mod", rest)


def _numbers(left: Items, right: Items, sign: str, apply: Callable[[Any, Any], Any]) -> Items:
    pair = _pair(left, right, sign)
    if pair is None:
        return EMPTY
    here, there = number(pair[0]), number(pair[1])
    if here is None or there is None:
        raise _unfit(sign, *pair)
    with localcontext() as context:
        context.prec = 28
        found = apply(here, there)
    return EMPTY if found is None else [fit(found)]


def joined(left: Items, right: Items) -> Items:
    here, there = one(left, "`&`"), one(right, "`&`")
    texts = ["" if value is None else bare(value) for value in (here, there)]
    if any(type(text) is not str for text in texts):
        raise Unfit("`&` joins text; `toString()` makes text of other values")
    return [fit("".join(texts))]


def either_not_both(left: Items, right: Items) -> Items:
    here, there = truth(left), truth(right)
    return EMPTY if here is None or there is None else said(here is not there)


BINARY: dict[str, Callable[[Items, Items], Items]] = {
    "=": equals, "!=": differs, "~": alike, "!~": unlike,
    "<": _order(lambda found: found < 0), ">": _order(lambda found: found > 0),
    "<=": _order(lambda found: found <= 0), ">=": _order(lambda found: found >= 0),
    "+": plus, "-": minus, "*": times, "/": divided, "div": whole_times, "mod": remainder,
    "&": joined, "|": lambda left, right: distinct(left + right), "in": within, "contains": contains,
    "xor": either_not_both,
}  # fmt: skip
