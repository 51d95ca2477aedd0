"""What a node publishes of itself and understands in questions, from `catalogue.yaml` in its directory.

Published lists, never what happens to be stored: that a rare code is accepted would tell that somebody has it.

    organisation: {id: lv.example, name: Izdomāta slimnīca, url: https://slimnica.example}
    beacon: lv.example.node
    biobanks: {code: name}       collections: {code: name}     cohorts: {code: name}
    regions: {code: name}        procedures: {code: name}      genes: [HGNC symbols]
    measurements: {LOINC code: unit}     beyond those that every node knows
    datasets: https://slimnica.example/datasets/    with a collection's code after it, what a visa calls that dataset
    description: what the node is; contact: mailto:…; access: where access may be applied for
    uses: {collection: [DUO codes]}
    sequencing: {collection: {date: 2024-01-15, strategy: WGS, platform: …, analysed: 2024-02-15, pipeline: …}}

`sequencing` states that the DNA samples of a collection were read, which makes them runs and analyses of the Beacon.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from talka_node.codes import atc, icd10, samples, units
from talka_node.codes.units import ANALYTES

_TYPES = frozenset(each.code for each in samples.TYPES)
_TEMPERATURES = frozenset(samples.TEMPERATURES)
CHROMOSOMES = frozenset({*map(str, range(1, 23)), "X", "Y", "MT"})
DUO = re.compile(r"DUO:[0-9]{7}")
_NAMED = ("biobanks", "collections", "cohorts", "regions", "procedures", "measurements")
KEYS = (
    "organisation",
    "beacon",
    "datasets",
    "description",
    "contact",
    "access",
    *_NAMED,
    "genes",
    "uses",
    "sequencing",
)

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
# access: https://…       # where access may be applied for; also description, contact, uses, sequencing
"""


class BadCatalogue(ValueError):
    """The file is none; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Organisation:
    id: str = "organisation.invalid"
    name: str = ""
    url: str = "https://organisation.invalid"


@dataclass(frozen=True, slots=True)
class Sequencing:
    """How the DNA samples of a collection were read: `date` and `analysed` as ISO days."""

    date: str
    analysed: str
    pipeline: str
    strategy: str = ""
    platform: str = ""
    aligner: str = ""
    caller: str = ""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Codes with their names; see `talka_query.check.Catalogue`, which this is. `kept`: units of the node's store."""

    organisation: Organisation = Organisation()
    beacon: str = "node.invalid"
    datasets: str = ""
    description: str = ""
    contact: str = ""
    access: str = ""
    uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sequencing: Mapping[str, Sequencing] = field(default_factory=dict)
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
    except (yaml.YAMLError, ValueError) as why:  # a day that there is not is a ValueError
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
    named = {name: _texts(told.get(name), name, path) for name in _NAMED}
    return Catalogue(
        Organisation(**_texts(told.get("organisation"), "organisation", path, ("id", "name", "url"))),
        str(told.get("beacon") or "node.invalid"),
        datasets=_address(told.get("datasets"), "datasets", path, "https://", "urn:"),
        description=str(told.get("description") or ""),
        contact=_address(told.get("contact"), "contact", path, "mailto:", "https://"),
        access=_address(told.get("access"), "access", path, "https://", "mailto:"),
        uses=_uses(told.get("uses"), named["collections"], path),
        sequencing=_sequencing(told.get("sequencing"), named["collections"], path),
        **{f"{name}_named": each for name, each in named.items()},
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


def _address(told: Any, name: str, path: Path, *kinds: str) -> str:
    text = str(told or "")
    if text and not text.startswith(kinds):
        raise BadCatalogue(f"{path.name}: {name} is an address that begins with {' or '.join(kinds)}")
    return text


def _of_collections(told: Any, name: str, collections: Mapping[str, str], path: Path) -> dict[str, Any]:
    told = {} if told is None else told
    if not isinstance(told, dict):
        raise BadCatalogue(f"{path.name}: {name} is a mapping, from collections")
    if unknown := sorted(map(str, told.keys() - collections.keys())):
        raise BadCatalogue(f"{path.name}: {name} speaks of {unknown[0]}, which is none of the collections")
    return told


def _uses(told: Any, collections: Mapping[str, str], path: Path) -> dict[str, tuple[str, ...]]:
    found = {}
    for code, terms in _of_collections(told, "uses", collections, path).items():
        if not isinstance(terms, list) or not all(DUO.fullmatch(str(each)) for each in terms):
            raise BadCatalogue(f"{path.name}: uses of {code} is a list of codes such as DUO:0000042")
        found[code] = tuple(map(str, terms))
    return found


def _sequencing(told: Any, collections: Mapping[str, str], path: Path) -> dict[str, Sequencing]:
    known = tuple(each.name for each in fields(Sequencing))
    found = {}
    for code, about in _of_collections(told, "sequencing", collections, path).items():
        texts = _texts(about, f"sequencing of {code}", path, known)
        if missing := [each for each in ("date", "analysed", "pipeline") if not texts.get(each)]:
            raise BadCatalogue(f"{path.name}: sequencing of {code} lacks {', '.join(missing)}")
        for name in ("date", "analysed"):
            try:
                date.fromisoformat(texts[name])
            except ValueError:
                raise BadCatalogue(
                    f"{path.name}: sequencing of {code}: {name} is a day, as 2024-01-15"
                ) from None
        found[code] = Sequencing(**texts)
    return found
