"""The room as Django knows it."""

from django.apps import AppConfig


class PartiesConfig(AppConfig):
    name = "talka.parties"
    label = "parties"
