"""Prices, uses, invoices and aid: who may what, what is kept, what is refused and in which words, what adds up."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from talka.billing import actions, queries, sums
from talka.billing.models import AidGrant, Charge, Invoice, InvoiceLine, PriceClass, TariffVersion
from talka.billing.tests import factories
from talka.billing.tests.factories import DAY, Scene
from talka.core import dated, indicators
from talka.core.actions import SYSTEM, Invalid, Refused
from talka.core.testing import acting
from talka.core.values import Period

pytestmark = pytest.mark.django_db
OCTOBER = date(2026, 10, 1)


@pytest.fixture
def scene() -> Scene:
    return factories.scene()


@pytest.fixture(autouse=True)
def _in_english() -> Any:
    with override("en"):
        yield


# ---------------------------------------------------------------- who may


@pytest.mark.parametrize(("who", "may"), [("anna", True), ("bruno", False), ("cilda", False)])
def test_only_the_institutions_own_people_price_charge_and_invoice(scene: Scene, who: str, may: bool) -> None:
    by: Any = getattr(scene, who)
    factories.use(scene.account, scene.tariff)
    invoice = factories.invoice(scene.issuer)
    verbs = [
        lambda: actions.draft_version(scene.tariff, by=by, valid_from=date(2027, 1, 1)),
        lambda: actions.edit_account(scene.account, by=by, cap=Decimal(9000)),
        lambda: actions.charge(
            scene.account, by=by, tariff=scene.tariff, activity="service", key="x", day=DAY, quantities={"": Decimal(1)}
        ),
        lambda: actions.run_month(scene.issuer, by=by, month="2026-09"),
        lambda: actions.send_invoice(invoice, by=by, channel="peppol"),
        lambda: actions.take_payment(invoice, by=by, amount=Decimal(1), paid_on=OCTOBER, reference="b"),
        lambda: actions.credit_invoice(invoice, by=by, reason="Kļūda"),
        lambda: actions.export_journal(scene.issuer, by=by),
    ]  # fmt: skip
    refused = []
    for verb in verbs:
        try:
            verb()
        except Refused:
            refused.append(verb)
    assert refused == ([] if may else verbs)


@pytest.mark.parametrize(("who", "sees"), [("anna", 1), ("bruno", 1), ("cilda", 0)])
def test_who_sees_the_books(scene: Scene, who: str, sees: int) -> None:
    factories.use(scene.account, scene.tariff)
    factories.invoice(scene.issuer)
    by = getattr(scene, who)
    assert queries.accounts_seen(scene.eco, by).count() == sees
    assert queries.invoices_seen(scene.eco, by).count() == sees
    assert queries.invoices_seen(scene.eco, None).count() == 0


def test_a_user_of_an_account_charges_it_and_nobody_settles_his_own_use(scene: Scene) -> None:
    actions.let_use(scene.account, by=scene.anna, user=scene.cilda)
    use: dict[str, Any] = {
        "tariff": scene.tariff,
        "activity": "service",
        "key": "u",
        "day": DAY,
        "quantities": {"": Decimal(1)},
    }
    assert actions.charge(scene.account, by=scene.cilda, **use)[0].state == "estimated"
    with pytest.raises(Refused):
        actions.settle_charges(scene.account, by=scene.cilda, key="u", quantities={"": Decimal(0)})
    actions.stop_use(scene.account, by=scene.anna, user=scene.cilda)
    with pytest.raises(Refused):
        actions.charge(scene.account, by=scene.cilda, **{**use, "key": "v"})


# ---------------------------------------------------------------- prices


def test_the_full_cost_is_what_a_year_costs_over_its_capacity_and_what_each_unit_costs(scene: Scene) -> None:
    assert scene.version.cost_rate == Decimal(60000) / 1500 + Decimal("2.50")


@pytest.mark.parametrize(
    ("rate", "says"),
    [
        ({"amount": Decimal(50), "basis": "full_cost"}, "market price"),
        ({"amount": Decimal(46), "basis": "cost_plus", "margin": Decimal(10)}, "46.75 EUR"),  # 42.50 and 10 %
        ({"amount": Decimal(46), "basis": "market", "evidence": ""}, "evidence"),
        ({"amount": Decimal(46), "basis": "cost_plus"}, "margin"),
    ],
)
def test_what_companies_pay_rests_on_something(scene: Scene, rate: dict[str, Any], says: str) -> None:
    with pytest.raises(Invalid, match=says):
        factories.version(
            scene.tariff, valid_from=date(2027, 1, 1), rates=[{"price_class": "company", **rate}]
        )


def test_published_prices_never_change_and_old_charges_keep_theirs(scene: Scene) -> None:
    (before,) = factories.use(scene.account, scene.tariff, "2")
    with pytest.raises(Invalid, match="never changes"):
        actions.edit_version(scene.version, by=SYSTEM, capacity=Decimal(1))
    new = factories.version(
        scene.tariff,
        valid_from=date(2026, 12, 1),
        rates=[{"price_class": "company", "amount": Decimal(99), "basis": "market", "evidence": "x"}],
    )
    assert (new.number, TariffVersion.objects.get(number=1).valid_until) == (2, date(2026, 11, 30))
    (later,) = factories.use(scene.account, scene.tariff, "2", "use/2", day=date(2026, 12, 1))
    (settled,) = actions.settle_charges(scene.account, by=SYSTEM, key="use/1", quantities={"": Decimal(3)})
    assert (before.pays, later.pays, settled.pays) == (Decimal(120), Decimal(198), Decimal(180))


def test_bands_split_a_booking_over_midnight_and_over_the_change_of_clocks(scene: Scene) -> None:
    night = {"code": "night", "title_lv": "Nakts", "days": "1234567", "begins": time(20), "ends": time(7)}
    version = factories.version(scene.tariff, valid_from=date(2027, 1, 1), bands=[night])
    # Riga is two hours ahead in winter: 17:00–09:00 on the wall
    assert queries.by_band(
        version, datetime(2027, 1, 11, 15, tzinfo=UTC), datetime(2027, 1, 12, 7, tzinfo=UTC)
    ) == {"": Decimal(5), "night": Decimal(11)}
    # the night of 27 to 28 March 2027, when 3:00 becomes 4:00: from 20:00 to 7:00 are ten hours
    assert queries.by_band(
        version, datetime(2027, 3, 27, 18, tzinfo=UTC), datetime(2027, 3, 28, 4, tzinfo=UTC)
    ) == {"night": Decimal(10)}


def test_bands_that_overlap_are_refused(scene: Scene) -> None:
    bands = [
        {"code": "a", "title_lv": "A", "days": "7", "begins": time(22), "ends": time(6)},
        {"code": "b", "title_lv": "B", "days": "1", "begins": time(5), "ends": time(9)},
    ]
    with pytest.raises(Invalid, match="overlap"):
        factories.version(scene.tariff, valid_from=date(2027, 1, 1), bands=bands)


def test_a_change_of_rates_is_shown_by_what_it_recovers(scene: Scene) -> None:
    for index in range(3):
        factories.use(scene.account, scene.tariff, "100", f"use/{index}")
    draft = factories.version(
        scene.tariff,
        publish=False,
        valid_from=date(2027, 1, 1),
        rates=[{"price_class": "company", "amount": Decimal(80), "basis": "market", "evidence": "x"}],
    )
    used = queries.uses(scene.tariff, date(2026, 1, 1), date(2026, 12, 31))
    now, then = queries.recovery(scene.version, used), queries.recovery(draft, used)
    assert (now.income, then.income) == (Decimal(300 * 60), Decimal(300 * 80))
    assert (now.cost, now.economic_share) == (60000 + 300 * Decimal("2.50"), 300 / 1500)


# ---------------------------------------------------------------- classes


def test_a_start_up_is_one_until_the_day_five_years_after_registration(scene: Scene) -> None:
    actions.declare_start_up(
        scene.customer, by=SYSTEM, registered_on=date(2024, 2, 29), small=True, unlisted=True,
        declared_on=date(2024, 3, 1),
    )  # fmt: skip
    payer = queries.customers().get(pk=scene.customer.pk)
    days = (date(2024, 2, 29), date(2024, 3, 1), date(2029, 2, 28), date(2029, 3, 1))
    assert [queries.class_of(payer, scene.issuer, day).value for day in days] == [
        "company", "start_up", "start_up", "company",
    ]  # fmt: skip


@pytest.mark.parametrize("fact", ["small", "unlisted", "distributed_profit", "took_over"])
def test_each_condition_of_a_start_up_counts(scene: Scene, fact: str) -> None:
    facts = {"small": True, "unlisted": True, "distributed_profit": False, "took_over": False}
    actions.declare_start_up(
        scene.customer, by=SYSTEM, registered_on=date(2025, 1, 1), declared_on=date(2025, 2, 1),
        **{**facts, fact: not facts[fact]},
    )  # fmt: skip
    payer = queries.customers().get(pk=scene.customer.pk)
    assert queries.class_of(payer, scene.issuer, DAY) == PriceClass.COMPANY


# ---------------------------------------------------------------- uses


def test_charging_twice_changes_nothing_and_the_estimate_is_what_is_invoiced(scene: Scene) -> None:
    shown = queries.quotes(
        scene.account, scene.tariff, activity="service", day=DAY, quantities={"": Decimal("1.5")}
    )
    first = factories.use(scene.account, scene.tariff, "1.5", final=False)
    again = factories.use(scene.account, scene.tariff, "9", final=False)
    assert (first[0].pk, Charge.objects.count()) == (again[0].pk, 1)
    actions.settle_charges(scene.account, by=SYSTEM, key="use/1", quantities={"": Decimal("1.5")})
    assert factories.invoice(scene.issuer).gross == shown[0].with_vat == Decimal("108.90")


def test_what_differs_from_the_estimate_says_why(scene: Scene) -> None:
    factories.use(scene.account, scene.tariff, "2", final=False)
    with pytest.raises(Invalid, match=r"180\.00 EUR and not 120\.00 EUR"):
        actions.settle_charges(scene.account, by=SYSTEM, key="use/1", quantities={"": Decimal(3)})
    (row,) = actions.settle_charges(
        scene.account, by=SYSTEM, key="use/1", quantities={"": Decimal(3)}, reason="Stunda ilgāk"
    )
    assert (row.pays, row.estimated, row.reason) == (Decimal(180), Decimal(120), "Stunda ilgāk")


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"ends": date(2026, 9, 1)}, "pays for uses from"),
        ({"closed": True}, "is closed"),
        ({"cap": Decimal(100)}, r"100\.00 EUR left of its cap"),
    ],
)
def test_an_account_that_cannot_pay_is_refused(scene: Scene, values: dict[str, Any], says: str) -> None:
    actions.edit_account(scene.account, by=SYSTEM, **values)
    with pytest.raises(Invalid, match=says):
        factories.use(scene.account, scene.tariff)
    assert Charge.objects.count() == 0


@pytest.mark.parametrize("hours", ["-1", "1000001"])
def test_absurd_quantities_are_refused(scene: Scene, hours: str) -> None:
    with pytest.raises(Invalid, match="between 0 and"):
        factories.use(scene.account, scene.tariff, hours)


@given(
    st.lists(st.decimals("0.01", "100", places=2), min_size=1, max_size=7),
    st.decimals("-9999", "9999999", places=2),
)
def test_shares_add_up_to_the_cent(weights: list[Decimal], amount: Decimal) -> None:
    assert sum(sums.shared(amount, weights)) == amount


def test_a_shared_use_is_paid_to_the_cent_each_by_its_own_class(scene: Scene) -> None:
    lab = factories.customer("lab")
    actions.set_standing(lab, by=SYSTEM, price_class="public_research", starts=date(2026, 1, 1))
    parts = {
        factories.account(scene.issuer, scene.customer, "a"): Decimal(1),
        factories.account(scene.issuer, scene.customer, "b"): Decimal(1),
        factories.account(scene.issuer, lab, "c"): Decimal(1),
    }
    actions.share_account(scene.account, by=SYSTEM, shares=parts)
    made = factories.use(scene.account, scene.tariff, "1.6675", activity="collaboration")
    # 100.05 for a company and 50.03 for research, in thirds
    assert [row.pays for row in made] == [Decimal("33.35"), Decimal("33.35"), Decimal("16.67")]


# ---------------------------------------------------------------- invoices


def test_running_a_month_again_changes_nothing_and_takes_what_came_late(scene: Scene) -> None:
    factories.use(scene.account, scene.tariff)
    factories.invoice(scene.issuer)
    before = list(Invoice.objects.values())
    run = actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    assert (list(Invoice.objects.values()), run.revision) == (before, 1)
    factories.use(scene.account, scene.tariff, "1", "use/2")
    actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    assert sorted(Invoice.objects.values_list("number", "net")) == [
        ("INST-2026-00001", Decimal(120)),
        ("INST-2026-00002", Decimal(60)),
    ]


def test_the_database_itself_refuses_to_invoice_a_use_twice(scene: Scene) -> None:
    factories.use(scene.account, scene.tariff)
    line = factories.invoice(scene.issuer).lines.get()
    line.pk, line.order = None, 2
    line._state.adding = True
    with pytest.raises(IntegrityError), transaction.atomic(), acting():
        line.save()
    assert InvoiceLine.objects.count() == 1


def test_a_payer_without_registration_number_is_told_and_the_others_go_out(scene: Scene) -> None:
    nobody = factories.customer("bez", registration_number="", vat_number="")
    factories.use(factories.account(scene.issuer, nobody, "bez"), scene.tariff)
    factories.use(scene.account, scene.tariff)
    run = actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    assert [each["why"] for each in run.left_out] == [
        "SIA Paraugs bez has no registration number; an invoice must carry it. Add it to the customer."
    ]
    assert run.invoices.count() == 1
    actions.edit_customer(nobody, by=SYSTEM, registration_number=factories.register_number(777))
    run = actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    assert (run.left_out, run.invoices.count()) == ([], 2)


def test_a_closed_month_takes_nothing_more(scene: Scene) -> None:
    factories.use(scene.account, scene.tariff, final=False)
    actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    with pytest.raises(Invalid, match="0 uses of 2026-09 are not invoiced and 1 are not settled"):
        actions.close_month(scene.issuer, by=SYSTEM, month="2026-09")
    actions.cancel_charges(scene.account, by=SYSTEM, key="use/1", reason="Atcelts")
    actions.close_month(scene.issuer, by=SYSTEM, month="2026-09")
    for verb in (
        lambda: factories.use(scene.account, scene.tariff, key="use/2"),
        lambda: actions.run_month(scene.issuer, by=SYSTEM, month="2026-09"),
        lambda: actions.close_month(scene.issuer, by=SYSTEM, month="2026-09"),
    ):
        with pytest.raises(Invalid, match="is closed since"):
            verb()
    factories.use(scene.account, scene.tariff, key="use/2", day=OCTOBER)


def test_an_invoice_is_sent_once_and_voided_only_before(scene: Scene) -> None:
    factories.use(scene.account, scene.tariff)
    first = factories.invoice(scene.issuer)
    actions.void_invoice(first, by=SYSTEM, reason="Nepareizs pasūtījums")
    actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    second = Invoice.objects.get(sequence=2)
    actions.send_invoice(second, by=SYSTEM, channel="peppol")
    with pytest.raises(Invalid, match="it is not sent twice"):
        actions.send_invoice(second, by=SYSTEM, channel="e-mail")
    with pytest.raises(Invalid, match="a credit note corrects it"):
        actions.void_invoice(second, by=SYSTEM, reason="Par vēlu")
    assert queries.gaps(scene.issuer, 2026) == []


def test_a_budget_institution_gets_structured_invoices_only(scene: Scene) -> None:
    actions.edit_customer(scene.customer, by=SYSTEM, budget_institution=True)
    factories.use(scene.account, scene.tariff)
    invoice = factories.invoice(scene.issuer)
    with pytest.raises(Invalid, match="structured e-invoices only"):
        actions.send_invoice(invoice, by=SYSTEM, channel="e-mail")
    assert actions.send_invoice(invoice, by=SYSTEM, channel="e-adrese").state == "sent"


def test_money_is_counted_down_and_never_below_nothing(scene: Scene) -> None:
    factories.use(scene.account, scene.tariff)  # 145.20
    invoice = factories.invoice(scene.issuer)
    with pytest.raises(Invalid, match="is not late"):
        actions.remind(invoice, by=SYSTEM, on=date(2026, 10, 31))
    assert actions.remind(invoice, by=SYSTEM, on=date(2026, 11, 1)).open_amount == Decimal("145.20")
    with pytest.raises(Invalid, match="wait a week"):
        actions.remind(invoice, by=SYSTEM, on=date(2026, 11, 7))
    actions.take_payment(invoice, by=SYSTEM, amount=Decimal("45.20"), paid_on=OCTOBER, reference="b/1")
    actions.credit_invoice(invoice, by=SYSTEM, reason="Atlaide", lines={1: Decimal(20)})
    assert queries.open_amount(invoice) == Decimal("75.80")  # 145.20 less 45.20 less 20 and its 21 %
    with pytest.raises(Invalid, match=r"75\.80 EUR are open"):
        actions.take_payment(invoice, by=SYSTEM, amount=Decimal(76), paid_on=OCTOBER, reference="b/2")
    with pytest.raises(Invalid, match=r"at most 100\.00 EUR"):
        actions.credit_invoice(invoice, by=SYSTEM, reason="Vēl", lines={1: Decimal("100.01")})


def test_the_journal_balances_and_hands_nothing_over_twice(scene: Scene) -> None:
    actions.prepay(scene.account, by=SYSTEM, amount=Decimal(50), paid_on=date(2026, 8, 1), reference="p/1")
    factories.use(scene.account, scene.tariff)
    factories.use(scene.account, scene.tariff, "3", "use/2", activity="collaboration")
    invoice = factories.invoice(scene.issuer)
    actions.credit_invoice(invoice, by=SYSTEM, reason="Daļa", lines={1: Decimal(10)}, issued_on=OCTOBER)
    actions.take_payment(invoice, by=SYSTEM, amount=Decimal(30), paid_on=OCTOBER, reference="=b/1")
    rows = [
        line.split(";")
        for line in actions.export_journal(scene.issuer, by=SYSTEM).content.split("\r\n")[1:-1]
    ]
    debit, credit = (sum(Decimal(row[column]) for row in rows) for column in (3, 4))
    assert debit == credit > 0
    receivable = sum(Decimal(row[3]) - Decimal(row[4]) for row in rows if row[2] == "2310")
    assert receivable == queries.open_amount(invoice)
    assert "'=b/1" in {row[6] for row in rows}
    with pytest.raises(Invalid, match="already"):
        actions.export_journal(scene.issuer, by=SYSTEM)


def test_an_invoice_is_a_pdf_that_says_its_number_and_sum(scene: Scene) -> None:
    from talka.billing import papers  # noqa: PLC0415 -- loads the typesetter

    factories.use(scene.account, scene.tariff)
    assert papers.invoice(factories.invoice(scene.issuer))[:5] == b"%PDF-"


# ---------------------------------------------------------------- de minimis


def aid(scene: Scene, on: date, amount: str, source: str, who: Any = None) -> AidGrant:
    return actions.grant_aid(
        who or scene.customer, by=SYSTEM, grantor=scene.issuer.organisation, granted_on=on, amount=Decimal(amount),
        purpose="Atlaide", source=source,
    )  # fmt: skip


@pytest.mark.parametrize(("first", "fits"), [(date(2021, 1, 17), True), (date(2021, 1, 18), False)])
def test_a_grant_looks_back_three_years_inclusive(scene: Scene, first: date, fits: bool) -> None:
    """The example of the Ministry of Finance: aid on 18.01.2024 counts from 18.01.2021 inclusive."""
    aid(scene, first, "200000", "a")
    if fits:
        aid(scene, date(2024, 1, 18), "100000.01", "b")
    else:
        with pytest.raises(Invalid, match=r"300000\.01 EUR in the three years until 2024-01-18"):
            aid(scene, date(2024, 1, 18), "100000.01", "b")
        aid(scene, date(2024, 1, 18), "100000.00", "b")
    assert queries.room(scene.customer, date(2024, 1, 18)).since == date(2021, 1, 18)


def test_aid_entered_late_counts_in_the_windows_of_later_grants(scene: Scene) -> None:
    aid(scene, date(2026, 6, 1), "250000", "a")
    with pytest.raises(Invalid, match="until 2026-06-01"):
        aid(scene, date(2024, 6, 1), "50000.01", "b")
    aid(scene, date(2023, 5, 31), "50000.01", "c")  # a day too early to meet it


def test_whoever_is_linked_shares_the_ceiling_while_linked(scene: Scene) -> None:
    mother, daughter, granddaughter = (
        scene.customer,
        factories.customer("meita"),
        factories.customer("mazmeita"),
    )
    for above, below in ((mother, daughter), (daughter, granddaughter)):
        actions.link_undertakings(
            above,
            by=SYSTEM,
            controlled=below,
            ground="votes",
            starts=date(2026, 1, 1),
            ends=date(2026, 12, 31),
        )
    aid(scene, date(2026, 3, 1), "200000", "a", mother)
    with pytest.raises(Invalid, match="ceiling"):
        aid(scene, date(2026, 4, 1), "100000.01", "b", granddaughter)
    aid(scene, date(2027, 1, 1), "100000.01", "b", granddaughter)


def test_a_day_without_a_rule_decides_nothing(scene: Scene) -> None:
    with pytest.raises(dated.NoRule, match="2031-01-01"):
        aid(scene, date(2031, 1, 1), "1", "a")


def test_the_discount_of_a_start_up_is_aid_that_follows_its_use(scene: Scene) -> None:
    actions.declare_start_up(
        scene.customer, by=SYSTEM, registered_on=date(2025, 1, 1), small=True, unlisted=True,
        declared_on=date(2025, 2, 1),
    )  # fmt: skip
    (row,) = factories.use(scene.account, scene.tariff, "2", final=False)
    grant = AidGrant.objects.get()
    assert (row.subsidy, row.pays, grant.amount) == (
        Decimal(30),
        Decimal(90),
        Decimal(30),
    )  # 60 and 45 an hour
    actions.settle_charges(
        scene.account, by=SYSTEM, key="use/1", quantities={"": Decimal(1)}, reason="Beidza agrāk"
    )
    assert AidGrant.objects.get().amount == Decimal(15)
    actions.cancel_charges(scene.account, by=SYSTEM, key="use/1", reason="Iekārta nestrādāja")
    assert AidGrant.objects.get().state == "revoked"
    aid(scene, queries.today(), "299990", "b")
    with pytest.raises(Invalid, match="full price"):
        factories.use(scene.account, scene.tariff, "1", "use/2", final=False)
    assert Charge.objects.filter(key="use/2").count() == 0


def test_use_that_is_not_economic_is_subsidised_but_no_aid(scene: Scene) -> None:
    actions.set_standing(scene.customer, by=SYSTEM, price_class="public_research", starts=date(2026, 1, 1))
    (row,) = factories.use(scene.account, scene.tariff, "2", activity="collaboration")
    assert (row.price, row.subsidy, row.pays, row.aid) == (Decimal(85), Decimal(25), Decimal(60), None)


# ---------------------------------------------------------------- numbers for the strategy


def test_income_external_share_and_start_ups_served(scene: Scene) -> None:
    """billing.income, billing.external_income_share, billing.start_ups_served"""
    names = ("billing.income", "billing.external_income_share", "billing.start_ups_served")
    year = Period.year(2026)
    assert [indicators.read(name, scene.eco, year).value for name in names] == [None, None, None]
    own = factories.customer("sava", organisation=scene.issuer.organisation)
    actions.declare_start_up(
        scene.customer, by=SYSTEM, registered_on=date(2025, 1, 1), small=True, unlisted=True,
        declared_on=date(2025, 2, 1),
    )  # fmt: skip
    payer = queries.accounts(scene.eco).get(pk=scene.account.pk)
    factories.use(payer, scene.tariff, "2")  # 90
    factories.use(
        factories.account(scene.issuer, own, "sava"), scene.tariff, "3", activity="own_research"
    )  # 30
    actions.run_month(scene.issuer, by=SYSTEM, month="2026-09", issued_on=OCTOBER)
    assert [indicators.read(name, scene.eco, year).value for name in names] == [
        Decimal(120),
        Decimal("75.0"),
        1,
    ]
    invoice = Invoice.objects.get(account=scene.account)
    actions.credit_invoice(invoice, by=SYSTEM, reason="Daļa", lines={1: Decimal(45)}, issued_on=OCTOBER)
    assert indicators.read("billing.income", scene.eco, year).value == Decimal(75)
