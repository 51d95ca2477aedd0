"""Form widgets that fit a phone's keyboard and both languages. A `field` tag dresses them; nothing here has a look."""

from __future__ import annotations

from typing import Any

from django import forms


class DateInput(forms.DateInput):
    """The browser's own calendar. Its value is always ISO, whatever the language shows."""

    input_type = "date"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%d")


class DateTimeInput(forms.DateTimeInput):
    """The browser's own calendar with a time, to the minute."""

    input_type = "datetime-local"

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs, format="%Y-%m-%dT%H:%M")


class DecimalInput(forms.TextInput):
    """A number typed as people write it: give the field `localize=True` and 1234,5 is read in Latvian.

    Wrong: type="number", which takes a comma or a point depending on the browser and drops what it does not like.
    """

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__({"inputmode": "decimal", "autocomplete": "off", **(attrs or {})})


class FileInput(forms.ClearableFileInput):
    """A file, refused in the browser already when it is larger than `max_bytes`. The server decides all the same."""

    def __init__(self, attrs: dict[str, Any] | None = None, *, max_bytes: int = 0, accept: str = "") -> None:
        extra: dict[str, Any] = {}
        if max_bytes:
            extra["data-max-bytes"] = max_bytes
        if accept:
            extra["accept"] = accept
        super().__init__({**extra, **(attrs or {})})
