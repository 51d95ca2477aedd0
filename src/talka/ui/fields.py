"""Form fields of every room: numbers, periods and files as people here write and give them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from talka.core.attachments import LIMIT, MEDIA_TYPES
from talka.core.values import BadValue, Period, decimal
from talka.ui import widgets


def _language() -> str:
    return (get_language() or "lv")[:2]


class NumberField(forms.CharField):
    """An exact number as people write it here: 1 234,5 or 1,234.50. Shown again so that it reads back the same."""

    def __init__(self, **options: Any) -> None:
        super().__init__(widget=widgets.DecimalInput(), **options)

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            found = decimal(text)
        except BadValue as error:
            raise forms.ValidationError(error.words(_language())) from None
        if abs(found) >= Decimal(10) ** 18 or found != round(found, 6):
            raise forms.ValidationError(_("Write a number below a quintillion with at most six decimals."))
        return found

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, Decimal):
            return value
        whole, _point, rest = f"{value.normalize():f}".partition(".")
        # Three decimals could be read as thousands; a fourth says that they are not.
        rest += "0" if len(rest) == 3 else ""
        return f"{whole}{',' if _language() == 'lv' else '.'}{rest}" if rest else whole


class PeriodField(forms.CharField):
    """A period as precise as it is known: 2023, 2023-Q3, 30.06.2023."""

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return Period.parse(text)
        except BadValue as error:
            raise forms.ValidationError(error.words(_language())) from None


class WhenField(PeriodField):
    """A period kept as a column holds it: its machine form, "" where there is none."""

    def clean(self, value: Any) -> Any:
        return str(super().clean(value) or "")


class ManyFiles(widgets.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once."""

    def __init__(self, **options: Any) -> None:
        widget = ManyFiles({"multiple": True}, max_bytes=LIMIT, accept=",".join(sorted(MEDIA_TYPES)))
        super().__init__(widget=widget, **options)

    def clean(self, data: Any, initial: Any = None) -> Any:
        given: Sequence[UploadedFile] = data if isinstance(data, list | tuple) else [data] if data else []
        return [super(FilesField, self).clean(each, initial) for each in given]


def text(label: Any, *, lines: int = 3, required: bool = False, **options: Any) -> forms.CharField:
    """A text of several lines."""
    return forms.CharField(
        label=label, required=required, widget=forms.Textarea(attrs={"rows": lines}), **options
    )


def line(label: Any, *, required: bool = False, max_length: int = 300, **options: Any) -> forms.CharField:
    """A text of one line."""
    return forms.CharField(label=label, required=required, max_length=max_length, **options)
