"""Reads: niches and competence fields as trees. A whole tree costs one query, however deep it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from django.db.models import QuerySet

from talka.domains.models import Ecosystem
from talka.network.models import CompetenceField, CompetenceKind, Niche

N = TypeVar("N", Niche, CompetenceField)


@dataclass
class Branch(Generic[N]):
    """A row with the rows below it."""

    row: N
    parts: list[Branch[N]] = field(default_factory=list)

    def rows(self) -> Iterator[N]:
        """This row and everything below it, from the top down."""
        yield self.row
        for part in self.parts:
            yield from part.rows()

    def undivided(self) -> Iterator[N]:
        """Those among them that have no parts."""
        if not self.parts:
            yield self.row
        for part in self.parts:
            yield from part.undivided()


def niches(ecosystem: Ecosystem) -> QuerySet[Niche]:
    """The niches of an ecosystem, in their order."""
    return Niche.objects.filter(ecosystem=ecosystem).select_related("ecosystem", "parent")


def undivided(ecosystem: Ecosystem) -> QuerySet[Niche]:
    """The niches without parts: what is counted, so that a niche and its parts never count twice."""
    return niches(ecosystem).filter(parts=None)


def competences(ecosystem: Ecosystem) -> QuerySet[CompetenceField]:
    """The competence fields of an ecosystem, in their order."""
    return CompetenceField.objects.filter(ecosystem=ecosystem).select_related("ecosystem", "parent")


def tree(rows: Iterable[N]) -> list[Branch[N]]:
    """The rows as branches, each under its parent; a row whose parent is not among them stands on top."""
    branches = {row.pk: Branch(row) for row in rows}
    top: list[Branch[N]] = []
    for branch in branches.values():
        above = branches.get(branch.row.parent_id) if branch.row.parent_id else None
        (above.parts if above else top).append(branch)
    return top


def above(row: N, among: Iterable[N]) -> list[N]:
    """What a row stands under, from the top down."""
    known = {each.pk: each for each in among}
    steps: list[N] = []
    parent = known.get(row.parent_id) if row.parent_id else None
    while parent is not None:
        steps.insert(0, parent)
        parent = known.get(parent.parent_id) if parent.parent_id else None
    return steps


def below(row: N, among: Iterable[N]) -> list[N]:
    """Everything below a row, in the order of `among`."""
    rows = list(among)
    inside = {row.pk}
    while more := {each.pk for each in rows if each.parent_id in inside} - inside:
        inside |= more
    return [each for each in rows if each.pk in inside and each.pk != row.pk]


def competence_map(ecosystem: Ecosystem) -> list[tuple[CompetenceKind, list[Branch[CompetenceField]]]]:
    """The fields by kind, in the order of kinds; kinds without a field are there, empty."""
    rows = list(competences(ecosystem))
    return [(kind, tree(row for row in rows if row.kind_of == kind)) for kind in CompetenceKind]
