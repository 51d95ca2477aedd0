"""Units of measure: as much of UCUM as laboratories use, and the unit in which a node keeps each measurement.

A unit is read into powers of base quantities and an exact factor, so that converting is one multiplication. Between
mass and amount of substance (mg/dL, mmol/L) lies the molar mass of what was measured, which only its LOINC code tells.
Source: UCUM 2.1, case sensitive; molar masses from standard atomic weights.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18,
}  # fmt: skip

# Base quantities. What counts or is agreed upon (pH, international and arbitrary units) converts into nothing else.
BASES = ("m", "g", "s", "K", "mol", "A", "cd", "rad", "[pH]", "[IU]", "[arb'U]", "eq", "osm")

# Unit → (how many of which unit). A factor is exact, as text; units that take prefixes stand in METRIC.
DEFINED: dict[str, tuple[str, str]] = {
    "10*": ("10", "1"), "10^": ("10", "1"), "%": ("1/100", "1"), "[ppth]": ("1/1000", "1"),
    "[ppm]": ("1/1000000", "1"), "[ppb]": ("1/1000000000", "1"),
    "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "wk": ("604800", "s"),
    "mo": ("2629800", "s"), "a": ("31557600", "s"),
    "l": ("1/1000", "m3"), "L": ("1/1000", "m3"), "ar": ("100", "m2"), "t": ("1000000", "g"),
    "u": ("1.66053906660e-24", "g"),
    "N": ("1000", "g.m/s2"), "Pa": ("1000", "g/m/s2"), "bar": ("100000000", "g/m/s2"), "J": ("1000", "g.m2/s2"),
    "W": ("1000", "g.m2/s3"), "cal": ("4184", "g.m2/s2"), "m[Hg]": ("133322387.415", "g/m/s2"),
    "m[H2O]": ("9806650", "g/m/s2"), "atm": ("101325000", "g/m/s2"), "Hz": ("1", "s-1"), "Bq": ("1", "s-1"),
    "C": ("1", "A.s"), "V": ("1000", "g.m2/s3/A"), "Ohm": ("1000", "g.m2/s3/A2"), "kat": ("1", "mol/s"),
    "U": ("1/60000000", "mol/s"), "[iU]": ("1", "[IU]"), "Gy": ("1", "m2/s2"), "Sv": ("1", "m2/s2"),
    "[in_i]": ("0.0254", "m"), "[ft_i]": ("0.3048", "m"), "[lb_av]": ("453.59237", "g"),
    "[oz_av]": ("28.349523125", "g"),
    "deg": ("3.14159265358979323846/180", "rad"), "[mi_i]": ("1609.344", "m"), "[foz_us]": ("29.5735295625e-6", "m3"),
}  # fmt: skip
METRIC = frozenset(
    ["m", "g", "s", "K", "mol", "A", "cd", "rad", "l", "L", "ar", "t", "u", "N", "Pa", "bar", "J", "W", "cal",
     "m[Hg]", "m[H2O]", "Hz", "Bq", "C", "V", "Ohm", "kat", "U", "[IU]", "[iU]", "Gy", "Sv", "eq", "osm", "Cel"]
)  # fmt: skip
# Not a multiple of kelvin: K = (value + offset) · factor.
SPECIAL = {"Cel": (Fraction("273.15"), Fraction(1)), "[degF]": (Fraction("459.67"), Fraction(5, 9))}

# What people write and UCUM does not; only what can mean one thing.
SPELLINGS = {
    "mmHg": "mm[Hg]", "cmH2O": "cm[H2O]", "°C": "Cel", "degC": "Cel", "IU/L": "[IU]/L", "IU/l": "[IU]/L",
    "mIU/L": "m[IU]/L", "uIU/mL": "u[IU]/mL", "IU/mL": "[IU]/mL", "kIU/L": "k[IU]/L", "bpm": "/min",
    "beats/min": "/min", "x10^9/L": "10*9/L",
    "10^9/L": "10*9/L", "10E9/L": "10*9/L", "10^12/L": "10*12/L", "10E12/L": "10*12/L", "x10^12/L": "10*12/L",
    "kg/m^2": "kg/m2", "kg/m²": "kg/m2", "mL/min/1.73m2": "mL/min/{1.73_m2}", "mL/min/1.73 m2": "mL/min/{1.73_m2}",
    "lbs": "[lb_av]", "lb": "[lb_av]", "in": "[in_i]", "years": "a", "mcg/L": "ug/L", "mcg/mL": "ug/mL", "sec": "s",
    "gadi": "a",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Analyte:
    """How a node keeps a LOINC code: its canonical unit and, where masses may be given for amounts, g/mol."""

    unit: str
    molar: str | None = None


# Unit, molar mass in g/mol, and the codes kept so: the commonest of laboratories and wards. Codes not named here are
# kept in the unit of their first row; see `Kept`.
_ANALYTES = """
    % - 2708-6 59408-5 4544-3 20570-8 788-0 770-8 736-9 4548-4
    /min - 8867-4 9279-1
    1 - 6301-6
    10*12/L - 789-8
    10*9/L - 6690-2 26464-8 777-3 26515-7 751-8 731-0 742-7 711-2 704-7
    Cel - 8310-5
    U/L - 1742-6 1920-8 2324-2 6768-6 14804-9 2532-0 2157-6 1798-8 3040-3
    [IU]/L - 15067-2 10501-5
    [pH] - 2756-5 2744-1 11558-4
    cm - 8302-2 8287-5 8280-0
    fL - 787-2
    g/L - 1869-7 1884-6 1751-7 2885-2 3034-6 3255-7
    g/dL - 786-4
    g/dL 16114.5 718-7
    kPa - 2019-8 2703-7
    k[IU]/L - 10334-1 24108-3 6875-9
    kg - 29463-7 3141-9
    kg/m2 - 39156-5
    mL/min/{1.73_m2} - 33914-3 62238-1 98979-8 48642-3
    m[IU]/L - 3016-3 11580-8 2842-3
    mg/L - 1988-5 30522-7 14957-5 1754-1
    mg/g - 9318-7
    mg/mmol - 14959-1
    mm/h - 30341-2 4537-7
    mm[Hg] - 8480-6 8462-4
    mmol/L - 2028-9 1959-6 2524-7 32693-4
    mmol/L 22.990 2951-2
    mmol/L 24.305 19123-9 2601-3
    mmol/L 28.014 3094-0 6299-2
    mmol/L 30.974 2777-1 14879-1
    mmol/L 35.45 2075-0
    mmol/L 39.098 2823-3
    mmol/L 40.078 17861-6 2000-8 1995-0
    mmol/L 60.056 3091-6 22664-7
    mmol/L 113.12 2161-8
    mmol/L 180.156 2345-7 14749-6 2339-0 15074-8 1558-6 14771-0
    mmol/L 386.65 2093-3 14647-2 2085-9 14646-4 2089-1 22748-8 13457-7 18262-6 39469-2
    mmol/L 885.4 2571-8 14927-8
    mmol/mol - 59261-8
    ng/L - 6598-7 10839-9 67151-1 33762-6 30934-4 26881-3
    nmol/L - 43583-4
    nmol/L 288.42 2986-8 14913-8
    nmol/L 362.46 2143-6 14675-3
    nmol/L 400.64 1989-3 62292-8 68438-1
    nmol/L 441.40 2284-8 14732-2
    pg - 785-6
    pmol/L 272.38 2243-4 14715-7
    pmol/L 650.97 3051-0 14928-6
    pmol/L 776.87 3024-7 14920-3
    pmol/L 1355.37 2132-9 14685-2
    s - 5902-2 3173-2
    ug/L - 33959-8 2276-4 2857-1 35741-8 10886-0 2039-6 1834-1 48065-7 48066-9
    umol/L 55.845 2498-4 14798-3 2500-7
    umol/L 113.12 2160-0 14682-9 38483-4
    umol/L 168.11 3084-1 14933-6
    umol/L 584.66 1975-2 14631-6 1968-7 14629-0
