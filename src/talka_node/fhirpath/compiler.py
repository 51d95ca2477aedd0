"""The tree of a path to closures. A closure is given the context ($this, a list) and the run's few facts, and gives a
list. Lists are never changed once given, so that TRUE, FALSE and EMPTY can be shared.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from talka_node.fhirpath import functions, operators
from talka_node.fhirpath.syntax import (
    Binary,
    Call,
    External,
    Item,
    Literal,
    Member,
    Node,
    OfType,
    PathError,
    Sign,
    Special,
    parse,
)
from talka_node.fhirpath.values import (
    CHOICES,
    COMPLEX,
    DATES,
    PRIMITIVES,
    Typed,
    Unfit,
    bare,
    bare_type,
    is_of,
    key,
    number,
)

Items = list[Any]
EMPTY: Items = []
TRUE: Items = [True]
FALSE: Items = [False]


class Run:
    """What a path may ask for besides its context: the resource, and where a loop stands."""

    __slots__ = ("index", "resource", "row", "total")

    def __init__(self, resource: Any, row: int = 0) -> None:
        self.resource, self.row = resource, row
        self.index: int | None = None
        self.total: Items = EMPTY


Code = Callable[[Items, Run], Items]

DEEPEST = 200  # steps upon each other; each costs frames of Python's stack when it is run
ADDRESSES = {
    "ucum": "http://unitsofmeasure.org",
    "sct": "http://snomed.info/sct",
    "loinc": "http://loinc.org",
}


@dataclass(frozen=True, slots=True)
class Path:
    """A compiled path. `exact`: its value depends on how precisely a number was written, so that 1.0 must not have
    become a float. `call` is for loops that keep their own `Run`."""

    text: str
    call: Code
    exact: bool

    def __call__(self, item: Any, row: int = 0) -> Items:
        """The values of the path for one element or resource, FHIR types stripped."""
        return [bare(value) for value in self.call([item], Run(item, row))]


def compile_path(text: str, constants: Mapping[str, Any] | None = None) -> Path:
    """A path as a closure. `constants`: what `%name` stands for. Raises PathError."""
    compiler = _Compiler(text, constants or {})
    call = compiler.code(parse(text))
    return Path(text, call, compiler.exact)


def nearest(word: str, known: Collection[str]) -> str:
    """`; is “x” meant?`, or nothing where no known word is near."""
    found = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; is `{found[0]}` meant?" if found else ""


class _Compiler:
    def __init__(self, text: str, constants: Mapping[str, Any]) -> None:
        self.text, self.constants, self.exact, self.depth = text, constants, False, 0

    def wrong(self, why: str, node: Node) -> PathError:
        return PathError(why, self.text, node.at)

    def code(self, node: Node) -> Code:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.wrong(f"more than {DEEPEST} steps upon each other", node)
        code = self.node(node)
        self.depth -= 1
        return code

    def node(self, node: Node) -> Code:
        match node:
            case Literal():
                fixed = EMPTY if node.value is None else [node.value]
                return lambda items, run: fixed
            case Special():
                return self.special(node)
            case External():
                return self.external(node)
            case Member():
                return self.member(node)
            case Item():
                return self.item(node)
            case Sign():
                return self.sign(node)
            case OfType():
                return self.of_type(
                    self.code(node.operand), node.operator, self.known_type(node.type, node), node
                )
            case Call():
                return self.call(node)
            case Binary():
                return self.binary(node)

    # --- values that are simply there ---------------------------------------------------------------------

    def special(self, node: Special) -> Code:
        if node.name == "$index":
            return lambda items, run: EMPTY if run.index is None else [run.index]
        if node.name == "$total":
            return lambda items, run: run.total
        return lambda items, run: items

    def external(self, node: External) -> Code:
        name = node.name
        if name in self.constants:
            fixed = [self.constants[name]]
            return lambda items, run: fixed
        if name == "rowIndex":
            return lambda items, run: [run.row]
        if name in ("resource", "rootResource", "context"):
            return lambda items, run: [run.resource]
        if name in ADDRESSES:
            address = [ADDRESSES[name]]
            return lambda items, run: address
        known = [*self.constants, "rowIndex", "resource", "rootResource", "context", *ADDRESSES]
        raise self.wrong(f"there is no constant `%{name}`{nearest(name, known)}", node)

    # --- steps --------------------------------------------------------------------------------------------

    def target(self, node: Member | Call) -> Code:
        return self.code(node.target) if node.target is not None else lambda items, run: items

    def member(self, node: Member) -> Code:
        name = node.name
        if name == "extension":
            return self.extensions(node.target)
        step = _step(name)
        if node.target is None:
            if not name[:1].isupper():
                return lambda items, run: step(items)
            # `Patient.name` may stand for `name` of a Patient.
            return lambda items, run: [item for item in items if is_of(item, name)] or step(items)
        target = self.code(node.target)
        return lambda items, run: step(target(items, run))

    def extensions(self, node: Node | None) -> Code:
        """Extensions of elements and, of `birthDate.extension`, also those that JSON keeps in `_birthDate`."""
        step = _step("extension")
        if node is None:
            return lambda items, run: step(items)
        target = self.code(node)
        if not isinstance(node, Member):
            return lambda items, run: step(target(items, run))
        parent, beside = self.target(node), _beside(node.name)
        return lambda items, run: step(target(items, run)) + step(beside(parent(items, run)))

    def item(self, node: Item) -> Code:
        target, index = self.code(node.target), self.code(node.index)

        def run_item(items: Items, run: Run) -> Items:
            found, at = target(items, run), index(items, run)
            if not at:
                return EMPTY
            place = number(at[0])
            if len(at) > 1 or not isinstance(place, int):
                raise self.wrong("an index is one whole number", node)
            return found[place : place + 1] if place >= 0 else EMPTY

        return run_item

    def sign(self, node: Sign) -> Code:
        operand = self.code(node.operand)
        if node.operator == "+":
            return operand
        return self.guarded(lambda items, run: operators.negative(operand(items, run)), node)

    # --- types --------------------------------------------------------------------------------------------

    def known_type(self, name: str, node: Node) -> str:
        bare_name = bare_type(name)
        if bare_name not in PRIMITIVES and not bare_name[:1].isupper():
            raise self.wrong(f"there is no type `{name}`{nearest(bare_name, PRIMITIVES | COMPLEX)}", node)
        return bare_name

    def of_type(self, target: Code, operator: str, name: str, node: Node) -> Code:
        if operator == "is":

            def run_is(items: Items, run: Run) -> Items:
                found = target(items, run)
                if len(found) > 1:
                    raise self.wrong("`is` asks about one value; `where($this is …)` about several", node)
                return (TRUE if is_of(found[0], name) else FALSE) if found else EMPTY

            return run_is
        if isinstance(member := node.operand if isinstance(node, OfType) else _target(node), Member):
            step, parent = _choice_step(member.name, name), self.target(member)
            return lambda items, run: step(parent(items, run))
        return lambda items, run: [item for item in target(items, run) if is_of(item, name)]

    # --- functions ----------------------------------------------------------------------------------------

    def call(self, node: Call) -> Code:
        name, count = node.name, len(node.arguments)
        known = {*functions.PLAIN, *functions.LAMBDAS, *OWN}
        if name not in known:
            raise self.wrong(f"there is no function `{name}()`{nearest(name, known)}", node)
        least, most = (OWN.get(name) or (functions.PLAIN.get(name) or functions.LAMBDAS[name]))[:2]
        if not least <= count <= most:
            wanted = str(least) if least == most else f"{least} to {most}"
            raise self.wrong(f"`{name}()` takes {wanted} arguments, not {count}", node)
        if name in ("is", "as", "ofType"):
            operator = "is" if name == "is" else "as"
            return self.of_type(self.target(node), operator, self.type_argument(node), node)
        if name == "extension":
            return self.extension_of(node)
        if name == "iif":
            return self.iif(node)
        if name == "getReferenceKey":
            of = self.type_argument(node) if count else None
            target = self.target(node)
            return lambda items, run: functions.reference_keys(target(items, run), of)
        if name == "getResourceKey":
            target = self.target(node)
            return self.guarded(lambda items, run: functions.resource_keys(target(items, run)), node)
        if name in functions.EXACT:
            self.exact = True
        target, arguments = self.target(node), [self.code(argument) for argument in node.arguments]
        if name in functions.LAMBDAS:
            many = functions.LAMBDAS[name][2]
            return self.guarded(lambda items, run: many(target(items, run), run, items, *arguments), node)
        plain = functions.PLAIN[name][2]
        if not arguments:
            return self.guarded(lambda items, run: plain(target(items, run)), node)
        return self.guarded(
            lambda items, run: plain(target(items, run), *[code(items, run) for code in arguments]), node
        )

    def guarded(self, code: Code, node: Node) -> Code:
        """The code with the place added to what it complains of."""

        def run_guarded(items: Items, run: Run) -> Items:
            try:
                return code(items, run)
            except Unfit as why:
                raise self.wrong(str(why), node) from None
            except ArithmeticError:
                return EMPTY  # too large, or the logarithm of nothing: FHIRPath gives no value

        return run_guarded

    def type_argument(self, node: Call) -> str:
        names, part = [], node.arguments[0]
        while isinstance(part, Member):
            names.append(part.name)
            if part.target is None:
                return self.known_type(".".join(reversed(names)), node)
            part = part.target
        raise self.wrong(f"`{node.name}()` takes the name of a type, as in {node.name}(Quantity)", node)

    def extension_of(self, node: Call) -> Code:
        found, url = self.extensions(node.target), self.code(node.arguments[0])

        def run_extension(items: Items, run: Run) -> Items:
            wanted = url(items, run)
            if len(wanted) != 1:
                return EMPTY
            address = bare(wanted[0])
            return [each for each in found(items, run) if type(each) is dict and each.get("url") == address]

        return run_extension

    def iif(self, node: Call) -> Code:
        """Only the branch that is taken is run."""
        target = self.target(node)
        test, then, *rest = [self.code(argument) for argument in node.arguments]
        on_target = node.target is not None

        def run_iif(items: Items, run: Run) -> Items:
            here = target(items, run) if on_target else items
            if on_target and len(here) > 1:
                raise Unfit("`iif()` is asked of one value, not of several")
            if operators.truth(test(here, run)):
                return then(here, run)
            return rest[0](here, run) if rest else EMPTY

        return self.guarded(run_iif, node)

    # --- operators ----------------------------------------------------------------------------------------

    def binary(self, node: Binary) -> Code:
        left, right = self.code(node.left), self.code(node.right)
        operator = node.operator
        truth = operators.truth
        if operator == "and":

            def both(items: Items, run: Run) -> Items:
                one = truth(left(items, run))
                if one is False:
                    return FALSE
                two = truth(right(items, run))
                return FALSE if two is False else TRUE if one and two else EMPTY

            return self.guarded(both, node)
        if operator in ("or", "implies"):
            turned = operator == "implies"

            def either(items: Items, run: Run) -> Items:
                one = truth(left(items, run))
                if turned and one is not None:
                    one = not one
                if one:
                    return TRUE
                two = truth(right(items, run))
                return TRUE if two else FALSE if one is False and two is False else EMPTY

            return self.guarded(either, node)
        if operator == "=" and isinstance(node.right, Literal) and type(node.right.value) is str:
            return self.equals_text(left, node.right.value)
        apply = operators.BINARY[operator]
        return self.guarded(lambda items, run: apply(left(items, run), right(items, run)), node)

    def equals_text(self, left: Code, text: str) -> Code:
        """`use = 'official'`, the commonest condition, without detours."""
        other, apply = [text], operators.BINARY["="]

        def run_equals(items: Items, run: Run) -> Items:
            found = left(items, run)
            if len(found) == 1 and type(found[0]) is str and found[0] == text:
                return TRUE
            return apply(found, other)

        return run_equals


# What the compiler itself turns into code: least and most arguments.
OWN: dict[str, tuple[int, int]] = {
    "is": (1, 1), "as": (1, 1), "ofType": (1, 1), "extension": (1, 1), "iif": (2, 3),
    "getReferenceKey": (0, 1), "getResourceKey": (0, 0),
}  # fmt: skip


def _target(node: Node) -> Node | None:
    return node.target if isinstance(node, Call) else None


def _step(name: str) -> Callable[[Items], Items]:
    """From elements to their child of that name, choice elements included: `value` finds `valueQuantity`."""
    choices = {name + suffix: type_name for suffix, type_name in CHOICES.items()}
    names = choices.keys()
    dated = name in DATES

    def step(items: Items) -> Items:
        found: Items = []
        for item in items:
            kind = type(item)
            if kind is Typed:
                item = item.value
                kind = type(item)
            if kind is not dict:
                continue
            child = item.get(name)
            if child is None:
                if not item.keys().isdisjoint(names):
                    for told, type_name in choices.items():
                        if (child := item.get(told)) is not None:
                            found.append(Typed(child, type_name))
            elif type(child) is list:
                found.extend([each for each in child if each is not None])
            else:
                found.append(Typed(child, "date") if dated else child)
        return found

    return step


def _choice_step(name: str, of: str) -> Callable[[Items], Items]:
    """`value.ofType(Quantity)`: straight to `valueQuantity` (or `valueAge`, which is one), or to a plain `value`."""
    types = [
        (name + suffix, type_name)
        for suffix, type_name in CHOICES.items()
        if is_of(Typed(None, type_name), of)
    ]

    def choose(items: Items) -> Items:
        found: Items = []
        for item in items:
            inner = item.value if type(item) is Typed else item
            if type(inner) is not dict:
                continue
            for told, type_name in types:
                if (child := inner.get(told)) is not None:
                    found.extend(
                        Typed(each, type_name) for each in (child if type(child) is list else [child])
                    )
            if (child := inner.get(name)) is not None:
                found.extend(each for each in (child if type(child) is list else [child]) if is_of(each, of))
        return found

    return choose


def _beside(name: str) -> Callable[[Items], Items]:
    """The objects that JSON keeps beside a primitive: `_birthDate`, `_valueString`; `_given` is a list with gaps."""
    names = {"_" + name, *("_" + name + suffix for suffix in CHOICES)}

    def beside(items: Items) -> Items:
        found: Items = []
        for item in items:
            inner = bare(item)
            if type(inner) is dict:
                for told in inner.keys() & names:
                    child = inner[told]
                    found.extend(each for each in (child if type(child) is list else [child]) if each)
        return found

    return beside


__all__ = ["EMPTY", "FALSE", "TRUE", "Code", "Items", "Path", "Run", "compile_path", "key", "nearest"]
