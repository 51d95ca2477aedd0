"""Sentences of the house in both languages at once, for documents that carry both."""

from __future__ import annotations

from typing import Any

from django.utils.translation import override

from talka.core.bilingual import LANGUAGES, Text


def in_both(message: Any, **parts: Text) -> Text:
    """A lazily translated message in Latvian and English; each part is taken in the language of the sentence."""
    texts = []
    for language in LANGUAGES:
        with override(language):
            text = str(message)
            texts.append(
                text % {name: part.within(language) for name, part in parts.items()} if parts else text
            )
    return Text(*texts)
