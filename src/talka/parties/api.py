"""The API of the room: organisations for everybody, people for those who are signed in, one's own account and keys.

Passwords, invitations and new keys are made in a browser alone: a key must not be able to outlive its own end.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Router, Schema
from pydantic import Field

from talka.core.actions import HUB, Refused
from talka.core.api import LIMIT, OFFSET, Seen, actor, holding, one_of, page, page_of, reader, table
from talka.core.sheets import SHEETS
from talka.parties import actions, queries, rules, sheets  # noqa: F401 -- the sheets declare themselves
from talka.parties.models import Account, Organisation, Token

router = Router(tags=["parties"])


# ---------------------------------------------------------------- organisations


class OrganisationFilters(Schema):
    """What narrows the list of organisations."""

    q: str = Field("", description="words of any of its names")
    helix: str = Field("", description="science, business, public or society")
    kind: str = Field("", description="ministry, university, company …")


def _narrowed(rows: Any, wanted: OrganisationFilters) -> Any:
    if not (wanted.q or wanted.helix or wanted.kind):
        return rows
    found = queries.narrowed(text=wanted.q, helix=wanted.helix, kind=wanted.kind)
    return rows.filter(pk__in=found.order_by().values("pk"))


OrganisationOut = table(
    router,
    "parties.organisations",
    "/organisations",
    name="Organisation",
    filters=OrganisationFilters,
    narrow=_narrowed,
)


class Withdrawal(Seen):
    """An organisation no longer exists; `successor` is the code of what took its place, if anything did."""

    successor: str | None = None


class Merger(Seen):
    """A duplicate: `into` is the code of the record that stays."""

    into: str


def _organisation(code: str) -> Organisation:
    found = one_of(SHEETS["parties.organisations"].rows(HUB), "code", code)
    assert isinstance(found, Organisation)
    return found


@router.post("/organisations/{code}/withdraw", response=Seen)
def withdraw(request: HttpRequest, code: str, given: Withdrawal) -> Any:
    """Notes that an organisation no longer exists."""
    successor = _organisation(given.successor) if given.successor else None
    return actions.withdraw(_organisation(code), by=actor(request), successor=successor, seen=given.revision)


@router.post("/organisations/{code}/merge", response=Seen)
def merge(request: HttpRequest, code: str, given: Merger) -> Any:
    """Makes a duplicate one with another record: whatever points to it points to the other from now on."""
    duplicate = _organisation(code)
    with holding(duplicate, given.revision):
        return actions.merge(duplicate, by=actor(request), into=_organisation(given.into))


# ---------------------------------------------------------------- people and accounts


def _inside(request: HttpRequest, place: Any) -> Any:
    if not rules.may_see_people(reader(request), HUB):
        raise Refused("parties.people", request.auth, _("People are shown to those who are signed in."))  # type: ignore[attr-defined]  # set by the root
    return HUB


def _private(who: Any) -> dict[str, Any]:
    """Addresses are for those who keep people, roles for those who give them."""
    if rules.may_administer(who, HUB):
        return {}
    return {"role": ""} if rules.may_edit(who, HUB) else {"role": "", "email": ""}


table(router, "parties.people", "/people", name="Person", parent=_inside, hidden=_private)


class GrantOut(Schema):
    """A role, in one ecosystem or (null) everywhere."""

    role: str
    ecosystem: str | None


class AccountOut(Schema):
    """An account and what it may do."""

    id: int
    revision: int
    name: str
    email: str
    language: str
    is_active: bool
    roles: list[GrantOut]
    organisations: list[str] = Field(description="codes of the organisations it acts for today")


class TokenOut(Schema):
    """A key, without its secret."""

    id: int
    label: str
    read_only: bool
    expires: datetime
    revoked_at: datetime | None


TokenPage = page_of(TokenOut)


def _account(account: Account, organisations: list[str]) -> dict[str, Any]:
    return {
        "id": account.pk,
        "revision": account.revision,
        "name": str(account),
        "email": account.email,
        "language": account.language,
        "is_active": account.is_active,
        "roles": [
            {"role": each.role, "ecosystem": each.ecosystem.code if each.ecosystem else None}
            for each in account.grants.select_related("ecosystem")
        ],
        "organisations": organisations,
    }


@router.get("/account", response=AccountOut)
def own_account(request: HttpRequest) -> Any:
    """Whom the key belongs to, and what it may do."""
    account = actor(request)
    mine = Organisation.objects.filter(pk__in=account.organisation_ids()).order_by("code")
    return _account(account, list(mine.values_list("code", flat=True)))


@router.get("/account/keys", response=TokenPage)
def own_keys(request: HttpRequest, limit: int = LIMIT, offset: int = OFFSET) -> Any:
    """The keys of one's own account, newest first."""
    return page(queries.tokens(actor(request)), limit, offset)


@router.post("/account/keys/{int:id}/revoke", response=TokenOut)
def revoke_key(request: HttpRequest, id: int) -> Any:  # noqa: A002 -- the name in the address
    """Stops a key of one's own at once."""
    by = actor(request)
    token = one_of(queries.tokens(by), "pk", id)
    assert isinstance(token, Token)
    return actions.revoke_token(token, by=by)


class Opening(Seen):
    """An account is closed or opened again."""

    is_active: bool


@router.patch("/people/{code}/account", response=Seen)
def set_active(request: HttpRequest, code: str, given: Opening) -> Any:
    """Closes a person's account, or opens it again with the roles it had. The revision is the account's."""
    by = actor(request)
    account = one_of(queries.accounts(), "person__code", code)
    verb = actions.reactivate if given.is_active else actions.deactivate
    with holding(account, given.revision):
        return verb(account, by=by)


@router.get("/people/{code}/account", response=AccountOut)
def account_of(request: HttpRequest, code: str) -> Any:
    """A person's account and roles, for those who administer the hub."""
    account = one_of(queries.accounts(), "person__code", code)
    if not rules.may_keep_own(actor(request), account):
        raise Refused("parties.account", request.auth)  # type: ignore[attr-defined]  # set by the root
    mine = Organisation.objects.filter(pk__in=account.organisation_ids()).order_by("code")
    return _account(account, list(mine.values_list("code", flat=True)))
