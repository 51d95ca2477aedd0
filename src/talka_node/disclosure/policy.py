"""A node's policy as data: what it asks of questions and how it tells numbers. YAML with a version and a date.

Every number is written out in `default.yaml`, with what it means; a policy of the node's own names only what differs.
What would tell of fewer than five donors is no policy and is refused when it is read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from datetime import date
from difflib import get_close_matches
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

import yaml

FLOOR = 5  # donors: a told cell never has fewer, whatever the policy says


class Standing(StrEnum):
    """How much the node knows of who asks. `PERMIT`: the caller has checked the permit named in the question."""

    OPEN = "open"
    PERMIT = "permit"


@dataclass(frozen=True, slots=True)
class Grid:
    outside: str
    ages: int
    region: int
    days: int
    digits: int
    aliquots: tuple[int, ...]
    bases: int


@dataclass(frozen=True, slots=True)
class Cells:
    open: int
    permit: int
    rounding: int
    noise: float
    cut: int
    complement: bool
    share: float
    joined: tuple[int, ...]
    between: int


@dataclass(frozen=True, slots=True)
class Limits:
    axes: int
    criteria: int


@dataclass(frozen=True, slots=True)
class Budget:
    days: int
    open: int
    permit: int
    alike_open: int
    alike_permit: int


@dataclass(frozen=True, slots=True)
class Overlap:
    people: int
    months: int
    values: float
    days: int
    bases: int


@dataclass(frozen=True, slots=True)
class Variants:
    carriers: int
    day: int
    stretch: int
    joint: str


@dataclass(frozen=True, slots=True)
class Coverage:
    stratum: int
    hub: str


@dataclass(frozen=True, slots=True)
class Region:
    """`people`: inhabitants, or donors by a published count. `part_of`: the larger region that it belongs to."""

    people: int
    part_of: str | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    version: int
    dated: date
    grid: Grid
    cells: Cells
    question: Limits
    budget: Budget
    overlap: Overlap
    variants: Variants
    coverage: Coverage
    inhabitants: int
    regions: Mapping[str, Region]

    def minimum(self, standing: Standing) -> int:
        """The least donors of a told cell."""
        return self.cells.permit if standing is Standing.PERMIT else self.cells.open

    def per_day(self, standing: Standing) -> int:
        return self.budget.permit if standing is Standing.PERMIT else self.budget.open

    def alike(self, standing: Standing) -> int:
        return self.budget.alike_permit if standing is Standing.PERMIT else self.budget.alike_open

    def region(self, code: str) -> str | None:
        """The region of the grid that a code is or lies in; None where no size large enough is known."""
        seen: set[str] = set()
        at: str | None = code
        while at is not None and at not in seen and (found := self.regions.get(at)) is not None:
            if found.people >= self.grid.region:
                return at
            seen.add(at)
            at = found.part_of
        return None

    def with_regions(self, regions: Mapping[str, Region]) -> Policy:
        """The same with the sizes of regions: the next version, for what it admits is different."""
        return replace(self, version=self.version + 1, regions=dict(regions))


@cache
def default() -> Policy:
    """The policy of a node that has none of its own."""
    return _policy(_default(), "default.yaml")


def read(path: Path) -> Policy:
    """A node's own policy: what it does not name is as in the default. ValueError tells the place."""
    own = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(own, dict):
        raise ValueError(f"{path.name}: a policy is a mapping like default.yaml, not {type(own).__name__}")
    for name in ("version", "dated"):
        if name not in own:
            raise ValueError(
                f"{path.name}: {name} is missing; every policy has a version and the day it is from"
            )
    return _policy(_over(_default(), own, path.name), path.name)


@cache
def _text() -> str:
    return (Path(__file__).parent / "default.yaml").read_text(encoding="utf-8")


def _default() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(_text())
    return loaded


def _over(base: dict[str, Any], own: Mapping[Any, Any], place: str) -> dict[str, Any]:
    merged = dict(base)
    for name, value in own.items():
        if name not in base and not place.endswith("regions"):
            near = get_close_matches(str(name), base, n=1)
            hint = f"the nearest is {near[0]}" if near else f"there are {', '.join(base)}"
            raise ValueError(f"{place}: there is no {name!r}; {hint}")
        under = base.get(name)
        if name == "regions":
            merged[name] = value
        elif isinstance(under, dict):
            if not isinstance(value, dict):
                raise ValueError(f"{place}.{name}: a mapping is meant ({', '.join(under)}), not {value!r}")
            merged[name] = _over(under, value, f"{place}.{name}")
        else:
            merged[name] = value
    return merged


