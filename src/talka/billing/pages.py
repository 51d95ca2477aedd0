"""Pages: what is invoiced and open, an invoice, accounts, prices and what they recover, the aid of an undertaking."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Prefetch, Q, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext
from django.views.decorators.http import require_POST

from talka.billing import actions, papers, queries, rules, sums
from talka.billing.forms import (
    AccountForm,
    EmptyForm,
    MonthForm,
    PaymentForm,
    ReasonForm,
    SendForm,
    VersionForm,
)
from talka.billing.models import (
    AidGrant,
    AidState,
    BillingRun,
    ChargeState,
    Customer,
    Invoice,
    InvoiceDocument,
    InvoiceState,
    PriceClass,
    TariffVersion,
    VersionState,
)
from talka.core.actions import Invalid, Refused
from talka.core.forms import VerbForm, answer_status
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.ui import charts

PAGE = 50
TONES = {
    InvoiceState.ISSUED: "warning",
    InvoiceState.SENT: "good",
    InvoiceState.VOID: "neutral",
    ChargeState.ESTIMATED: "info",
    ChargeState.FINAL: "good",
    ChargeState.CANCELLED: "neutral",
}


# ---------------------------------------------------------------- invoices


def billing(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The invoices that the reader may see: how much is open, and which are late?"""
    eco = domains.enter(request, ecosystem)
    who = _signed_in(request)
    today = queries.today()
    mine = list(queries.issuers_of(eco, who))
    seen = queries.invoices_seen(eco, who)
    if request.GET.get("issuer"):
        seen = seen.filter(issuer__code=request.GET["issuer"])
    counts = queries.counts_by_state(seen)
    state = request.GET.get("state", "")
    rows = seen.filter(state=state) if state in InvoiceState.values else seen
    standing = [
        (row, queries.open_of(row))
        for row in queries.with_open(seen.filter(due_on__gte=today - timedelta(days=1100), kind_of="380"))
        .exclude(state=InvoiceState.VOID)
        .only("kind_of", "state", "payable", "due_on")
        .select_related(None)
    ]
    page = Paginator(queries.with_open(rows).order_by("-issued_on", "-pk"), PAGE).get_page(
        request.GET.get("page")
    )
    runs = (
        BillingRun.objects.filter(issuer__in=mine).select_related("issuer").order_by("-month", "issuer")[:6]
    )
    return render(
        request,
        "billing/billing.html",
        {
            "title": _("Invoices"),
            "lead": _("What was used and invoiced, and what is still to be paid"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Invoices"), "")],
            "sections": _sections(eco, "billing", who),
            "open": sum((left for _row, left in standing), queries.ZERO),
            "late": sum((left for row, left in standing if today > row.due_on), queries.ZERO),
            "late_count": sum(1 for row, left in standing if left and today > row.due_on),
            "count": sum(counts.values()),
            "tabs": _tabs(counts, state),
            "page": page,
            "rows": [_listed(row, today) for row in page],
            "issuers": mine,
            "runs": list(runs),
            "last_month": f"{today.replace(day=1) - timedelta(days=1):%Y-%m}",
            "form": MonthForm(initial={"month": f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"}),
        },
    )


def _listed(row: Any, today: date) -> dict[str, Any]:
    """A row of the list: the invoice, what is open of it, and how it stands in two words."""
    left = queries.open_of(row)
    if row.state == InvoiceState.VOID or row.is_credit:
        words, tone = row.get_state_display(), TONES[InvoiceState(row.state)]
    elif not left:
        words, tone = pgettext("invoice", "paid"), "good"
    elif today > row.due_on:
        words, tone = pgettext("invoice", "late"), "bad"
    else:
        words, tone = row.get_state_display(), TONES[InvoiceState(row.state)]
    return {"row": row, "open": left, "words": words, "tone": tone}


def _tabs(counts: Mapping[str, int], chosen: str) -> list[dict[str, Any]]:
    tabs: list[dict[str, Any]] = [
        {"value": "", "label": _("All"), "count": sum(counts.values()), "active": chosen not in counts}
    ]
    return tabs + [
        {
            "value": state.value,
            "label": capfirst(str(state.label)),
            "count": counts[state],
            "active": chosen == state,
        }
        for state in InvoiceState
        if counts.get(state)
    ]


@require_POST
def run(request: HttpRequest, ecosystem: str, issuer: str) -> HttpResponse:
    """Invoice a month, or close it."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.issuers(eco), code=issuer)
    form = MonthForm(request.POST)
    closing = request.POST.get("step") == "close"
    verb: Any = actions.close_month if closing else actions.run_month
    if _carried_out(request, form, verb, row) and not closing:
        done = form.result
        messages.success(
            request,
            _("The month %(month)s has %(count)d invoices.")
            % {"month": done.month, "count": done.invoices.count()},
        )
        for each in done.left_out[:10]:
            messages.warning(request, f"{each['account']}: {each['why']}")
    elif closing and form.result:
        messages.success(request, _("The month is closed."))
    return redirect("billing", eco.code)


@require_POST
def journal(request: HttpRequest, ecosystem: str, issuer: str) -> HttpResponse:
    """Hand to the ledger what it did not get yet, as a file."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.issuers(eco), code=issuer)
    form = EmptyForm(request.POST)
    if not _carried_out(request, form, actions.export_journal, row):
        return redirect("billing", eco.code)
    made = form.result
    return _file(made.content.encode(), f"{row.code}-{made.number:04}.csv", "text/csv; charset=utf-8")


def invoice(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """An invoice: what is to be paid for what, what became of it, and how to act."""
    eco = domains.enter(request, ecosystem)
    who = _signed_in(request)
    row = _invoice(eco, who, pk)
    left = queries.open_of(row)
    today = queries.today()
    lines = list(row.lines.all())
    may = rules.may_invoice(who, row)
    live = row.state != InvoiceState.VOID
    return render(
        request,
        "billing/invoice.html",
        {
            "title": row.number,
            "kicker": capfirst(str(row.get_kind_of_display())),
            "breadcrumbs": _trail(eco, (row.number, "")),
            "row": row,
            "listed": _listed(row, today),
            "open": left,
            "lines": lines,
            "subsidy": sum((line.subsidy for line in lines), queries.ZERO),
            "taxes": sums.taxes(lines),
            "payments": list(row.payments.all()),
            "reminders": list(row.reminders.all()),
            "notes": list(row.credit_notes.all()),
            "document": row.document if hasattr(row, "document") else None,
            "may": may,
            "may_send": may and row.state == InvoiceState.ISSUED,
            "may_void": may and row.state == InvoiceState.ISSUED and not row.journal_id,
            "may_credit": may and live and not row.is_credit,
            "may_pay": may and left > 0,
            "may_remind": may and left > 0 and today > row.due_on,
            "send": SendForm(auto_id="send_%s"),
            "reason": ReasonForm(auto_id="void_%s"),
            "why": ReasonForm(auto_id="credit_%s"),
            "pay": PaymentForm(auto_id="pay_%s", initial={"amount": left, "paid_on": today}),
        },
    )


def _invoice(eco: Ecosystem, who: Any, pk: int) -> Any:
    """An invoice that the reader may see, with all that its page shows. Raises Http404."""
    rows = queries.with_open(queries.invoices_seen(eco, who)).prefetch_related(
        "lines",
        "payments",
        "reminders",
        Prefetch("credit_notes", Invoice.objects.select_related("issuer__ecosystem")),
    )
    return get_object_or_404(rows.select_related("document", "journal"), pk=pk)


def invoice_file(request: HttpRequest, ecosystem: str, pk: int, ending: str) -> HttpResponse:
    """An invoice as PDF, or as the e-invoice that was made when it was issued."""
    eco = domains.enter(request, ecosystem)
    row = _invoice(eco, _signed_in(request), pk)
    if ending == "pdf":
        return _file(papers.invoice(row), f"{row.number}.pdf", "application/pdf")
    document = InvoiceDocument.objects.filter(invoice=row).first() if ending == "xml" else None
    if document is None:
        raise Http404(_("There is no such file: an invoice is there as pdf and, where it has one, as xml."))
    return _file(document.xml.encode(), f"{row.number}.xml", "application/xml")


STEPS: dict[str, tuple[Any, type[VerbForm], Any]] = {
    "send": (actions.send_invoice, SendForm, gettext_lazy("Noted as sent.")),
    "void": (actions.void_invoice, ReasonForm, gettext_lazy("The invoice is void; its number stays used.")),
    "credit": (actions.credit_invoice, ReasonForm, gettext_lazy("The credit note is issued.")),
    "pay": (actions.take_payment, PaymentForm, gettext_lazy("The payment is noted.")),
    "remind": (actions.remind, EmptyForm, gettext_lazy("The reminder is noted.")),
}


@require_POST
def step(request: HttpRequest, ecosystem: str, pk: int, step: str) -> HttpResponse:
    """Send, void, credit or remind of an invoice, or note a payment."""
    eco = domains.enter(request, ecosystem)
    row = _invoice(eco, _signed_in(request), pk)
    if step not in STEPS:
        raise Http404(_("There is no such step."))
    verb, kind, said = STEPS[step]
    if _carried_out(request, kind(request.POST), verb, row):
        messages.success(request, str(said))
    return redirect(row)


# ---------------------------------------------------------------- accounts


def accounts(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The payer accounts that the reader may see: how much is used and left of each?"""
    eco = domains.enter(request, ecosystem)
    who = _signed_in(request)
    seen = queries.with_spent(queries.accounts_seen(eco, who))
    page = Paginator(seen.order_by("closed", "issuer__code", "code"), PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "billing/accounts.html",
        {
            "title": _("Payer accounts"),
            "lead": _("On whose cost uses go, within which dates and cap"),
            "breadcrumbs": _trail(eco, (_("Payer accounts"), "")),
            "sections": _sections(eco, "billing-accounts", who),
            "page": page,
            "count": page.paginator.count,
            "waiting": sum((_used(row)[2] for row in page), queries.ZERO),
            "rows": [(row, *_used(row)) for row in page],
            "issuers": list(queries.issuers_of(eco, who)),
        },
    )


def _used(row: Any) -> tuple[Decimal, Decimal | None, Decimal]:
    """What is used of an account, what is left of its cap (None: it has none), what waits to be invoiced."""
    spent, waiting = sums.cents(Decimal(row.spent)), sums.cents(Decimal(row.waiting))
    return spent, None if row.cap is None else row.cap - spent, waiting


def account(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """An account: what was used on it, by whom, what was paid ahead, what is left?"""
    eco = domains.enter(request, ecosystem)
    who = _signed_in(request)
    row = get_object_or_404(queries.with_spent(queries.accounts_seen(eco, who)), pk=pk)
    spent, left, waiting = _used(row)
    page = Paginator(queries.charges(row).prefetch_related("lines"), PAGE).get_page(request.GET.get("page"))
    today = queries.today()
    return render(
        request,
        "billing/account.html",
        {
            "title": row.title,
            "kicker": str(row.customer),
            "breadcrumbs": _trail(
                eco, (_("Payer accounts"), reverse("billing-accounts", args=[eco.code])), (row.code, "")
            ),
            "row": row,
            "spent": spent,
            "left": left,
            "waiting": waiting,
            "class": queries.class_of(row.customer, row.issuer, today).label,
            "page": page,
            "charges": [(each, TONES[ChargeState(each.state)]) for each in page],
            "balances": queries.money_balances(row, today),
            "packages": list(row.credits.filter(kind_of="package").select_related("tariff")),
            "shares": list(row.shares.select_related("pays__issuer__ecosystem")),
            "users": list(row.users.select_related("user__person")),
            "invoices": list(row.invoices.select_related("issuer__ecosystem").order_by("-pk")[:12]),
            "may": rules.may_keep_accounts(who, row),
        },
    )


def add_account(request: HttpRequest, ecosystem: str, issuer: str) -> HttpResponse:
    """Open an account."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.issuers(eco), code=issuer)
    _require(rules.may_keep_accounts, request, row, actions.open_account)
    form = AccountForm(request.POST or None, initial={"starts": queries.today()})
    if request.method == "POST" and form.carry_out(actions.open_account, row, by=request.user):
        messages.success(request, _("Added."))
        return redirect(form.result)
    back = reverse("billing-accounts", args=[eco.code])
    return _form(request, eco, form, title=_("Open an account"), cancel=back)


def edit_account(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Change or close an account."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.accounts_seen(eco, _signed_in(request)), pk=pk)
    _require(rules.may_keep_accounts, request, row, actions.edit_account)
    form = AccountForm(request.POST or None, subject=row)
    if request.method == "POST" and form.carry_out(actions.edit_account, row, by=request.user):
        messages.success(request, _("Saved."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("Edit the account"), cancel=row.get_absolute_url())


# ---------------------------------------------------------------- prices


def prices(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The price list, for everybody: what does it cost, and for whom, and since when?"""
    eco = domains.enter(request, ecosystem)
    who = asker(request)
    page = Paginator(queries.published_prices(eco, queries.today()), PAGE).get_page(request.GET.get("page"))
    classes = list(PriceClass)
    return render(
        request,
        "billing/prices.html",
        {
            "title": _("Prices"),
            "lead": _("What the open infrastructure costs, in EUR without VAT, by who uses it"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Prices"), "")],
            "sections": _sections(eco, "prices", who),
            "page": page,
            "count": page.paginator.count,
            "classes": [capfirst(str(each.label)) for each in classes],
            "rows": [_priced(row, classes) for row in page],
        },
    )


def _priced(row: Any, classes: list[PriceClass]) -> tuple[Any, Any, list[Decimal | None]]:
    """A price with its version in force, and what each class pays for the first unit outside any band."""
    version = row.valid[0] if row.valid else None
    rates = (
        {}
        if version is None
        else {r.price_class: r.amount for r in version.rates.all() if not (r.band or r.since)}
    )
    return row, version, [rates.get(each) for each in classes]


def tariff(request: HttpRequest, ecosystem: str, issuer: str, code: str) -> HttpResponse:
    """A price: what it rests on, how it changed, and how much of the cost it recovers.

    Two versions are compared: the one looked at (a draft first, if the reader may see it), and the one before.
    """
    eco = domains.enter(request, ecosystem)
    who = asker(request)
    row = get_object_or_404(queries.tariffs(eco), issuer__code=issuer, code=code)
    may = rules.may_price(who, row)
    known = [each for each in queries.versions(row) if may or each.state == VersionState.PUBLISHED]
    for each in known:
        each.tariff = row
    wanted = request.GET.get("version", "")
    version = next((each for each in known if str(each.number) == wanted), known[0] if known else None)
    before = next((each for each in known if version and each.number < version.number), None)
    today = queries.today()
    used = queries.uses(row, queries.years_before(today, 1), today) if may else []
    recovered = (
        [queries.recovery(each, used) for each in (version, before) if each is not None] if may else []
    )
    return render(
        request,
        "billing/tariff.html",
        {
            "title": str(row),
            "kicker": str(row.issuer),
            "breadcrumbs": [
                (str(eco), eco.get_absolute_url()),
                (_("Prices"), reverse("prices", args=[eco.code])),
                (str(row), ""),
            ],
            "row": row,
            "version": version,
            "before": before,
            "versions": known,
            "rates": _compared(version, before),
            "costs": list(version.costs.all()) if version and may else [],
            "bands": list(version.bands.all()) if version else [],
            "recovered": recovered[0] if recovered else None,
            "recovered_before": recovered[1] if len(recovered) > 1 else None,
            "chart": _recovery_chart(recovered),
            "may": may,
            "draft": next((each for each in known if each.state == VersionState.DRAFT), None),
        },
    )


def _compared(version: TariffVersion | None, before: TariffVersion | None) -> list[dict[str, Any]]:
    """The rates of a version beside those of the one before it."""
    if version is None:
        return []
    old = {(r.price_class, r.band, r.since): r.amount for r in before.rates.all()} if before else {}
    order = list(PriceClass.values)
    found = []
    for rate in sorted(version.rates.all(), key=lambda r: (order.index(r.price_class), r.band, r.since)):
        was = old.get((rate.price_class, rate.band, rate.since))
        cost = version.cost_rate
        found.append(
            {
                "rate": rate,
                "was": was,
                "change": float((rate.amount - was) / was) if was else None,
                "recovers": float(rate.amount / cost) if cost else None,
            }
        )
    return found


def _recovery_chart(recovered: list[queries.Recovery]) -> charts.Figure | None:
    """The year's cost beside what its uses would bring in at each version's prices; None where nothing was used."""
    if not recovered or not recovered[0].quantity or not recovered[0].cost:
        return None
    bars = [charts.Bar(_("Cost of a year"), float(recovered[0].cost), tone="neutral")]
    bars += [
        charts.Bar(
            _("Income at version %(number)d") % {"number": each.version.number},
            float(each.income),
            tone="good" if each.income >= each.cost else "warning",
        )
        for each in recovered
    ]
    return charts.bars(bars, title=_("What this rate does to cost recovery"), unit="EUR")


def draft(request: HttpRequest, ecosystem: str, issuer: str, code: str) -> HttpResponse:
    """Draft new prices, or change the draft."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.tariffs(eco), issuer__code=issuer, code=code)
    _require(rules.may_price, request, row, actions.draft_version)
    last = queries.versions(row).first()
    drafted = last if last is not None and last.state == VersionState.DRAFT else None
    form = VersionForm(request.POST or None, subject=drafted, shown=last)
    verb: Any = actions.edit_version if drafted else actions.draft_version
    if request.method == "POST" and form.carry_out(verb, drafted or row, by=request.user):
        messages.success(request, _("Saved as a draft. Look at what it does, then publish it."))
        return redirect(form.result)
    return _form(request, eco, form, title=_("New prices"), cancel=row.get_absolute_url(), kicker=str(row))


@require_POST
def publish(request: HttpRequest, ecosystem: str, issuer: str, code: str) -> HttpResponse:
    """Publish the draft."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.tariffs(eco), issuer__code=issuer, code=code)
    drafted = get_object_or_404(
        TariffVersion.objects.select_related("tariff__issuer"), tariff=row, state=VersionState.DRAFT
    )
    if _carried_out(request, EmptyForm(request.POST), actions.publish_version, drafted):
        messages.success(request, _("Published. From now on these prices never change."))
    return redirect(row)


# ---------------------------------------------------------------- aid


def aid(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """De minimis aid: who had how much, and what is not in the register yet?"""
    eco = domains.enter(request, ecosystem)
    _require(rules.may_aid, request, eco, actions.grant_aid)
    today = queries.today()
    since = queries.years_before(today, 3)
    grants = AidGrant.objects.filter(state=AidState.GRANTED, granted_on__range=(since, today))
    rows = (
        Customer.objects.filter(aid__in=grants)
        .annotate(had=Sum("aid__amount", filter=_granted(since, today)))
        .order_by("-had", "legal_name")
        .distinct()
    )
    page = Paginator(rows, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "billing/aid.html",
        {
            "title": _("De minimis aid"),
            "lead": _(
                "Aid of the last three years, by enterprise; a single undertaking may be several of them"
            ),
            "breadcrumbs": _trail(eco, (_("De minimis aid"), "")),
            "sections": _sections(eco, "aid", asker(request)),
            "page": page,
            "count": page.paginator.count,
            "rows": [(row, sums.cents(Decimal(row.had or 0))) for row in page],
            "unregistered": grants.filter(declared=False, registered_on=None).count(),
        },
    )


def _granted(since: date, until: date) -> Any:
    return Q(aid__state=AidState.GRANTED, aid__granted_on__range=(since, until))


def undertaking(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """The aid of a single undertaking: how much may it still have?"""
    eco = domains.enter(request, ecosystem)
    who = _signed_in(request)
    row = _customer(who, code)
    room = queries.room(row, _day_of(request))
    ceiling = room.rule.value
    return render(
        request,
        "billing/undertaking.html",
        {
            "title": str(row),
            "kicker": _("De minimis aid"),
            "breadcrumbs": _trail(
                eco, (_("De minimis aid"), reverse("aid", args=[eco.code])), (str(row), "")
            ),
            "row": row,
            "room": room,
            "ceiling": ceiling,
            "used": room.used,
            "left": room.left,
            "members": room.members,
            "grants": room.grants,
            "sure": room.rule.is_sure,
            "day": room.on.isoformat(),
        },
    )


def _customer(who: Any, code: str) -> Customer:
    row = get_object_or_404(queries.customers(), code=code)
    if not rules.may_see_aid(who, row):
        raise Refused("billing.undertaking", who, needs=rules.may_see_aid)
    return row


def _day_of(request: HttpRequest) -> date:
    """The day that the address asks about, else today."""
    try:
        return date.fromisoformat(request.GET.get("on", ""))
    except ValueError:
        return queries.today()


def aid_statement(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """The statement of an undertaking's aid, as PDF."""
    domains.enter(request, ecosystem)
    row = _customer(_signed_in(request), code)
    room = queries.room(row, _day_of(request))
    return _file(papers.statement(room), f"de-minimis-{row.code}-{room.on}.pdf", "application/pdf")


def aid_register(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Grants of ours that are not in the register yet, as a CSV file."""
    eco = domains.enter(request, ecosystem)
    _require(rules.may_aid, request, eco, actions.register_aid)
    grants = AidGrant.objects.filter(state=AidState.GRANTED, declared=False, registered_on=None)
    text = papers.register(grants.select_related("customer", "grantor", "rule").order_by("granted_on", "pk"))
    return _file(text.encode(), "de-minimis.csv", "text/csv; charset=utf-8")


# ---------------------------------------------------------------- helpers


def _signed_in(request: HttpRequest) -> Any:
    """Whoever asks. The books are open to nobody who is not signed in."""
    who = asker(request)
    if who is None:
        raise Refused("billing.see", cast(Any, request.user), _("Sign in to see accounts and invoices."))
    return who


def _require(rule: Callable[..., bool], request: HttpRequest, subject: Any, verb: Any) -> None:
    if not rule(asker(request), subject):
        raise Refused(verb.verb, cast(Any, request.user), needs=rule)


def _carried_out(request: HttpRequest, form: VerbForm, verb: Any, subject: Any) -> bool:
    """Carries out what a button asks for; what is refused is told on the page that is shown next."""
    try:
        done = form.carry_out(verb, subject, by=_signed_in(request))
    except Invalid as error:
        messages.error(request, str(error))
        return False
    for error_text in (text for texts in form.errors.values() for text in texts):
        messages.error(request, str(error_text))
    return done


def _form(
    request: HttpRequest, eco: Ecosystem, form: Any, *, title: str, cancel: str, kicker: str = ""
) -> HttpResponse:
    context = {
        "title": title,
        "kicker": kicker,
        "form": form,
        "submit": _("Save"),
        "cancel": cancel,
        "breadcrumbs": _trail(eco, (title, "")),
    }
    return render(request, "ui/form_page.html", context, status=answer_status(form))


def _file(content: bytes, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(content, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _trail(eco: Ecosystem, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return [(str(eco), eco.get_absolute_url()), (_("Invoices"), reverse("billing", args=[eco.code])), *steps]


def _sections(eco: Ecosystem, here: str, who: Any) -> list[dict[str, Any]]:
    """The parts of the room that the reader may open."""
    names = [("prices", _("Prices"))]
    if who is not None:
        names += [("billing", _("Invoices")), ("billing-accounts", _("Payer accounts"))]
    if rules.may_aid(who, eco):
        names.append(("aid", _("De minimis aid")))
    return [
        {"url": reverse(name, args=[eco.code]), "label": label, "active": name == here}
        for name, label in names
    ]
