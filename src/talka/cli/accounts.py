"""`talka account add`: the first administrator; `talka reindex`; `talka organisations import`."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path

import click

from talka.cli import talka
from talka.core import search
from talka.core.actions import HUB, SYSTEM
from talka.core.models import SearchEntry
from talka.parties import actions as parties
from talka.parties.roles import ROLES
from talka.parties.sheets import ror


@talka.group()
def account() -> None:
    """Accounts of the people who sign in."""


@account.command("add")
@click.argument("email")
@click.option("--given", required=True, help="Given name.")
@click.option("--family", required=True, help="Family name.")
@click.option("--role", type=click.Choice(sorted(ROLES)), default="administrator", show_default=True)
def add(email: str, given: str, family: str, role: str) -> None:
    """Open an account for EMAIL with a role in the whole hub; its first password is printed once."""
    person = parties.add_person(HUB, by=SYSTEM, given=given, family=family, email=email)
    password = secrets.token_urlsafe(12)
    opened = parties.open_account(person, by=SYSTEM)
    parties.set_password(opened, by=SYSTEM, password=password)
    parties.grant(opened, by=SYSTEM, role=role)
    click.echo(
        f"{email} may sign in with the password {password}\nIt is shown only now; change it on “My account”."
    )


@talka.command()
def reindex() -> None:
    """Write the search index anew."""
    total = 0
    for kind, how in search.FINDABLE.items():
        SearchEntry.objects.filter(kind=kind).delete()
        rows = how.model._base_manager.order_by("pk")
        batch = []
        for row in rows.iterator(chunk_size=1000):
            batch.append(row)
            if len(batch) == 1000:
                search.refresh(batch)
                total, batch = total + len(batch), []
        search.refresh(batch)
        total += len(batch)
    click.echo(f"{total} rows can be found", err=True)


@talka.group()
def organisations() -> None:
    """Organisations."""


@organisations.command("import-ror")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Carry the changes out, whole or not at all.")
def import_ror(file: Path, apply: bool) -> None:
    """Take organisations from a ROR dump or record (JSON, version 1 or 2)."""
    records, problems = ror.read(file.read_bytes(), file.name)
    preview = ror.preview(records, problems, {})
    names = {
        ror.NEW: "new",
        ror.CHANGED: "changed",
        ror.SAME: "already the same",
        ror.OPEN: "to be decided on the page",
    }
    click.echo("; ".join(f"{preview.count(kind)} {words}" for kind, words in names.items()))
    for problem in preview.problems:
        click.echo(f"✗ {problem.place}: {problem.message}", err=True)
    if apply and not preview.problems:
        click.echo(f"{len(ror.apply(preview, by=SYSTEM))} organisations written", err=True)
    sys.exit(1 if preview.problems else 0)
