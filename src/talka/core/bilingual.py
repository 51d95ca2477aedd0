"""Text in two languages: two columns in the table, one name in the code.

`Bilingual(field)` stands on a model in place of a field. The model gets the columns `<name>_lv` and
`<name>_en`, and `<name>` reads the one in the reader's language, or the other where that is empty.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from django.db import models
from django.utils.text import format_lazy
from django.utils.translation import get_language

LANGUAGES = ("lv", "en")


class Text(NamedTuple):
    """A text in Latvian and English. `str()` is in the reader's language, else in the other one."""

    lv: str = ""
    en: str = ""

    def within(self, language: str) -> str:
        """The text in `language` ("lv" or "en"), or in the other where it is missing."""
        return (self.en or self.lv) if language == "en" else (self.lv or self.en)

    def __str__(self) -> str:
        return self.within((get_language() or "lv")[:2])


class Bilingual:
    """Declares a pair of columns: `title = Bilingual(models.CharField, max_length=500)`.

    Latvian is required unless `blank=True`; English may be missing and then shows the Latvian.
    """

    def __init__(
        self, field: Callable[..., models.Field[Any, Any]], *, blank: bool = False, **options: Any
    ) -> None:
        self.field, self.blank, self.options = field, blank, options

    def contribute_to_class(self, model: type[models.Model], name: str) -> None:
        self.name = name
        label = self.options.pop("verbose_name", name.replace("_", " "))
        for language in LANGUAGES:
            blank = self.blank or language != "lv"
            # Joined only when shown: at import nobody is there yet whose language could be asked.
            words = format_lazy("{} ({})", label, language)
            column = self.field(words, blank=blank, default="", **self.options)
            if not blank:
                column = self.field(words, **self.options)
            model.add_to_class(f"{name}_{language}", column)
        setattr(model, name, self)

    def __get__(self, instance: models.Model | None, owner: type[models.Model]) -> Any:
        if instance is None:
            return self
        return str(self.both(instance))

    def both(self, instance: models.Model) -> Text:
        """Both languages of this text on `instance`."""
        return Text(getattr(instance, f"{self.name}_lv"), getattr(instance, f"{self.name}_en"))


def both(instance: models.Model, name: str) -> Text:
    """`both(measure, "title")` → Text(lv=…, en=…)."""
    return Text(getattr(instance, f"{name}_lv"), getattr(instance, f"{name}_en"))
