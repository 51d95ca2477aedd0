"""Forms that carry out the room's verbs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.billing import queries
from talka.billing.models import CostKind, PriceBasis, PriceClass, TariffVersion
from talka.core.forms import VerbForm
from talka.core.values import BadValue, decimal
from talka.ui.fields import NumberField


def _day(label: Any, *, required: bool = True, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        **options,
    )


def _line(label: Any, *, required: bool = False, max_length: int = 300, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=max_length, **options)


class MonthForm(VerbForm):
    """A month to invoice or to close."""

    month = forms.RegexField(
        r"^\d{4}-(?:0[1-9]|1[0-2])$",
        label=_("Month"),
        widget=forms.TextInput(attrs={"type": "month"}),
        error_messages={"invalid": _("Write the month as 2026-01.")},
    )


class ReasonForm(VerbForm):
    """Why an invoice is voided or credited."""

    reason = _line(_("Why"), required=True)


class SendForm(VerbForm):
    """How an invoice goes out."""

    channel = forms.ChoiceField(
        label=_("By"),
        choices=[
            ("peppol", "Peppol"),
            ("e-adrese", "e-Adrese"),
            ("e-mail", _("e-mail")),
            ("post", _("post")),
        ],
    )


class PaymentForm(VerbForm):
    """Money that came in."""

    amount = NumberField(label=_("Sum, EUR"))
    paid_on = _day(_("Paid on"))
    reference = _line(_("Payment reference"), required=True, max_length=120)


class EmptyForm(VerbForm):
    """A verb that asks for nothing more."""


class AccountForm(VerbForm):
    """A payer account."""

    customer = forms.ModelChoiceField(queries.customers(), label=_("Customer"))
    code = forms.SlugField(label=_("Code"), max_length=80)
    title = _line(_("What it is for"), required=True)
    project = _line(_("Project or cost centre"), max_length=120)
    buyer_reference = _line(
        _("Buyer's reference"),
        max_length=120,
        help_text=_("What the customer asks to see on its invoices; otherwise the project, or the code."),
    )
    order_reference = _line(_("Purchase order"), max_length=120)
    starts = _day(_("From"))
    ends = _day(_("Until"), required=False)
    cap = NumberField(label=_("Most that may be spent, EUR without VAT"), required=False)
    closed = forms.BooleanField(label=_("Closed: nothing more goes on it"), required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["customer"].queryset = queries.customers()  # type: ignore[attr-defined]
        if self.subject is not None:
            for name in self.fields.keys() - {"seen"}:
                self.initial.setdefault(name, getattr(self.subject, name))


COST_HELP = _(
    "One a line: kind; what; EUR a year; EUR with each unit; where the number is from. Kinds: %(kinds)s."
)


class VersionForm(VerbForm):
    """New prices: from when, what a year costs, how much can be used, and what each class pays.

    Rates of a time band or from a quantity on are kept as they are.
    """

    valid_from = _day(_("Valid from"))
    capacity = NumberField(label=_("Units a year that can be used"), required=False)
    minimum = NumberField(label=_("Least that is charged"), required=False)
    step = NumberField(label=_("Charged in steps of"), required=False)
    costs = forms.CharField(
        label=_("Full cost"), required=False, widget=forms.Textarea(attrs={"rows": 6}), max_length=10000
    )
    note = _line(_("What changed and why"), max_length=500)

    def __init__(self, *args: Any, shown: TariffVersion | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        kinds = ", ".join(CostKind.values)
        self.fields["costs"].help_text = gettext(str(COST_HELP)) % {"kinds": kinds}
        self.kept: list[Mapping[str, Any]] = []
        general: dict[str, Any] = {}
        if shown is not None:
            for name in ("capacity", "minimum", "step"):
                self.initial.setdefault(name, getattr(shown, name))
            self.initial.setdefault("costs", "\n".join(_cost(line) for line in shown.costs.all()))
            for rate in shown.rates.all():
                if rate.band or rate.since:
                    names = ("price_class", "band", "since", "amount", "basis", "margin", "evidence")
                    self.kept.append({name: getattr(rate, name) for name in names})
                else:
                    general[rate.price_class] = rate
            if shown.state == "draft":
                self.initial.setdefault("valid_from", shown.valid_from)
                self.initial.setdefault("note", shown.note)
        for price_class in PriceClass:
            kept = general.get(price_class)
            label = {"who": price_class.label}
            self.fields[f"amount_{price_class}"] = NumberField(
                label=gettext("EUR a unit: %(who)s") % label, required=False
            )
            self.fields[f"basis_{price_class}"] = forms.ChoiceField(
                label=gettext("What it rests on: %(who)s") % label, choices=PriceBasis, required=False
            )
            self.fields[f"margin_{price_class}"] = NumberField(
                label=gettext("Margin, %%: %(who)s") % label, required=False
            )
            self.fields[f"evidence_{price_class}"] = _line(
                gettext("Evidence: %(who)s") % label, max_length=500
            )
            if kept is not None:
                for name in ("amount", "basis", "margin", "evidence"):
                    self.initial.setdefault(f"{name}_{price_class}", getattr(kept, name))

    def clean_costs(self) -> list[dict[str, Any]]:
        """The lines of cost as plain values."""
        found = []
        for number, line in enumerate(self.cleaned_data["costs"].splitlines(), 1):
            if not line.strip():
                continue
            cells = [*(cell.strip() for cell in line.split(";")), "", "", "", "", ""][:5]
            if cells[0] not in CostKind.values or not cells[1]:
                raise forms.ValidationError(
                    gettext(
                        "Line %(number)d: begin with a kind (%(kinds)s) and what it is, parted by semicolons."
                    )
                    % {"number": number, "kinds": ", ".join(CostKind.values)}
                )
            try:
                yearly, each = (decimal(cell) if cell else Decimal(0) for cell in cells[2:4])
            except BadValue as error:
                raise forms.ValidationError(f"{number}: {error.words('lv')}") from None
            found.append(
                {"kind_of": cells[0], "title": cells[1], "yearly": yearly, "each": each, "evidence": cells[4]}
            )
        return found

    def values(self) -> dict[str, Any]:
        """What the verb takes: columns, and the lists of costs and rates."""
        given = super().values()
        rates = list(self.kept)
        for price_class in PriceClass:
            amount, basis, margin, evidence = (
                given.pop(f"{name}_{price_class}") for name in ("amount", "basis", "margin", "evidence")
            )
            if amount is not None:
                row = {"price_class": price_class, "amount": amount, "basis": basis or PriceBasis.SUBSIDISED}
                rates.append({**row, "margin": margin, "evidence": evidence})
        zero = {name: given[name] or Decimal(0) for name in ("capacity", "minimum", "step")}
        return {**given, **zero, "rates": rates}


def _cost(line: Any) -> str:
    numbers = (f"{each.normalize():f}" if each else "" for each in (line.yearly, line.each))
    return "; ".join([line.kind_of, line.title, *numbers, line.evidence]).rstrip("; ")
