"""Verbs: keep organisations and people, merge duplicates, open accounts, give and take roles and keys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.text import slugify
from django.utils.translation import gettext as _

from talka.core import search
from talka.core.actions import Hub, Invalid, action
from talka.core.bilingual import Text
from talka.core.locking import check
from talka.core.models import Report
from talka.core.search import searchable
from talka.core.stems import fold
from talka.domains.models import Ecosystem
from talka.parties import queries, rules
from talka.parties.models import (
    Account,
    Affiliation,
    Grant,
    Organisation,
    OtherName,
    Person,
    Token,
    orcid_id,
    registration_number,
    ror_id,
    website,
)
from talka.parties.roles import ROLES

TOKEN_DAYS = 365

# ---------------------------------------------------------------- organisations


@action(needs=rules.may_edit)
def add_organisation(hub: Hub, *, by: Any, aliases: Iterable[str] = (), **values: Any) -> Organisation:
    """Founds an organisation. Without a code it gets one from its acronym or name. `aliases` are further names."""
    organisation = Organisation()
    _fill(organisation, values)
    if not organisation.code:
        organisation.code = _free_code(Organisation, organisation.acronym or organisation.name_lv)
    _keep(organisation)
    _set_aliases(organisation, aliases)
    return organisation


@action(needs=rules.may_edit)
def edit_organisation(
    organisation: Organisation,
    *,
    by: Any,
    seen: int | None = None,
    aliases: Iterable[str] | None = None,
    **values: Any,
) -> Organisation:
    """Changes an organisation's columns. `aliases`, if given, are all its further names from now on."""
    check(organisation, seen)
    _refuse_merged(organisation)
    _fill(organisation, values)
    changed = _set_aliases(organisation, aliases) if aliases is not None else False
    _keep(organisation, bump=changed)
    return organisation


@action(needs=rules.may_edit)
def add_names(organisation: Organisation, *, by: Any, names: Iterable[tuple[str, str]]) -> Organisation:
    """Adds further names, each with its language ("" if not known); names that are there already add nothing."""
    _refuse_merged(organisation)
    if _add_names(organisation, names):
        organisation.save(bump=True)
    return organisation


@action(needs=rules.may_edit)
def withdraw(
    organisation: Organisation, *, by: Any, successor: Organisation | None = None, seen: int | None = None
) -> Organisation:
    """Notes that an organisation no longer exists, and what took its place if anything did. Its records stay."""
    check(organisation, seen)
    _refuse_merged(organisation)
    _fill(organisation, {"withdrawn": True, "successor": successor})
    _keep(organisation)
    return organisation


@action(needs=rules.may_edit)
def merge(duplicate: Organisation, *, by: Any, into: Organisation) -> Organisation:
    """Makes two records of one organisation one: whatever points to `duplicate` points to `into` from now on.

    Names of the duplicate become further names of the survivor, its parts, people, plan assignments, projects and
    everything else follow, in whatever room they live; what the survivor did not know about itself it takes over.
    The duplicate stays as it was, with `merged_into`. A row that the survivor has already is not kept twice.

    Raises Invalid if both are one row, one of them was merged before, or their identifiers tell them apart.
    """
    _refuse_merged(duplicate)
    _refuse_merged(into)
    if duplicate.pk == into.pk:
        raise Invalid(_("An organisation cannot be merged into itself; choose another."), field="into")
    for name in ("registration_number", "ror"):
        mine, theirs = getattr(duplicate, name), getattr(into, name)
        if mine and theirs and mine != theirs and not duplicate.withdrawn:
            raise Invalid(
                _(
                    "%(label)s: %(mine)s and %(theirs)s. Two different ones mean two organisations;"
                    " correct one of them first."
                )
                % {"label": _label(Organisation, name), "mine": mine, "theirs": theirs},
                field="into",
            )
    if duplicate in queries.above(into):
        into.parent = duplicate.parent  # the survivor rises to where the duplicate stood
    elif into.parent is None and into not in queries.above(duplicate):
        into.parent = duplicate.parent
    if into.successor_id == duplicate.pk:
        into.successor, into.withdrawn = None, duplicate.withdrawn
    duplicate.merged_into = into
    duplicate.save()
    for name in ("acronym", "name_en", "registration_number", "ror", "website"):
        if not getattr(into, name) and _holder(into, name, getattr(duplicate, name)) is None:
            setattr(into, name, getattr(duplicate, name))
    into.save(bump=True)
    _follow(duplicate, into)
    for report in Report.objects.filter(
        institution_id=duplicate.pk
    ):  # what it was called then stays in the report
        report.institution_id = into.pk
        report.save()
    _add_names(into, [(duplicate.name_lv, "lv"), (duplicate.name_en, "en"), (duplicate.acronym, "")])
    search.refresh([into])
    return into


