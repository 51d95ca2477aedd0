"""The room's pages: whose books they show, a fixed number of queries, and how to act on them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from talka.billing import actions
from talka.billing.models import Invoice
from talka.billing.tests import factories
from talka.billing.tests.factories import Scene
from talka.core.actions import SYSTEM
from talka.network.tests.test_pages import signed_in

pytestmark = pytest.mark.django_db
AT = "/lv/bees/billing"


def drawn(rows: int) -> Scene:
    """So many accounts with an invoice each, and so many uses on the first."""
    scene = factories.scene()
    for index in range(rows):
        payer = factories.customer(f"sia-{index}")
        factories.use(
            factories.account(scene.issuer, payer, f"konts-{index}"), scene.tariff, key=f"use/{index}"
        )
        factories.use(scene.account, scene.tariff, key=f"own/{index}")
        actions.declare_aid(
            payer, by=SYSTEM, grantor_name="Aģentūra", granted_on=date(2026, 5, 1), amount=Decimal(100 + index),
            purpose="Kupons", source=f"a/{index}",
        )  # fmt: skip
        if index:
            actions.link_undertakings(
                scene.customer, by=SYSTEM, controlled=payer, ground="votes", starts=date(2026, 1, 1)
            )
    factories.version(scene.tariff, valid_from=date(2027, 1, 1))
    actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=date(2026, 10, 1))
    return scene


@pytest.mark.parametrize("rows", [1, 3])
@pytest.mark.parametrize(
    ("path", "queries"),
    [
        ("/", 11),
        ("/invoices/{invoice}/", 11),
        ("/accounts/", 8),
        ("/accounts/{account}/", 16),
        ("/prices/", 8),
        ("/prices/inst/mikroskops/", 11),
        ("/aid/", 8),
    ],
)
def test_a_page_costs_the_same_whatever_it_shows(
    django_assert_num_queries: Any, path: str, queries: int, rows: int
) -> None:
    scene = drawn(rows)
    invoice = Invoice.objects.get(account=scene.account)
    client = signed_in(scene.anna)
    with django_assert_num_queries(queries):
        answer = client.get(AT + path.format(invoice=invoice.pk, account=scene.account.pk))
        assert answer.status_code == 200
