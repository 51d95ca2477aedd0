"""The API's root: who asks, what is refused, and the routers of the rooms, in one place.

A program sends `Authorization: Bearer <key>`; a browser's session counts too; without either, the public
part is there to read. Rooms write plain routers in their api.py and find the asker in `request.auth`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.security import HttpBearer

from talka.core.actions import Refused
from talka.parties.models import Token


class Public:
    """Whoever asks without a key: may read what is public, and nothing else."""

    pk = None
    is_authenticated = False

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        return False

    def organisation_ids(self) -> frozenset[int]:
        return frozenset()

    def __str__(self) -> str:
        return "public"


class Key(HttpBearer):
    """A key made on the account page."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        known = (
            Token.objects.select_related("account__person")
            .filter(digest=Token.digest_of(token), revoked_at=None, expires__gt=timezone.now())
            .first()
        )
        if known is None or not known.account.is_active:
            raise Refused("api", Public(), _("This key is not known, was revoked or has expired."))
        request.token = known  # type: ignore[attr-defined]
        return known.account


def session_or_public(request: HttpRequest) -> Any:
    """The account of the browser's session, or the public."""
    return request.user if request.user.is_authenticated else Public()


api = NinjaAPI(title="Talka", version="1", auth=[Key(), session_or_public], docs_url=None, urls_namespace="api")