def _follow(duplicate: Organisation, survivor: Organisation) -> None:
    """Re-points every row of every room from one organisation to the other."""
    for model, name in queries.keys_to(Organisation):
        for row in model._base_manager.filter(**{name: duplicate}).order_by("pk"):
            if isinstance(row, Organisation) and row.pk == survivor.pk:
                continue  # the survivor's own columns are settled by `merge`
            setattr(row, name, survivor)
            if not _is_there_already(row):
                row.save()
                continue
            if (holder := _dependent(row)) is not None:
                raise Invalid(
                    _(
                        "“%(row)s” stands for both organisations, and “%(dependent)s” hangs on it;"
                        " remove one of the two first."
                    )
                    % {"row": row, "dependent": holder}
                )
            row.delete()


def _is_there_already(row: models.Model) -> bool:
    """Whether saving the row would break a constraint that lets it exist only once."""
    try:
        row.validate_unique()
        for constraint in row._meta.constraints:
            if isinstance(constraint, models.UniqueConstraint):
                constraint.validate(type(row), row)  # type: ignore[attr-defined]  # there since Django 4.1
    except ValidationError:
        return True
    return False


def _dependent(row: models.Model) -> models.Model | None:
    """A row that refers to this one, if there is any."""
    for model, name in queries.keys_to(type(row)):
        found = model._base_manager.filter(**{name: row}).first()
        if found is not None:
            return found
    return None


def _refuse_merged(organisation: Organisation) -> None:
    if organisation.merged_into_id is not None:
        raise Invalid(
            _("“%(name)s” was merged into “%(into)s”; change that one.")
            % {"name": organisation.name, "into": organisation.merged_into}
        )


def _fill(organisation: Organisation, values: Mapping[str, Any]) -> None:
    """Sets columns from what people gave, identifiers in their one form."""
    for name, value in values.items():
        setattr(organisation, name, " ".join(value.split()) if isinstance(value, str) else value)
    organisation.country = (organisation.country or "LV").upper()
    organisation.ror = ror_id(organisation.ror)
    organisation.registration_number = registration_number(
        organisation.registration_number, organisation.country
    )
    organisation.website = website(organisation.website)


def _keep(organisation: Organisation, *, bump: bool = False) -> None:
    """Saves an organisation, or says which column is wrong and what would be right."""
    if organisation.successor_id is not None and not organisation.withdrawn:
        raise Invalid(
            _(
                "Only an organisation that no longer exists is taken over by another; mark it so, or leave this empty."
            ),
            field="successor",
        )
    for name, ahead in (("parent", organisation.parent), ("successor", organisation.successor)):
        _refuse_ring(organisation, name, ahead)
    for name in ("code", "ror", "registration_number", "acronym"):
        _refuse_taken(organisation, name)
    _validate(organisation, leave_out={"parent", "successor", "merged_into"})
    organisation.save(bump=bump)


def _refuse_ring(organisation: Organisation, name: str, ahead: Organisation | None) -> None:
    seen: set[int] = set()
    while ahead is not None and ahead.pk not in seen:
        if ahead.pk == organisation.pk:
            raise Invalid(
                _("“%(name)s” would come round to itself; choose an organisation that does not belong to it.")
                % {"name": organisation.name},
                field=name,
            )
        seen.add(ahead.pk)
        ahead = getattr(ahead, name)


def _refuse_taken(organisation: Organisation, name: str) -> None:
    value = getattr(organisation, name)
    holder = _holder(organisation, name, value)
    if holder is not None:
        raise Invalid(
            _(
                "“%(value)s” already belongs to “%(holder)s”. If they are one organisation, merge them;"
                " else correct this."
            )
            % {"value": value, "holder": holder.name},
            field=name,
        )


