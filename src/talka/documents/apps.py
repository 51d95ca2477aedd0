"""The room as Django knows it."""

from django.apps import AppConfig


class DocumentsConfig(AppConfig):
    name = "talka.documents"
    label = "documents"
