"""A process of its own that works on the hub of a test: many clients at once, or one that is killed half-way.

    python -m talka.billing.tests.child number

does what the function of that name does, and prints what it returns as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import django

django.setup()  # before any model can be imported

from django.db import connection  # noqa: E402 -- as above

from talka.billing import actions, ubl  # noqa: E402
from talka.billing.models import (  # noqa: E402
    AidGrant,
    Charge,
    Customer,
    Invoice,
    InvoiceDocument,
    InvoiceLine,
    Issuer,
    PayerAccount,
    Tariff,
)
from talka.billing.models import Counter as Numbers  # noqa: E402
from talka.core.actions import SYSTEM, Invalid  # noqa: E402
from talka.parties.models import Organisation  # noqa: E402

DAY = date(2026, 10, 1)


def together(count: int, work: Callable[[int], Any]) -> list[str]:
    """What each of so many threads, let loose at once, returned or was refused with."""
    start, said = threading.Barrier(count), ["" for _ in range(count)]

    def run(index: int) -> None:
        try:
            start.wait()
            said[index] = str(work(index))
        except Invalid as refused:
            said[index] = f"refused: {refused.field}"
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(index,)) for index in range(count)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    return said


def number() -> Any:
    """Eight clients invoice four accounts each at the same time; every second invoice is voided on the way."""
    accounts = list(PayerAccount.objects.order_by("pk"))

    def work(index: int) -> str:
        for account in accounts[index::8]:
            invoice = actions.issue_invoice(account, by=SYSTEM, until=DAY, issued_on=DAY)
            if account.pk % 2:
                actions.void_invoice(invoice, by=SYSTEM, reason="izmēģinājums")
        return "done"

    together(8, work)
    return facts()


def run() -> Any:
    """Four clients run the same month at once."""
    issuer = Issuer.objects.get(code="inst")
    together(4, lambda index: actions.run_month(issuer, by=SYSTEM, month="2026-09", issued_on=DAY))
    return facts()


def killed() -> Any:
    """The power is cut while the e-invoices of a run are written."""
    write, written = ubl.write, []

    def cut(*given: Any) -> bytes:
        written.append(given)
        if len(written) == 5:
            os.kill(os.getpid(), signal.SIGKILL)
        return write(*given)

    ubl.write = cut  # type: ignore[assignment]  # takes what it is given
    return run()


def aid() -> Any:
    """Eight grants of 50,000 at once to two enterprises that are one undertaking: six of them fit."""
    pair = list(Customer.objects.filter(code__in=["firma", "meita"]).order_by("code"))
    grantor = Organisation.objects.get(code="inst")
    said = together(
        8,
        lambda index: (
            actions.grant_aid(
                pair[index % 2],
                by=SYSTEM,
                grantor=grantor,
                granted_on=DAY,
                amount=Decimal(50000),
                purpose="Atlaide",
                source=f"try/{index}",
            ).amount
        ),
    )
    return {"said": sorted(said), "sum": str(sum(grant.amount for grant in AidGrant.objects.all()))}


def cap() -> Any:
    """Eight uses of 120 EUR at once on an account with a cap of 500: four of them fit."""
    account, tariff = PayerAccount.objects.get(code="konts"), Tariff.objects.get(code="mikroskops")
    said = together(
        8,
        lambda index: len(
            actions.charge(
                account,
                by=SYSTEM,
                tariff=tariff,
                activity="service",
                key=f"use/{index}",
                day=date(2026, 9, 15),
                quantities={"": Decimal(2)},
            )
        ),
    )
    return {"said": sorted(said), "sum": str(sum(charge.pays for charge in Charge.objects.all()))}


def twice() -> Any:
    """Eight clicks on “sent”, and eight on the same payment."""
    invoice = Invoice.objects.get()

    def fresh() -> Invoice:
        return Invoice.objects.get(pk=invoice.pk)

    sent = together(8, lambda index: actions.send_invoice(fresh(), by=SYSTEM, channel="peppol").state)
    paid = together(
        8,
        lambda index: (
            actions.take_payment(
                fresh(), by=SYSTEM, amount=Decimal(50), paid_on=DAY, reference="bank/1"
            ).amount
        ),
    )
    return {"sent": sorted(sent), "paid": sorted(paid)}


def facts() -> Any:
    """What is in the books: sequences of the numbers, accounts invoiced more than once, the counter."""
    live = Counter(Invoice.objects.exclude(state="void").values_list("account", flat=True))
    return {
        "sequences": sorted(Invoice.objects.values_list("sequence", flat=True)),
        "twice": [account for account, count in live.items() if count > 1],
        "lines": InvoiceLine.objects.count(),
        "documents": InvoiceDocument.objects.count(),
        "last": [counter.last for counter in Numbers.objects.all()],
    }


if __name__ == "__main__":
    django.setup()
    sys.stdout.write(
        json.dumps(
            {each.__name__: each for each in (number, run, killed, aid, cap, twice, facts)}[sys.argv[1]]()
        )
    )