def _holder(organisation: Organisation, name: str, value: str) -> Organisation | None:
    """Who else has this value in a column that tells organisations apart; None where nobody has."""
    if not value or name not in {"code", "ror", "registration_number", "acronym"}:
        return None
    others = Organisation.objects.exclude(pk=organisation.pk)
    if name == "code":
        return others.filter(code=value).first()
    others = others.filter(merged_into=None)
    if name != "acronym":
        return others.filter(**{name: value}).first()
    if organisation.country != "LV" or organisation.withdrawn:
        return None
    # Spelt out, because SQLite forgives capitals of ASCII letters only.
    same = Q(acronym__iexact=value) | Q(acronym__in=[value.upper(), value.lower(), value.capitalize()])
    return others.filter(same, country="LV", withdrawn=False).first()


def _set_aliases(organisation: Organisation, names: Iterable[str]) -> bool:
    """Makes `names` all the further names of an organisation; returns whether anything changed."""
    wanted = list(names)
    kept = {queries.key(name) for name in wanted}
    gone = [row for row in organisation.other_names.all() if queries.key(row.name) not in kept]
    for row in gone:
        row.delete()
    added = _add_names(organisation, [(name, "") for name in wanted])
    if gone and not added:
        search.refresh([organisation])
    return added or bool(gone)


def _add_names(organisation: Organisation, names: Iterable[tuple[str, str]]) -> bool:
    """Adds the names, each with its language, that say anything new; returns whether any did."""
    there = OtherName.objects.filter(organisation=organisation).values_list("name", flat=True)
    known = {
        queries.key(name)
        for name in (*there, organisation.name_lv, organisation.name_en, organisation.acronym)
    }
    added = False
    for name, language in names:
        row = OtherName(organisation=organisation, name=" ".join(name.split()), language=language)
        if not row.name or queries.key(row.name) in known:
            continue
        _validate(row, leave_out={"organisation"})
        row.save()
        known.add(queries.key(row.name))
        added = True
    if added:
        search.refresh([organisation])  # the names are other rows, which search does not follow by itself
    return added


# ---------------------------------------------------------------- people


@action(needs=rules.may_edit)
def add_person(hub: Hub, *, by: Any, **values: Any) -> Person:
    """Notes a person. Without a code the person gets one from the name."""
    person = Person()
    _fill_person(person, values)
    if not person.code:
        person.code = _free_code(Person, f"{person.given} {person.family}")
    _keep_person(person)
    return person


@action(needs=rules.may_edit)
def edit_person(person: Person, *, by: Any, seen: int | None = None, **values: Any) -> Person:
    """Changes a person's columns. The address he or she signs in with is the account's and stays."""
    check(person, seen)
    _fill_person(person, values)
    _keep_person(person)
    return person


@action(needs=rules.may_affiliate)
def affiliate(
    person: Person,
    *,
    by: Any,
    organisation: Organisation,
    position: str = "",
    starts: date | None = None,
    ends: date | None = None,
) -> Affiliation:
    """Notes that a person works in an organisation. Of a person with an account, only an administrator may."""
    _refuse_merged(organisation)
    if starts and ends and ends < starts:
        raise Invalid(_("It would end before it starts; give a later day."), field="ends")
    affiliation = Affiliation(
        person=person,
        organisation=organisation,
        position=" ".join(position.split()),
        starts=starts,
        ends=ends,
    )
    if _is_there_already(affiliation):
        raise Invalid(
            _("%(person)s is already noted in “%(organisation)s” from that day; change that one.")
            % {"person": person, "organisation": organisation.name},
            field="organisation",
        )
    _validate(affiliation, leave_out={"person", "organisation"})
    affiliation.save()
    return affiliation


@action(needs=rules.may_affiliate)
def edit_affiliation(
    affiliation: Affiliation, *, by: Any, seen: int | None = None, position: str | None = None
) -> Affiliation:
    """Changes the position a person has in an organisation."""
    check(affiliation, seen)
    if position is not None:
        affiliation.position = " ".join(position.split())
    _validate(affiliation, leave_out={"person", "organisation"})
    affiliation.save()
    return affiliation


@action(needs=rules.may_affiliate)
def end_affiliation(affiliation: Affiliation, *, by: Any, ends: date | None = None) -> Affiliation:
    """Ends an affiliation on a day, which is its last; without a day it ended yesterday."""
    ends = ends or timezone.localdate() - timedelta(days=1)
    if affiliation.starts and ends < affiliation.starts:
        raise Invalid(
            _("It would end before it started on %(day)s; give a later day.")
            % {"day": affiliation.starts.isoformat()},
            field="ends",
        )
    affiliation.ends = ends
    affiliation.save()
    return affiliation


