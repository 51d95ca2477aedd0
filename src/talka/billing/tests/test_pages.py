"""The room's pages: whose books they show, a fixed number of queries, and how to act on them."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from talka.billing import actions
from talka.billing.models import BillingRun, Invoice, PayerAccount, TariffVersion
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
        ("/aid/", 7),
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


@pytest.mark.parametrize(("who", "status"), [("anna", 200), ("bruno", 200), ("cilda", 404), (None, 302)])
def test_whose_invoice_it_is(who: str | None, status: int) -> None:
    scene = drawn(1)
    invoice = Invoice.objects.get(account=scene.account)
    client = signed_in(getattr(scene, who)) if who else Client()
    for path in (
        f"/invoices/{invoice.pk}/",
        f"/invoices/{invoice.pk}/invoice.xml",
        f"/accounts/{scene.account.pk}/",
    ):
        assert client.get(AT + path).status_code == status
    assert Client().get(AT + "/prices/").status_code == 200


def test_anna_runs_a_month_sends_takes_a_payment_and_credits() -> None:
    scene = factories.scene()
    factories.use(scene.account, scene.tariff)
    anna = signed_in(scene.anna)
    anna.post(f"{AT}/run/inst/", {"month": "2026-09", "step": "run"})
    invoice = Invoice.objects.get()
    step = f"{AT}/invoices/{invoice.pk}"
    anna.post(f"{step}/send/", {"channel": "peppol"})
    anna.post(f"{step}/pay/", {"amount": "45,20", "paid_on": "2026-11-01", "reference": "b/1"})
    anna.post(f"{step}/credit/", {"reason": "Iekārta nestrādāja"})
    invoice.refresh_from_db()
    assert (invoice.state, invoice.payments.get().amount, invoice.credit_notes.get().gross) == (
        "sent", Decimal("45.20"), Decimal("145.20"),
    )  # fmt: skip
    assert BillingRun.objects.get().month == "2026-09"
    cilda = signed_in(scene.cilda)
    assert cilda.post(f"{AT}/run/inst/", {"month": "2026-10", "step": "run"}).status_code == 403


def test_anna_drafts_prices_sees_what_they_do_and_publishes_them() -> None:
    scene = drawn(1)
    other = factories.tariff(scene.issuer, "otrs")
    anna = signed_in(scene.anna)
    given = {
        "valid_from": "2026-01-01", "capacity": "100", "costs": "labour; Operators; 1000; ; Algu saraksts",
        "amount_company": "12,5", "basis_company": "market", "evidence_company": "Cenrādis",
    }  # fmt: skip
    assert anna.post(f"{AT}/prices/inst/otrs/draft/", given).status_code == 302
    assert signed_in(scene.cilda).post(f"{AT}/prices/inst/otrs/publish/").status_code == 403
    anna.post(f"{AT}/prices/inst/otrs/publish/")
    version = TariffVersion.objects.get(tariff=other)
    assert (version.state, version.cost_rate) == ("published", Decimal(10))


def test_anna_opens_an_account_and_cilda_does_not() -> None:
    scene = factories.scene()
    given = {"customer": scene.customer.pk, "code": "jauns", "title": "Jauns", "starts": "2026-01-01"}
    assert signed_in(scene.cilda).post(f"{AT}/accounts/add/inst/", given).status_code == 403
    assert signed_in(scene.anna).post(f"{AT}/accounts/add/inst/", given).status_code == 302
    assert PayerAccount.objects.filter(code="jauns").count() == 1


@pytest.mark.parametrize(("who", "status"), [("anna", 200), ("bruno", 200), (None, 302)])
def test_who_reads_the_aid_of_an_undertaking(who: str | None, status: int) -> None:
    scene = drawn(1)
    client = signed_in(getattr(scene, who)) if who else Client()
    for path in ("/aid/firma/", "/aid/firma/statement.pdf"):
        assert client.get(AT + path).status_code == status