"""


def _analytes() -> dict[str, Analyte]:
    rows = (line.split() for line in _ANALYTES.strip().splitlines())
    return {
        code: Analyte(unit, None if molar == "-" else molar) for unit, molar, *codes in rows for code in codes
    }


ANALYTES = _analytes()


class BadUnit(ValueError):
    """A unit that cannot be read, or that measures something else; the message says what would fit."""


@dataclass(frozen=True, slots=True)
class Unit:
    """`factor` of the product of BASES to `powers`; special ones are shifted first: (value + offset) · factor."""

    factor: Fraction
    powers: tuple[int, ...]
    offset: Fraction = Fraction(0)


@dataclass(frozen=True, slots=True)
class Conversion:
    """y = (x + before) · times / over + after, to 12 digits, so that 1.13 m are 113 cm and not 112.99999999999999."""

    times: float
    over: float
    before: float = 0.0
    after: float = 0.0

    @property
    def same(self) -> bool:
        return self == SAME

    def __call__(self, value: float) -> float:
        if self.same:
            return value
        return float(f"{(value + self.before) * self.times / self.over + self.after:.12g}")


SAME = Conversion(1.0, 1.0)
_ONE = (0,) * len(BASES)
_ANNOTATION = re.compile(r"(^|(?<=[./(]))?\{[^{}]*\}")
_TOKEN = re.compile(r"[./()]|(?:\[[^\[\]]*\]|[^./()\[\]+-])+(?:[+-]?\d+)?|[+-]?\d+")


@lru_cache(4096)
def parse(text: str) -> Unit:
    """A unit in UCUM, or in a spelling of SPELLINGS. Raises BadUnit naming the nearest unit known."""
    given = text
    text = SPELLINGS.get(text.strip(), text.strip())
    # An {annotation} says nothing; where it stands for a unit, it is the number one.
    text = _ANNOTATION.sub(lambda found: "" if found[1] is None else "1", text)
    text = text.replace("µ", "u").replace("μ", "u")
    if not text or text == "1":
        return Unit(Fraction(1), _ONE)
    if " " in text or len(text) > 60:
        raise BadUnit(f"unit {_short(given)!r} is not UCUM: units have no spaces, as in mmol/L")
    if text in SPECIAL:
        offset, factor = SPECIAL[text]
        return Unit(factor, parse("K").powers, offset)
    reader = _Reader(given, text)
    unit = reader.term()
    if reader.left:
        raise reader.wrong()
    return unit


class _Reader:
    """Terms of UCUM: units with exponents, joined by . and /, in parentheses, from left to right."""

    def __init__(self, given: str, text: str) -> None:
        self.given = given
        self.left = _TOKEN.findall(text)
        if "".join(self.left) != text:
            raise self.wrong()

    def wrong(self, why: str = "") -> BadUnit:
        known = {
            unit.lower(): unit for unit in (*DEFINED, *BASES, *(each.unit for each in ANALYTES.values()))
        }
        near = difflib.get_close_matches(self.given.lower(), known, 1, 0.5)
        hint = f"; the nearest known is {known[near[0]]!r}" if near else ", as mmol/L or 10*9/L are"
        return BadUnit(f"unit {_short(self.given)!r} is not UCUM{why}{hint}")

    def term(self) -> Unit:
        sign = 1
        if self.left and self.left[0] == "/":
            self.left.pop(0)
            sign = -1
        unit = _raised(self.component(), sign)
        while self.left and self.left[0] in "./":
            sign = 1 if self.left.pop(0) == "." else -1
            unit = _times(unit, _raised(self.component(), sign))
        return unit

    def component(self) -> Unit:
        if not self.left:
            raise self.wrong()
        token = self.left.pop(0)
        if token == "(":
            unit = self.term()
            if not self.left or self.left.pop(0) != ")":
                raise self.wrong()
            return unit
        if re.fullmatch(r"\d{1,9}", token):
            if not int(token):
                raise self.wrong()
            return Unit(Fraction(int(token)), _ONE)
        parts = re.fullmatch(r"(10[*^]|.*?[^\d+-])([+-]?\d{1,2})?", token)
        if not parts:
            raise self.wrong()
        return _raised(self.atom(parts[1]), int(parts[2] or 1))

    def atom(self, name: str) -> Unit:
        if name in BASES:
            return Unit(Fraction(1), tuple(int(base == name) for base in BASES))
        if name in DEFINED:
            factor, of = DEFINED[name]
            unit = parse(of)
            above, _, below = factor.partition("/")
            return Unit(Fraction(above) / Fraction(below or 1) * unit.factor, unit.powers)
        for length in (2, 1):
            prefix, rest = name[:length], name[length:]
            if prefix in PREFIXES and rest in METRIC and rest not in SPECIAL:
                unit = self.atom(rest)
                return Unit(unit.factor * Fraction(10) ** PREFIXES[prefix], unit.powers)
        if name in SPECIAL:
            raise self.wrong(f": {name} cannot be multiplied")
        raise self.wrong()


def _times(one: Unit, other: Unit) -> Unit:
    return Unit(
        one.factor * other.factor, tuple(a + b for a, b in zip(one.powers, other.powers, strict=True))
    )


def _raised(unit: Unit, power: int) -> Unit:
    if abs(power) > 30:
        raise BadUnit(f"a unit to the power {power} is none that anything is measured in")
    return Unit(unit.factor**power, tuple(power * each for each in unit.powers))


@lru_cache(4096)
def conversion(given: str, wanted: str, loinc: str | None = None) -> Conversion:
    """How values in unit `given` become values in `wanted`. With a LOINC code that has a molar mass also between mass
    and amount of substance. Raises BadUnit when they measure different things."""
    if given == wanted:
        return SAME
    one, other = parse(given), parse(wanted)
    factor = one.factor / other.factor
    if one.powers != other.powers:
        gram, mol = BASES.index("g"), BASES.index("mol")
        moved = [a - b for a, b in zip(one.powers, other.powers, strict=True)]
        analyte = ANALYTES.get(loinc or "")
        power = moved[gram]
        moved[gram], moved[mol] = 0, moved[mol] + power
        if any(moved) or not power or analyte is None or analyte.molar is None:
            about = f" of {loinc}" if loinc else ""
            raise BadUnit(
                f"unit {_short(given)!r} cannot be turned into {wanted!r}{about}: give {_like(wanted)}"
            )
        factor /= Fraction(analyte.molar) ** power
    if one.offset or other.offset:
        return Conversion(
            float(factor.numerator), float(factor.denominator), float(one.offset), -float(other.offset)
        )
    return Conversion(*_two(factor))


def _two(factor: Fraction) -> tuple[float, float]:
    """The factor as a product and a quotient of floats. Dividing by 10 is exact where multiplying by 0.1 is not."""
    if factor.numerator < 2**53 and factor.denominator < 2**53:
        return float(factor.numerator), float(factor.denominator)
    return float(factor), 1.0


def _like(wanted: str) -> str:
    alike = dict.fromkeys([wanted, *(analyte.unit for analyte in ANALYTES.values())])
    powers = parse(wanted).powers
    return "a unit like " + ", ".join([unit for unit in alike if parse(unit).powers == powers][:3])


def _short(text: str) -> str:
    return text if len(text) <= 30 else text[:30] + "…"


class Kept:
    """The canonical unit of each code in one node: of ANALYTES or, for other codes, of the first row that came.

    `units` is what a store remembers: code → canonical unit.
    """

    def __init__(self, units: dict[str, str] | None = None) -> None:
        self.units = dict(units or {})

    def unit(self, code: str) -> str | None:
        """The canonical unit of a code, None while no row with a unit has come."""
        analyte = ANALYTES.get(code)
        return analyte.unit if analyte else self.units.get(code)

    def conversion(self, code: str, unit: str | None) -> Conversion:
        """How a new row's value becomes the node's. A row without a unit is refused, unless the code is kept as a bare
        number. Raises BadUnit."""
        canonical = self.unit(code)
        if unit is None or not unit.strip():
            if canonical in (None, "1"):
                unit = "1"
            else:
                raise BadUnit(f"a value of {code} has no unit: give {_like(str(canonical))}")
        if canonical is None:
            parse(unit)
            self.units[code] = canonical = unit.strip()
        return conversion(unit.strip(), canonical, code)
