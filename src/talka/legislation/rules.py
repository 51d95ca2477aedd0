"""Who may keep the bills and record their stages."""

from django.utils.translation import gettext_lazy as _

from talka.core.rules import is_system, permission

may_edit = permission("legislation.edit", _("Keep the bills and record the stages they pass")) | is_system
