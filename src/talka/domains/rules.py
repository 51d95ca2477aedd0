"""Who may change what things are about."""

from django.utils.translation import gettext_lazy as _

from talka.core.rules import is_system, permission

may_edit = permission("domains.edit", _("Keep domains, missions, policies and ecosystems")) | is_system
may_share = (
    permission("domains.share", _("Say how much of a thing serves which domain or mission")) | is_system
)
