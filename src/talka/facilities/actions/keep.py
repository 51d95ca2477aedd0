"""Saving a row with what somebody gave: checked first, refused beside the field that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from talka.core.actions import Invalid
from talka.core.models import Noun

N = TypeVar("N", bound=Noun)


def _keep(row: N, values: Mapping[str, Any], *, bump: bool = False) -> N:
    """Saves a row with the values of its columns. Raises Invalid naming the field that is wrong."""
    known = {field.name for field in row._meta.fields if field.editable}
    for name, value in values.items():
        if name not in known:
            raise Invalid(_("There is no column “%(name)s”.") % {"name": name}, field=name)
        setattr(row, name, value)
    try:
        row.full_clean()
    except ValidationError as error:
        for field, messages in error.message_dict.items():
            raise Invalid(" ".join(messages), field=None if field == "__all__" else field) from None
    row.save(bump=bump)
    return row
