"""What a node publishes of itself and understands in questions, from `catalogue.yaml` in its directory.

Published lists, never what happens to be stored: that a rare code is accepted would tell that somebody has it.

    organisation: {id: lv.example, name: Izdomāta slimnīca, url: https://slimnica.example}
    beacon: lv.example.node
    biobanks: {code: name}       collections: {code: name}     cohorts: {code: name}
    regions: {code: name}        procedures: {code: name}      genes: [HGNC symbols]
    measurements: {LOINC code: unit}     beyond those that every node knows
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from talka_node.codes import atc, icd10, samples, units
from talka_node.codes.units import ANALYTES

_TYPES = frozenset(each.code for each in samples.TYPES)
_TEMPERATURES = frozenset(samples.TEMPERATURES)
CHROMOSOMES = frozenset({*map(str, range(1, 23)), "X", "Y", "MT"})
_NAMED = ("biobanks", "collections", "cohorts", "regions", "procedures", "measurements")
KEYS = ("organisation", "beacon", *_NAMED, "genes")

EMPTY = """\
# What this node publishes of itself; questions may name nothing else. Codes with names that people read.
organisation: {id: organisation.invalid, name: "", url: https://organisation.invalid}
beacon: node.invalid      # the id of its Beacon, a reverse domain name
biobanks: {}
collections: {}
cohorts: {}
regions: {}
procedures: {}
measurements: {}          # LOINC codes beyond the usual ones, each with its unit (UCUM)
genes: []                 # HGNC symbols
"""


class BadCatalogue(ValueError):
    """The file is none; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Organisation:
    id: str = "organisation.invalid"
    name: str = ""
    url: str = "https://organisation.invalid"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Codes with their names; see `talka_query.check.Catalogue`, which this is. `kept`: units of the node's store."""

    organisation: Organisation = Organisation()
    beacon: str = "node.invalid"
    biobanks_named: Mapping[str, str] = field(default_factory=dict)
    collections_named: Mapping[str, str] = field(default_factory=dict)
    cohorts_named: Mapping[str, str] = field(default_factory=dict)
    regions_named: Mapping[str, str] = field(default_factory=dict)
    procedures_named: Mapping[str, str] = field(default_factory=dict)
    measurements_named: Mapping[str, str] = field(default_factory=dict)
    genes: frozenset[str] = frozenset()
    kept: Mapping[str, str] = field(default_factory=dict)

    @property
    def biobanks(self) -> frozenset[str]:
        return frozenset(self.biobanks_named)

    @property
    def collections(self) -> frozenset[str]:
        return frozenset(self.collections_named)

    @property
    def types(self) -> frozenset[str]:
        return _TYPES

    @property
    def temperatures(self) -> frozenset[str]:
        return _TEMPERATURES

    @property
    def regions(self) -> frozenset[str]:
        return frozenset(self.regions_named)

    @property
    def cohorts(self) -> frozenset[str]:
        return frozenset(self.cohorts_named)

    @property
    def measures(self) -> frozenset[str]:
        return frozenset({*ANALYTES, *self.measurements_named})

    @property
    def procedures(self) -> frozenset[str]:
        return frozenset(self.procedures_named)

    @property
    def chromosomes(self) -> frozenset[str]:
        return CHROMOSOMES

    def diagnosis(self, code: str) -> None:
        icd10.span(code)

    def medicine(self, code: str) -> None:
        if not atc.is_code(code):
            raise ValueError(f"{code!r} is no ATC code; write one as A, A10, A10B, A10BA or A10BA02")

    def unit(self, measure: str) -> str | None:
        """The store's own unit; what no row has come of yet will be kept in the one named here."""
        analyte = ANALYTES.get(measure)
        if analyte is not None:
            return analyte.unit
        return self.kept.get(measure) or self.measurements_named.get(measure)

    def conversion(self, measure: str, unit: str) -> Callable[[float], float]:
        own = self.unit(measure)
        if own is None:
            raise units.BadUnit(f"{measure} is kept without a unit; leave it out")
        return units.conversion(unit, own, measure)


def read(path: Path, kept: Mapping[str, str] | None = None) -> Catalogue:
    """The catalogue of a file; an empty one if there is no file. BadCatalogue tells what is wrong in it."""
    kept = kept or {}
    if not path.exists():
        return Catalogue(kept=kept)
    try:
        told: Any = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as why:
        raise BadCatalogue(f"{path.name}: not YAML in UTF-8 ({type(why).__name__})") from None
    if not isinstance(told, dict):
        raise BadCatalogue(f"{path.name}: a mapping is meant, of {', '.join(KEYS)}")
    if unknown := sorted(map(str, told.keys() - set(KEYS))):
        raise BadCatalogue(
            f"{path.name}: there is no {', '.join(unknown)}; what can be told is {', '.join(KEYS)}"
        )
    genes = told.get("genes") or []
    if not isinstance(genes, list):
        raise BadCatalogue(f"{path.name}: genes is a list of HGNC symbols")
    return Catalogue(
        Organisation(**_texts(told.get("organisation"), "organisation", path, ("id", "name", "url"))),
        str(told.get("beacon") or "node.invalid"),
        **{f"{name}_named": _texts(told.get(name), name, path) for name in _NAMED},
        genes=frozenset(map(str, genes)),
        kept=kept,
    )


def _texts(told: Any, name: str, path: Path, keys: tuple[str, ...] = ()) -> dict[str, str]:
    told = {} if told is None else told
    if not isinstance(told, dict):
        raise BadCatalogue(f"{path.name}: {name} is a mapping, from {', '.join(keys) or 'codes to names'}")
    if keys and (unknown := sorted(map(str, told.keys() - set(keys)))):
        raise BadCatalogue(f"{path.name}: {name} has no {', '.join(unknown)}; it has {', '.join(keys)}")
    return {str(code): str(label) for code, label in told.items()}
