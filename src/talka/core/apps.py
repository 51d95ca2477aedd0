"""Finds what the rooms declare: indicators, sheets, lint rules, findable nouns, subscriptions."""

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class CoreConfig(AppConfig):
    name = "talka.core"
    label = "core"

    def ready(self) -> None:
        autodiscover_modules("actions", "indicators", "sheets", "lint", "tasks")
