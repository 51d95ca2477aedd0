"""The room as Django knows it."""

from django.apps import AppConfig


class PortfolioConfig(AppConfig):
    name = "talka.portfolio"
    label = "portfolio"
