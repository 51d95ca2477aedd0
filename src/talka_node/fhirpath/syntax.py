"""The text of a FHIRPath expression to a small tree. The grammar is that of FHIRPath 2.0, by precedence climbing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from talka_node.fhirpath.values import CALENDAR, Moment, NotAMoment, Quantity


class PathError(ValueError):
    """A path that cannot be read or cannot be run. `at` is the position in its text, counted from 0."""

    def __init__(self, why: str, text: str = "", at: int | None = None) -> None:
        self.why, self.text, self.at = why, text, at
        super().__init__(why if at is None else f"{why} (character {at + 1} of `{text}`)")


# --- the tree ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Literal:
    at: int
    value: bool | int | Decimal | str | Moment | Quantity | None  # None is {}, the empty collection


@dataclass(frozen=True, slots=True)
class External:
    """`%name`."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Special:
    """`$this`, `$index` or `$total`."""

    at: int
    name: str


@dataclass(frozen=True, slots=True)
class Member:
    """`target.name`; without a target it is asked of the focus."""

    at: int
    target: Node | None
    name: str


@dataclass(frozen=True, slots=True)
class Call:
    """`target.name(arguments)`."""

    at: int
    target: Node | None
    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """`target[index]`."""

    at: int
    target: Node
    index: Node


@dataclass(frozen=True, slots=True)
class Sign:
    """`+operand` or `-operand`."""

    at: int
    operator: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Binary:
    at: int
    operator: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class OfType:
    """`operand is type` or `operand as type`."""

    at: int
    operator: str
    operand: Node
    type: str


Node = Literal | External | Special | Member | Call | Item | Sign | Binary | OfType


# --- words ------------------------------------------------------------------------------------------------

