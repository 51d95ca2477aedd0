"""What the verbs of this room share: setting columns, codes that are taken, links as whole lists."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Max
from django.utils.translation import gettext as _

from talka.biobanks.models.directory import LONGEST
from talka.core.actions import Invalid
from talka.core.models import Noun

R = TypeVar("R", bound=Noun)
KEPT = frozenset({"id", "revision", "ecosystem", "biobank", "marks", "words"})  # set by the verbs themselves
# As the nodes look for it: eleven digits in a row that are no part of a hexadecimal number.
PERSONAL_CODE = re.compile(r"(?<![0-9A-Fa-f])\d{6}-?\d{5}(?![0-9A-Fa-f])")


def _last(rows: Any) -> int:
    return rows.aggregate(last=Max("order"))["last"] or 0


def _put(row: Any, values: Mapping[str, Any], kept: frozenset[str] = KEPT) -> None:
    """Sets columns by name; those that a verb sets itself are not taken."""
    known = {field.name for field in row._meta.concrete_fields} - kept
    if unknown := values.keys() - known:
        raise TypeError(f"{row.kind()} takes {', '.join(sorted(known))}, not {', '.join(sorted(unknown))}")
    for name, value in values.items():
        setattr(row, name, value.strip() if isinstance(value, str) else value)


def _clean(row: Any) -> None:
    """What the columns themselves do not take is said of the column it is wrong in."""
    try:
        row.clean_fields(exclude=[field.name for field in row._meta.concrete_fields if field.is_relation])
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        raise Invalid(messages[0], field=name) from None


def _check_code(row: Any, within: Mapping[str, Any]) -> None:
    """Raises Invalid where another row has the code."""
    taken = type(row)._base_manager.filter(**within, code=row.code).exclude(pk=row.pk).first()
    if taken is not None:
        raise Invalid(
            _("The code “%(code)s” is taken by “%(name)s”; choose another.")
            % {"code": row.code, "name": taken},
            field="code",
        )


def _check_codes(row: Any, lists: Mapping[str, Any]) -> None:
    """Raises Invalid where a column holds a code that its list does not have."""
    for name, choices in lists.items():
        codes = getattr(row, name)
        if not isinstance(codes, list):
            raise Invalid(_("Give a list of codes."), field=name)
        for code in codes:
            if code not in choices.values:
                raise Invalid(
                    _("“%(code)s” is not one of: %(known)s")
                    % {"code": code, "known": ", ".join(choices.values)},
                    field=name,
                )
        setattr(row, name, list(dict.fromkeys(codes)))


def _check_texts(row: Any) -> None:
    for name in ("summary_lv", "summary_en"):
        if len(getattr(row, name)) > LONGEST:
            raise Invalid(
                _("A description has at most %(most)d characters; this one has %(length)d.")
                % {"most": LONGEST, "length": len(getattr(row, name))},
                field=name,
            )


def _align(model: type[Noun], owner: Mapping[str, Any], name: str, wanted: Sequence[Any] | None) -> None:
    """Makes the links of `owner` lead to exactly the rows wanted; None leaves them as they are."""
    if wanted is None:
        return
    links: dict[int, Any] = {
        getattr(link, f"{name}_id"): link for link in model._base_manager.filter(**owner)
    }
    rows = {row.pk: row for row in wanted}
    for pk in links.keys() - rows.keys():
        links[pk].delete()
    ordered = any(field.name == "order" for field in model._meta.concrete_fields)
    for order, (pk, row) in enumerate(rows.items(), 1):
        link: Any = links.get(pk) or model(**owner, **{name: row})
        if ordered:
            link.order = order
        link.save()


def _forget_read(row: Any) -> None:
    """What was read of the links before they changed."""
    row._prefetched_objects_cache = {}
