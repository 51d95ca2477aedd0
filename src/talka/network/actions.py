"""Verbs: found and change niches and competence fields."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.utils.translation import gettext as _

from talka.core import locking
from talka.core.actions import Invalid, action
from talka.core.bilingual import both
from talka.core.search import searchable
from talka.domains.models import Ecosystem
from talka.network import rules
from talka.network.models import CompetenceField, Niche

N = TypeVar("N", Niche, CompetenceField)


@action(needs=rules.may_edit)
def add_niche(ecosystem: Ecosystem, *, by: Any, **values: Any) -> Niche:
    """Founds a niche of the ecosystem."""
    return _save(Niche(ecosystem=ecosystem), values)


@action(needs=rules.may_edit)
def edit_niche(niche: Niche, *, by: Any, seen: int | None = None, **values: Any) -> Niche:
    """Changes a niche's columns."""
    locking.check(niche, seen)
    return _save(niche, values)


@action(needs=rules.may_edit)
def add_competence(ecosystem: Ecosystem, *, by: Any, **values: Any) -> CompetenceField:
    """Founds a competence field of the ecosystem."""
    return _save(CompetenceField(ecosystem=ecosystem), values)


@action(needs=rules.may_edit)
def edit_competence(
    field: CompetenceField, *, by: Any, seen: int | None = None, **values: Any
) -> CompetenceField:
    """Changes a competence field's columns."""
    locking.check(field, seen)
    return _save(field, values)


def _save(row: N, values: Mapping[str, Any]) -> N:
    for name, value in values.items():
        setattr(row, name, value)
    _check_place(row)
    _check_code(row)
    row.save()
    return row


def _check_place(row: N) -> None:
    """A row stands under another of its own ecosystem, and never under itself, near or far."""
    above = row.parent
    while above is not None:
        if above.ecosystem_id != row.ecosystem_id:
            raise Invalid(
                _("“%(name)s” is of another ecosystem; choose one of this ecosystem.") % {"name": above},
                field="parent",
            )
        if above.pk == row.pk:
            raise Invalid(
                _("“%(name)s” cannot stand under itself; choose one that is not below it.") % {"name": row},
                field="parent",
            )
        above = above.parent


def _check_code(row: N) -> None:
    others = type(row).objects.filter(ecosystem=row.ecosystem, code=row.code).exclude(pk=row.pk)
    if taken := others.first():
        raise Invalid(
            _("The code “%(code)s” is taken by “%(name)s”; choose another.")
            % {"code": row.code, "name": taken},
            field="code",
        )


for _model in (Niche, CompetenceField):
    searchable(_model, title=lambda row: both(row, "title"), words=lambda row: row.code)
