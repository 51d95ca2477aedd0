"""The room as Django knows it."""

from django.apps import AppConfig


class DomainsConfig(AppConfig):
    name = "talka.domains"
    label = "domains"