def _policy(data: dict[str, Any], place: str) -> Policy:
    made = _build(Policy, data, place)
    assert isinstance(made, Policy)
    _check(made, place)
    return made


def _build(kind: Any, data: Mapping[str, Any], place: str) -> Any:
    values: dict[str, Any] = {}
    hints = get_type_hints(kind)
    for each in fields(kind):
        at = f"{place}.{each.name}"
        if each.name not in data:
            if each.name == "part_of":
                continue
            raise ValueError(f"{at} is missing")
        value, hint = data[each.name], hints[each.name]
        if each.name == "regions":
            values[each.name] = _regions(value, at)
        elif is_dataclass(hint):
            values[each.name] = _build(hint, value, at)
        elif hint == tuple[int, ...]:
            values[each.name] = tuple(_typed(part, int, at) for part in _typed(value, list, at))
        else:
            values[each.name] = _typed(value, hint, at)
    return kind(**values)


def _regions(value: Any, place: str) -> dict[str, Region]:
    return {
        str(code): _build(Region, _typed(row, dict, f"{place}.{code}"), f"{place}.{code}")
        for code, row in _typed(value, dict, place).items()
    }


def _typed(value: Any, hint: Any, place: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    fits = isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool)
    if not fits:
        name = getattr(hint, "__name__", str(hint))
        raise ValueError(f"{place}: {name} is meant, not {value!r}")
    return value


def _check(policy: Policy, place: str) -> None:
    """What no policy may be, with what would be right."""
    grid, cells = policy.grid, policy.cells
    wrong = (
        (min(cells.open, cells.permit) < FLOOR, "cells", f"open and permit are at least {FLOOR}"),
        (cells.permit > cells.open, "cells", "permit is at most open"),
        (policy.variants.carriers < cells.open, "variants.carriers", "at least cells.open"),
        (cells.rounding not in (5, 10, 20, 50), "cells.rounding", "5, 10, 20 or 50"),
        (not 0 <= cells.noise <= 2, "cells.noise", "from 0 (none) to 2; smaller is more noise"),
        (cells.noise > 0 and cells.cut < 5, "cells.cut", "at least 5"),
        (not 0 <= cells.share <= 1, "cells.share", "from 0 to 1"),
        (not cells.joined or cells.joined[0] != 5, "cells.joined", "begins with 5, as the engines' age bands do"),
        (any(b % a for a, b in zip(cells.joined, cells.joined[1:], strict=False)), "cells.joined",
         "each a multiple of the one before"),
        (cells.between < cells.permit, "cells.between", "at least cells.permit"),
        (grid.outside not in ("snap", "refuse"), "grid.outside", "snap or refuse"),
        (grid.ages not in (5, 10, 20), "grid.ages", "5, 10 or 20 years"),
        (grid.region < 1000, "grid.region", "at least 1000 inhabitants"),
        (grid.days < 7, "grid.days", "at least 7 days"),
        (grid.digits not in (1, 2), "grid.digits", "1 or 2"),
        (not grid.aliquots or grid.aliquots[0] != 0 or list(grid.aliquots) != sorted(set(grid.aliquots)),
         "grid.aliquots", "ascending from 0"),
        (grid.bases < 100, "grid.bases", "at least 100"),
        (not 0 <= policy.question.axes <= 3, "question.axes", "from 0 to 3"),
        (not 1 <= policy.question.criteria <= 14, "question.criteria", "from 1 to 14"),
        (min(policy.budget.open, policy.budget.permit, policy.budget.days) < 1, "budget", "at least 1"),
        (policy.variants.joint not in ("open", "permit", "never"), "variants.joint", "open, permit or never"),
        (policy.coverage.stratum < cells.open, "coverage.stratum", "at least cells.open"),
        (policy.inhabitants < 1, "inhabitants", "at least 1"),
    )  # fmt: skip
    for is_wrong, name, right in wrong:
        if is_wrong:
            raise ValueError(f"{place}.{name}: {right}")
