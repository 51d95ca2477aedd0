"""What a node says of its datasets to catalogues of health data: HealthDCAT-AP, in Turtle and JSON-LD.

A dataset is a collection that the node publishes. What no row tells (whom to write to, which body permits) stands in
`description.yaml` in the node's directory:

    contact: {given: Anna, family: Izdomātā, email: dati@slimnica.example, page: https://slimnica.example/dati}
    country: LV
    body: {name: Veselības datu iestāde, email: hdab@iestade.example}      the health data access body
    datasets:
      CODE: {identifier: GDI-LV-SLIM-1, title: {lv: …, en: …}, description: {lv: …, en: …}, keywords: [vēzis]}

Counts are asked of the node like any other question, so they come through consent, disclosure and journal, and carry
the day they are of.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

KEYS = ("contact", "country", "body", "datasets")
_CONTACT = ("given", "family", "email", "page")
_DATASET = ("identifier", "title", "description", "keywords")


class BadDescription(ValueError):
    """The file is none; the message says what would be right."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Texts by language."""

    identifier: str = ""
    title: Mapping[str, str] = field(default_factory=dict)
    description: Mapping[str, str] = field(default_factory=dict)
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Description:
    """`person`: given name and family name of whom to write to. `body`: name, address and page of the access body."""

    person: tuple[str, str] | None = None
    email: str = ""
    page: str = ""
    country: str = ""
    body: Mapping[str, str] = field(default_factory=dict)
    datasets: Mapping[str, Dataset] = field(default_factory=dict)

    def says(self, code: str) -> str:
        """What a collection or biobank is, in English if that is told."""
        told = self.datasets[code].description if code in self.datasets else {}
        return told.get("en") or next(iter(told.values()), "")


def read(path: Path) -> Description:
    """The description in a file; an empty one if there is no file. BadDescription tells what is wrong in it."""
    if not path.exists():
        return Description()
    try:
        told: Any = yaml.safe_load(path.read_text("utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError) as why:
        raise BadDescription(f"{path.name}: not YAML in UTF-8 ({type(why).__name__})") from None
    told = _mapping(told, path.name, KEYS)
    contact = _texts(told.get("contact"), f"{path.name}: contact", _CONTACT)
    datasets = {}
    for code, each in _mapping(told.get("datasets"), f"{path.name}: datasets").items():
        where = f"{path.name}: datasets: {code}"
        given = _mapping(each, where, _DATASET)
        keywords = given.get("keywords") or []
        if not isinstance(keywords, list):
            raise BadDescription(f"{where}: keywords is a list")
        datasets[str(code)] = Dataset(
            str(given.get("identifier") or ""),
            _texts(given.get("title"), f"{where}: title"),
            _texts(given.get("description"), f"{where}: description"),
            tuple(map(str, keywords)),
        )
    named = contact.get("given"), contact.get("family")
    return Description(
        (named[0], named[1]) if named[0] and named[1] else None,
        contact.get("email", ""),
        contact.get("page", ""),
        str(told.get("country") or ""),
        _texts(told.get("body"), f"{path.name}: body", ("name", "email", "page")),
        datasets,
    )


def _mapping(told: Any, where: str, keys: tuple[str, ...] = ()) -> dict[str, Any]:
    told = {} if told is None else told
    if not isinstance(told, dict):
        raise BadDescription(f"{where}: a mapping is meant{', of ' + ', '.join(keys) if keys else ''}")
    if keys and (unknown := sorted(map(str, told.keys() - set(keys)))):
        raise BadDescription(
            f"{where}: there is no {', '.join(unknown)}; what can be told is {', '.join(keys)}"
        )
    return told


def _texts(told: Any, where: str, keys: tuple[str, ...] = ()) -> dict[str, str]:
    return {str(name): str(text) for name, text in _mapping(told, where, keys).items()}
