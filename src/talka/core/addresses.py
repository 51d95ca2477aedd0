"""Words that stand in addresses: an address with another word in its place leads nowhere."""

from __future__ import annotations

from collections.abc import Iterable

from django.urls import register_converter
from django.urls.converters import StringConverter


def words_in_addresses(name: str, words: Iterable[str]) -> None:
    """Lets `<name:…>` in an address stand for one of these words.

    words_in_addresses("step_of_measure", ["start", "finish"])
    path("measures/<int:pk>/<step_of_measure:step>/", pages.step)
    """
    register_converter(type("Words", (StringConverter,), {"regex": "|".join(words)}), name)
