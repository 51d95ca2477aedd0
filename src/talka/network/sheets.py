"""The room's rows as tables, in and out. A row may stand under one that an earlier row of the same file founds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.sheets import Choice, Column, Item, Problem, Sheet, Whole, bilingual
from talka.domains.models import Ecosystem
from talka.network import actions, queries
from talka.network.models import CompetenceField, CompetenceKind, Niche

CODE = Column("code", _("Code"), required=True, max_length=80)
ORDER = Whole("order", _("Order"))
TITLE = bilingual("title", _("Title"), required=True, max_length=300)
SOURCE = Column("source", _("Source"), max_length=500)


class _ParentCode(Column):
    """The code of the row above. Kept as text, because that row may stand earlier in the same file."""

    def read(self, row: Any) -> str:
        return row.parent.code if row.parent else ""


PARENT = _ParentCode("parent", _("Under"), max_length=80)


class _Nested(Sheet):
    """A table of rows that stand under one another."""

    over = "domains.ecosystem"

    def check(self, parent: Ecosystem, items: list[Item]) -> Iterator[Problem]:
        """Every row above must be there already or stand earlier in the file."""
        known = {row.code for row in self.rows(parent)}
        for item in items:
            above = item.values.get("parent", "")
            if above and above not in known:
                yield Problem(
                    item.place,
                    gettext("there is no “%(code)s” to stand under; put its row before this one")
                    % {"code": above},
                )
            if "code" in item.values:
                known.add(item.values["code"])

    def _found(self, ecosystem: Ecosystem, values: dict[str, Any]) -> dict[str, Any]:
        if "parent" not in values:
            return values
        rows: Iterable[Any] = self.rows(ecosystem)
        above = next((row for row in rows if row.code == values["parent"]), None)
        return {**values, "parent": above}


class Niches(_Nested):
    code, label, model = "network.niches", _("Niches"), Niche
    columns = (CODE, PARENT, ORDER, *TITLE, SOURCE)

    def rows(self, parent: Ecosystem) -> list[Niche]:
        return _from_the_top(queries.niches(parent))

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Niche:
        return actions.add_niche(parent, by=by, **self._found(parent, values))

    def change(self, row: Niche, values: dict[str, Any], *, by: Any) -> Niche:
        return actions.edit_niche(row, by=by, **self._found(row.ecosystem, values))


class Competences(_Nested):
    code, label, model = "network.competences", _("Competence fields"), CompetenceField
    columns = (
        CODE,
        PARENT,
        Choice("kind_of", _("Kind"), required=True, choices=CompetenceKind),
        ORDER,
        *TITLE,
        SOURCE,
    )

    def rows(self, parent: Ecosystem) -> list[CompetenceField]:
        return _from_the_top(queries.competences(parent))

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> CompetenceField:
        return actions.add_competence(parent, by=by, **self._found(parent, values))

    def change(self, row: CompetenceField, values: dict[str, Any], *, by: Any) -> CompetenceField:
        return actions.edit_competence(row, by=by, **self._found(row.ecosystem, values))


def _from_the_top(rows: Any) -> list[Any]:
    """Rows in the order of the tree, so that what is exported can be imported: the row above comes first."""
    return [row for branch in queries.tree(rows) for row in branch.rows()]
