"""What every page is made of. This room knows no domain word: numbers, rows, states, forms, whatever they
mean.
"""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class UiConfig(AppConfig):
    name = "talka.ui"
    verbose_name = _("Interface")
