"""Who may keep the niches and the competence map."""

from django.utils.translation import gettext_lazy as _

from talka.core.rules import is_system, permission

may_edit = permission("network.edit", _("Keep the niches and the competence map")) | is_system