def _fill_person(person: Person, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        setattr(person, name, " ".join(value.split()) if isinstance(value, str) else value)
    person.orcid = orcid_id(person.orcid)


def _keep_person(person: Person) -> None:
    others = Person.objects.exclude(pk=person.pk)
    for name, same in (("email", {"email__iexact": person.email}), ("orcid", {"orcid": person.orcid})):
        if getattr(person, name) and (holder := others.filter(**same).first()) is not None:
            raise Invalid(
                _("“%(value)s” already belongs to %(holder)s; open that person instead.")
                % {"value": getattr(person, name), "holder": holder},
                field=name,
            )
    _validate(person)
    person.save()


# ---------------------------------------------------------------- accounts


@action(needs=rules.may_administer)
def open_account(person: Person, *, by: Any, email: str = "", language: str = "lv") -> Account:
    """Lets a person sign in, by the person's own address unless another is given. A password is chosen by `invite`."""
    if hasattr(person, "account"):
        raise Invalid(
            _("%(person)s already has an account; open that one.") % {"person": person}, field="email"
        )
    account = Account(person=person, email=(email or person.email).strip(), language=language)
    account.set_unusable_password()
    if not account.email:
        raise Invalid(_("Give the address this person will sign in with."), field="email")
    _refuse_other_account(account)
    _validate(account, leave_out={"person", "password"})
    account.save()
    return account


@action(needs=rules.may_administer)
def invite(account: Account, *, by: Any) -> str:
    """Makes the two parts of a link, "uid/token", by which the person chooses a password.

    It works once and for the days of PASSWORD_RESET_TIMEOUT; nothing of it is kept.
    """
    _refuse_inactive(account)
    return f"{urlsafe_base64_encode(force_bytes(account.pk))}/{default_token_generator.make_token(account)}"


@action(needs=rules.may_keep_own)
def choose_password(account: Account, *, by: Any, password: str, token: str) -> Account:
    """Sets the password of whoever was invited; `token` is the second part of the link that `invite` made."""
    if not default_token_generator.check_token(account, token):
        raise Invalid(
            _("This invitation was used already or has expired. Ask an administrator for a new one.")
        )
    return _set_password(account, password)


@action(needs=rules.may_keep_own)
def set_password(account: Account, *, by: Any, password: str, current: str | None = None) -> Account:
    """Sets the password. Whoever changes the own one gives the current one too, unless there is none yet."""
    if by.pk == account.pk and account.has_usable_password() and not account.check_password(current or ""):
        raise Invalid(_("This is not your current password."), field="current")
    return _set_password(account, password)


def _set_password(account: Account, password: str) -> Account:
    try:
        validate_password(password, account)
    except ValidationError as error:
        raise Invalid(" ".join(error.messages), field="password") from None
    account.set_password(password)
    account.save(update_fields=["password"])
    return account


@action(needs=rules.may_keep_own)
def set_language(account: Account, *, by: Any, language: str) -> Account:
    """Sets the language in which the account is written to."""
    if language not in {"lv", "en"}:
        raise Invalid(_("Talka speaks lv and en; choose one of them."), field="language")
    account.language = language
    account.save()
    return account


@action(needs=rules.may_administer)
def set_email(account: Account, *, by: Any, email: str) -> Account:
    """Changes the address with which an account signs in, and the person's with it."""
    account.email = email.strip()
    _refuse_other_account(account)
    _validate(account, leave_out={"person", "password"})
    account.save()
    if account.person is not None:
        account.person.email = account.email
        _keep_person(account.person)
    return account


@action(needs=rules.may_administer)
def deactivate(account: Account, *, by: Any) -> Account:
    """Closes an account: nobody signs in to it and its keys stop working. What it did stays on record."""
    if by.pk == account.pk:
        raise Invalid(_("You cannot close your own account; ask another administrator."))
    _refuse_last_administrator(account)
    account.is_active = False
    account.save()
    return account


@action(needs=rules.may_administer)
def reactivate(account: Account, *, by: Any) -> Account:
    """Opens a closed account again, with the roles it had."""
    account.is_active = True
    account.save()
    return account


@action(needs=rules.may_administer)
def grant(account: Account, *, by: Any, role: str, ecosystem: Ecosystem | None = None) -> Grant:
    """Gives a role, in one ecosystem or (None) everywhere."""
    if role not in ROLES:
        raise Invalid(
            _("“%(role)s” is not a role; the roles are %(roles)s.")
            % {"role": role, "roles": ", ".join(ROLES)},
            field="role",
        )
    if role == "administrator" and ecosystem is not None:
        raise Invalid(
            _("An administrator keeps the whole hub; leave the ecosystem empty."), field="ecosystem"
        )
    _refuse_inactive(account)
    given = Grant(account=account, role=role, ecosystem=ecosystem)
    if _is_there_already(given):
        raise Invalid(_("%(account)s already holds this role there.") % {"account": account}, field="role")
    given.save()
    account.__dict__.pop("_grants", None)
    return given


@action(needs=rules.may_administer)
def revoke(given: Grant, *, by: Any) -> Account:
    """Takes a role away from an account, which is returned. Somebody must remain who administers the hub."""
    account = given.account
    if given.role == "administrator":
        _refuse_last_administrator(account)
    given.delete()
    account.__dict__.pop("_grants", None)
    return account


def _refuse_other_account(account: Account) -> None:
    if Account.objects.filter(email__iexact=account.email).exclude(pk=account.pk).exists():
        raise Invalid(
            _("“%(email)s” already signs in to another account; give another address.")
            % {"email": account.email},
            field="email",
        )


def _refuse_inactive(account: Account) -> None:
    if not account.is_active:
        raise Invalid(_("This account is closed; open it again first."))


def _refuse_last_administrator(account: Account) -> None:
    left = queries.administrators()
    if left.filter(pk=account.pk).exists() and not left.exclude(pk=account.pk).exists():
        raise Invalid(_("This is the last administrator of the hub; make somebody else one first."))


# ---------------------------------------------------------------- keys for programs


@action(needs=rules.may_make_token)
def make_token(
    account: Account,
    *,
    by: Any,
    label: str,
    read_only: bool = True,
    days: int = TOKEN_DAYS,
    now: datetime | None = None,
) -> Token:
    """Makes a key by which a program acts as this account. Its `secret` is there on the returned row alone."""
    _refuse_inactive(account)
    label = " ".join(label.split())
    if not label:
        raise Invalid(
            _("Say what the key is for, so that you know later which one to revoke."), field="label"
        )
    if not 1 <= days <= TOKEN_DAYS:
        raise Invalid(
            _("A key lives from 1 to %(days)d days; make a new one when it expires.") % {"days": TOKEN_DAYS},
            field="days",
        )
    secret = Token.new_key()
    token = Token(
        account=account,
        label=label,
        digest=Token.digest_of(secret),
        read_only=read_only,
        expires=(now or timezone.now()) + timedelta(days=days),
    )
    _validate(token, leave_out={"account"})
    token.save()
    token.secret = secret
    return token


@action(needs=rules.may_keep_own)
def revoke_token(token: Token, *, by: Any) -> Token:
    """Stops a key at once; the row stays, so that the record can be read."""
    if token.revoked_at is None:
        token.revoked_at = timezone.now()
        token.save()
    return token


# ---------------------------------------------------------------- shared


def _free_code(model: type[Organisation] | type[Person], text: str) -> str:
    """A code made of the text that no row has yet."""
    base = slugify(fold(text))[:70] or model._meta.model_name or "row"
    taken = set(model._base_manager.filter(code__startswith=base).values_list("code", flat=True))
    return next(
        code
        for number in range(1, len(taken) + 2)
        if (code := base if number == 1 else f"{base}-{number}") not in taken
    )


def _label(model: type[models.Model], name: str) -> str:
    """What a column is called in the reader's language."""
    column: Any = model._meta.get_field(name)
    return str(column.verbose_name)


def _validate(row: models.Model, leave_out: Iterable[str] = ()) -> None:
    """Checks lengths, choices and uniqueness; raises Invalid for the first column that is wrong."""
    try:
        row.full_clean(exclude=set(leave_out), validate_constraints=False)
    except ValidationError as error:
        name, messages = next(iter(error.message_dict.items()))
        label = "" if name == "__all__" else f"{_label(type(row), name)}: "
        raise Invalid(f"{label}{' '.join(messages)}", field=None if name == "__all__" else name) from None


searchable(
    Organisation,
    title=lambda row: Text(row.name_lv, row.name_en),
    summary=lambda row: Text(str(row.get_kind_of_display())),
    words=lambda row: " ".join(
        [
            row.code,
            row.acronym,
            row.ror,
            row.registration_number,
            *OtherName.objects.filter(organisation=row).values_list("name", flat=True),
        ]
    ),
    public=lambda row: row.merged_into_id is None,
)
