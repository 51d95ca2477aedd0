"""`talka account add`: the first administrator; `talka reindex`; `talka organisations import`."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click
from django.db import transaction

from talka.cli import talka
from talka.cli.output import as_json, say_json
from talka.core import search
from talka.core.actions import HUB, SYSTEM
from talka.core.models import SearchEntry
from talka.parties import actions as parties
from talka.parties.roles import ROLES
from talka.parties.sheets import ror

BATCH = 1000


@talka.group()
def account() -> None:
    """Accounts of the people who sign in."""


@account.command("add")
@click.argument("email")
@click.option("--given", required=True, help="Given name.")
@click.option("--family", required=True, help="Family name.")
@click.option("--role", type=click.Choice(sorted(ROLES)), default="administrator", show_default=True)
@as_json
def add(email: str, given: str, family: str, role: str, as_json: bool) -> None:
    """Open an account for EMAIL with a role in the whole hub; its first password is printed once."""
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        person = parties.add_person(HUB, by=SYSTEM, given=given, family=family, email=email)
        opened = parties.open_account(person, by=SYSTEM)
        parties.set_password(opened, by=SYSTEM, password=password)
        parties.grant(opened, by=SYSTEM, role=role)
    if as_json:
        say_json({"email": opened.email, "role": role, "password": password})
        return
    click.echo(
        f"{email} may sign in with the password {password}\nIt is shown only now; change it on “My account”."
    )


@talka.command()
@as_json
def reindex(as_json: bool) -> None:
    """Write the search index anew, while people go on searching the old one."""
    written: dict[str, int] = {}
    for kind, how in search.FINDABLE.items():
        written[kind] = 0
        rows = how.model._base_manager.order_by("pk")
        with transaction.atomic():
            SearchEntry.objects.filter(kind=kind).exclude(subject_id__in=rows.values("pk")).delete()
            for start in range(0, rows.count(), BATCH):
                batch = list(rows[start : start + BATCH])
                search.refresh(batch)
                written[kind] += len(batch)
    SearchEntry.objects.exclude(kind__in=search.FINDABLE).delete()
    if as_json:
        say_json(written)
    else:
        click.echo(f"{sum(written.values())} rows can be found")


@talka.group()
def organisations() -> None:
    """Organisations."""


@organisations.command("import-ror")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Carry the changes out, whole or not at all.")
@as_json
def import_ror(file: Path, apply: bool, as_json: bool) -> None:
    """Take organisations from a ROR dump or record (JSON, version 1 or 2)."""
    records, problems = ror.read(file.read_bytes(), file.name)
    preview = ror.preview(records, problems, {})
    names = {
        ror.NEW: "new",
        ror.CHANGED: "changed",
        ror.SAME: "already the same",
        ror.OPEN: "to be decided on the page",
    }
    written = len(ror.apply(preview, by=SYSTEM)) if apply and not preview.problems else 0
    if as_json:
        counts = {kind: preview.count(kind) for kind in names}
        found = [{"place": each.place, "message": each.message} for each in preview.problems]
        say_json({**counts, "written": written, "problems": found})
    else:
        click.echo("; ".join(f"{preview.count(kind)} {words}" for kind, words in names.items()))
        for problem in preview.problems:
            click.echo(f"✗ {problem.place}: {problem.message}", err=True)
        if written:
            click.echo(f"{written} organisations written", err=True)
    sys.exit(1 if preview.problems else 0)
