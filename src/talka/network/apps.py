"""The room as Django knows it."""

from django.apps import AppConfig


class NetworkConfig(AppConfig):
    name = "talka.network"
    label = "network"
