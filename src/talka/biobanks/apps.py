"""The room as Django knows it."""

from django.apps import AppConfig


class BiobanksConfig(AppConfig):
    name = "talka.biobanks"
    label = "biobanks"
