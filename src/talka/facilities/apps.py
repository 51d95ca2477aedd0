"""The room as Django knows it."""

from django.apps import AppConfig


class FacilitiesConfig(AppConfig):
    name = "talka.facilities"
    label = "facilities"
