"""Loads an ecosystem from its data files through the same sheets and verbs that people use.

A folder holds YAML files, taken in the order of their names:

    sheet: strategy.priorities
    rows:
      - code: people-1
        title_lv: …

Rows hang under the ecosystem, strategy and plan that the files before them founded.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from django.db import transaction
from django.utils.translation import gettext as _

from talka.core.actions import HUB, SYSTEM, Invalid
from talka.core.sheets import SHEETS, Raw, Sheet

SEEDS = Path(__file__).resolve().parents[1] / "seed"


@dataclass(frozen=True)
class Loaded:
    """What one file brought: its sheet, and how many rows were new, changed and already there."""

    file: str
    sheet: str
    new: int
    changed: int
    same: int


@transaction.atomic
def load(folder: Path, *, by: Any = SYSTEM) -> list[Loaded]:
    """Loads every file of a folder, whole or not at all. Loading again changes nothing.

    Raises Invalid naming file, row and column of the first bad cell.
    """
    parents: dict[str, Any] = {"hub": HUB}
    done = []
    for path in sorted(folder.glob("*.yaml")):
        sheet, rows = _read(path)
        parent = parents.get(sheet.over)
        if parent is None:
            raise Invalid(
                _("%(file)s: its rows hang under %(over)s, which no earlier file founded")
                % {"file": path.name, "over": sheet.over}
            )
        preview = sheet.preview(parent, rows)
        sheet.apply(preview, by=by)
        kinds = [item.kind for item in preview.items]
        done.append(
            Loaded(path.name, sheet.code, *(kinds.count(kind) for kind in ("new", "changed", "same")))
        )
        if kinds:
            parents[sheet.model.kind()] = _found(sheet, parent, preview.items[-1].values)
    return done


def _read(path: Path) -> tuple[Sheet, list[Raw]]:
    """The sheet that a file names and its rows, each with its place. Raises Invalid for a file of another shape."""
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError:
        raise Invalid(_("%(file)s is not a text in UTF-8") % {"file": path.name}) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = (
            _("%(file)s, line %(line)d") % {"file": path.name, "line": mark.line + 1} if mark else path.name
        )
        problem = getattr(error, "problem", None) or error
        raise Invalid(_("%(place)s: not YAML: %(problem)s") % {"place": place, "problem": problem}) from None
    if not isinstance(content, dict) or not isinstance(content.get("rows"), list) or "sheet" not in content:
        raise Invalid(
            _("%(file)s: a data file holds “sheet: <code>” and “rows:” with a list") % {"file": path.name}
        )
    sheet = SHEETS.get(content["sheet"])
    if sheet is None:
        raise Invalid(
            _("%(file)s: there is no sheet “%(sheet)s”; known: %(known)s")
            % {"file": path.name, "sheet": content["sheet"], "known": ", ".join(sorted(SHEETS))}
        )
    raws = []
    for number, row in enumerate(content["rows"], 1):
        place = _("%(file)s, row %(row)d") % {"file": path.name, "row": number}
        if not isinstance(row, dict) or not all(isinstance(key, str) for key in row):
            raise Invalid(_("%(place)s: a row is written as “column: value”") % {"place": place})
        raws.append(Raw(place, row))
    return sheet, raws


def _found(sheet: Sheet, parent: Any, values: dict[str, Any]) -> Any:
    """The row with these values: what later files of the folder hang under."""
    wanted = sheet.key_of({key: sheet.column(key).show(value) for key, value in values.items()})
    return next(row for row in sheet.rows(parent) if sheet.key_of(sheet.shown(row)) == wanted)


class _Loader(yaml.CSafeLoader if hasattr(yaml, "CSafeLoader") else yaml.SafeLoader):  # type: ignore[misc]
    """YAML that reads 2023-06-30 and 3.10 as they are written: the sheet's columns say what they are."""


_Loader.yaml_implicit_resolvers = {
    letter: [
        (tag, pattern)
        for tag, pattern in resolvers
        if tag in {"tag:yaml.org,2002:bool", "tag:yaml.org,2002:null"}
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
