"""Form widgets that suit a phone's keyboard and both languages. The `field` tag dresses them."""

from __future__ import annotations

from typing import Any

from django import forms


class DateInput(forms.DateInput):
    """The browser's own calendar. Its value is ISO, whatever the language shows."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class DateTimeInput(forms.DateTimeInput):
    """The browser's own calendar with a time, to the minute."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class DecimalInput(forms.TextInput):
    """A number typed as people write it; with `localize=True` on the field, 1234,5 is read in Latvian.

    Wrong: type="number", which takes a comma or a point as the browser likes and drops the rest in silence.
    """

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off", **(attrs or {})})


class FileInput(forms.ClearableFileInput):
    """A file; the browser already refuses one larger than `max_bytes`. The server decides all the same."""

    def __init__(self, attrs: dict[str, Any] | None = None, *, max_bytes: int = 0, accept: str = "") -> None:
        limits = {"data-max-bytes": max_bytes or None, "accept": accept or None}
        given = {name: value for name, value in limits.items() if value is not None}
        super().__init__({**given, **(attrs or {})})
