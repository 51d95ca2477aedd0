"""The room as Django knows it."""

from django.apps import AppConfig


class LegislationConfig(AppConfig):
    name = "talka.legislation"
    label = "legislation"