_WORD = re.compile(
    r"""
      (?P<space>\s+|//[^\n]*|/\*.*?\*/)
    | (?P<moment>@(?:T\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?
        |\d{4}(?:-\d\d(?:-\d\d)?)?(?:T(?:\d\d(?::\d\d(?::\d\d(?:\.\d+)?)?)?(?:Z|[+-]\d\d:\d\d)?)?)?))
    | (?P<number>\d+(?:\.\d+)?)
    | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<quoted>`(?:[^`\\]|\\.)*`)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<external>%(?:[A-Za-z_][A-Za-z0-9_-]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'))
    | (?P<special>\$(?:this|index|total)\b)
    | (?P<sign><=|>=|!=|!~|[-+*/&|=~<>.,()\[\]{}])
    """,
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_PLAIN = {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}
_WORDLIKE = frozenset(["and", "or", "xor", "implies", "is", "as", "in", "contains", "div", "mod"])
# Tighter binds later. Source: the grammar of FHIRPath 2.0, "Operator precedence".
_PRECEDENCE = {
    "implies": 1,
    **dict.fromkeys(("or", "xor"), 2),
    "and": 3,
    **dict.fromkeys(("in", "contains"), 4),
    **dict.fromkeys(("=", "~", "!=", "!~"), 5),
    **dict.fromkeys(("<", ">", "<=", ">="), 6),
    "|": 7,
    **dict.fromkeys(("is", "as"), 8),
    **dict.fromkeys(("+", "-", "&"), 9),
    **dict.fromkeys(("*", "/", "div", "mod"), 10),
}
_DEEPEST = 100  # brackets within brackets; beyond it is a mistake or an attack, not a view


@dataclass(frozen=True, slots=True)
class _Word:
    kind: str
    text: str
    at: int


def _words(text: str) -> list[_Word]:
    words, at = [], 0
    while at < len(text):
        found = _WORD.match(text, at)
        if found is None:
            raise PathError(f"nothing in FHIRPath begins with `{text[at : at + 2]}`", text, at)
        if found.lastgroup != "space":
            words.append(_Word(found.lastgroup or "", found.group(), at))
        at = found.end()
    words.append(_Word("end", "", len(text)))
    return words


def _unescape(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code, sign = found.groups()
        return chr(int(code, 16)) if code else _PLAIN.get(sign, sign)

    return _ESCAPE.sub(plain, text[1:-1])


# --- the parser -------------------------------------------------------------------------------------------


def parse(text: str) -> Node:
    """The tree of an expression. Raises PathError."""
    reader = _Reader(text)
    tree = reader.expression()
    if reader.word.kind != "end":
        raise reader.wrong("an operator or the end")
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self.text, self.words, self.next, self.depth = text, _words(text), 0, 0

    @property
    def word(self) -> _Word:
        return self.words[self.next]

    def wrong(self, wanted: str) -> PathError:
        met = f"`{self.word.text}`" if self.word.text else "the end"
        return PathError(f"{met} stands where {wanted} was expected", self.text, self.word.at)

    def take(self, sign: str) -> bool:
        if self.word.kind == "sign" and self.word.text == sign:
            self.next += 1
            return True
        return False

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise self.wrong(f"`{sign}`")

    def expression(self, at_least: int = 1) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise PathError(f"more than {_DEEPEST} levels deep", self.text, self.word.at)
        left = self.signed()
        while (binds := self.operator()) >= at_least:
            word = self.word
            self.next += 1
            if word.text in ("is", "as"):
                left = OfType(word.at, word.text, left, self.type_name())
            else:
                left = Binary(word.at, word.text, left, self.expression(binds + 1))
        self.depth -= 1
        return left

    def operator(self) -> int:
        word = self.word
        return _PRECEDENCE.get(word.text, 0) if word.kind in ("sign", "name") else 0

    def signed(self) -> Node:
        word = self.word
        if word.kind == "sign" and word.text in "+-":
            self.next += 1
            self.depth += 1
            if self.depth > _DEEPEST:
                raise PathError(f"more than {_DEEPEST} levels deep", self.text, word.at)
            operand = self.signed()
            self.depth -= 1
            return Sign(word.at, word.text, operand)
        return self.steps(self.term())

    def steps(self, node: Node) -> Node:
        while True:
            at = self.word.at
            if self.take("."):
                node = self.step(node)
            elif self.take("["):
                index = self.expression()
                self.need("]")
                node = Item(at, node, index)
            else:
                return node

    def step(self, target: Node | None) -> Node:
        word = self.word
        if word.kind == "special" and target is not None:
            raise self.wrong("the name of an element or a function")
        if word.kind not in ("name", "quoted"):
            raise self.wrong("the name of an element or a function")
        self.next += 1
        name = _unescape(word.text) if word.kind == "quoted" else word.text
        if word.kind == "name" and self.take("("):
            arguments: list[Node] = []
            if not self.take(")"):
                arguments.append(self.expression())
                while self.take(","):
                    arguments.append(self.expression())
                self.need(")")
            return Call(word.at, target, name, tuple(arguments))
        return Member(word.at, target, name)

    def term(self) -> Node:
        word = self.word
        match word.kind:
            case "number":
                self.next += 1
                return self.number(word)
            case "string":
                self.next += 1
                return Literal(word.at, _unescape(word.text))
            case "moment":
                self.next += 1
                try:
                    return Literal(word.at, Moment.literal(word.text[1:]))
                except NotAMoment as why:
                    raise PathError(str(why), self.text, word.at) from None
            case "external":
                self.next += 1
                name = word.text[1:]
                return External(word.at, _unescape(name) if name[0] in "`'" else name)
            case "special":
                self.next += 1
                return Special(word.at, word.text)
            case "name" if word.text in ("true", "false"):
                self.next += 1
                return Literal(word.at, word.text == "true")
            case "name" if word.text in _WORDLIKE - {"is", "as", "in", "contains"}:
                raise self.wrong("a value")
            case "name" | "quoted":
                return self.step(None)
        if self.take("("):
            inner = self.expression()
            self.need(")")
            return inner
        if self.take("{"):
            self.need("}")
            return Literal(word.at, None)
        raise self.wrong("a value")

    def number(self, word: _Word) -> Node:
        value = Decimal(word.text) if "." in word.text else int(word.text)
        unit = self.word
        if unit.kind == "string":
            self.next += 1
            return Literal(word.at, Quantity(Decimal(value), _unescape(unit.text)))
        if unit.kind == "name" and unit.text in CALENDAR:
            self.next += 1
            return Literal(word.at, Quantity(Decimal(value), CALENDAR[unit.text]))
        return Literal(word.at, value)

    def type_name(self) -> str:
        names = []
        while True:
            word = self.word
            if word.kind not in ("name", "quoted"):
                raise self.wrong("the name of a type")
            self.next += 1
            names.append(_unescape(word.text) if word.kind == "quoted" else word.text)
            if not self.take("."):
                return ".".join(names)
