"""Forms that carry out the room's verbs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.forms import VerbForm
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.network import queries as network
from talka.parties import queries as parties
from talka.parties.models import Organisation
from talka.plan.models import FundingSource
from talka.portfolio import queries
from talka.portfolio.models import Comparison, Kpi, PartnershipKind, ProjectKind, ProjectStatus
from talka.ui.fields import FilesField, NumberField, PeriodField, WhenField


def _line(label: Any, *, required: bool = False, max_length: int = 500, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=max_length, **options)


def _text(label: Any, *, lines: int = 3, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=False, widget=forms.Textarea(attrs={"rows": lines}), **options
    )


def _one(label: Any, **options: Any) -> forms.ModelChoiceField[Any]:
    return forms.ModelChoiceField(Organisation.objects.none(), label=label, required=False, **options)


def _some(label: Any, *, boxes: bool = False, **options: Any) -> forms.ModelMultipleChoiceField[Any]:
    """Several rows: boxes to tick where they are few, a list to choose in where they are many."""
    widget = forms.CheckboxSelectMultiple() if boxes else forms.SelectMultiple(attrs={"size": 8})
    return forms.ModelMultipleChoiceField(
        Organisation.objects.none(), label=label, required=False, widget=widget, **options
    )


CODE_HELP = _("Stands in the page's address: small letters and hyphens.")


class RowForm(VerbForm):
    """A form about one row: it begins with what the row says, and offers the rows it may point to."""

    def __init__(self, *args: Any, ecosystem: Ecosystem, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, rows in self.offers(ecosystem).items():
            self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a field that chooses among rows
        if self.subject is not None:
            for name in self.fields.keys() - {"seen"}:
                value = getattr(self.subject, name)
                self.initial.setdefault(name, [row.pk for row in value] if isinstance(value, list) else value)

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        """The rows to choose from, by field."""
        return {}

    def values(self) -> dict[str, Any]:
        """Chosen rows as plain lists. Those that were chosen before keep their order, new ones follow."""
        found = super().values()
        for name, value in found.items():
            if isinstance(self.fields[name], forms.ModelMultipleChoiceField):
                before = [row.pk for row in getattr(self.subject, name, [])]
                found[name] = sorted(
                    value, key=lambda row: before.index(row.pk) if row.pk in before else len(before)
                )
        return found


class ProjectForm(RowForm):
    """A project with its institutions, niches and sources of funding."""

    title_lv = _line(_("Title in Latvian"), required=True)
    title_en = _line(_("Title in English"))
    code = forms.SlugField(label=_("Code"), max_length=80, help_text=CODE_HELP)
    kind_of = forms.ChoiceField(label=_("Kind"), choices=ProjectKind)
    status = forms.ChoiceField(label=_("Status"), choices=ProjectStatus)
    summary_lv = _text(_("What it is about, in Latvian"))
    summary_en = _text(_("What it is about, in English"))
    starts = WhenField(
        label=_("Start"), required=False, help_text=_("For example 2023, 2023-Q2 or 30.06.2023.")
    )
    ends = WhenField(label=_("End"), required=False)
    lead = _one(_("Lead partner"))
    partners = _some(_("Partners"))
    responsible = _some(_("Responsible institutions"))
    involved = _some(_("Involved institutions"))
    programme = _line(_("Programme"), max_length=300)
    funding_sources = _some(_("Funding sources"), boxes=True)
    funding_lv = _text(
        _("Funding as described, in Latvian"),
        help_text=_(
            "A sentence that begins with “if” is shown by itself: what happens when the money is refused."
        ),
    )
    funding_en = _text(_("Funding as described, in English"))
    results_lv = _text(_("Results in Latvian, one a line"), lines=4)
    results_en = _text(_("Results in English, one a line"), lines=4)
    priority = _one(_("Priority that it serves"))
    niches = _some(_("Niches"), boxes=True)
    note = _text(_("Note"))
    source = _line(_("Source"))

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        organisations = parties.organisations()
        return {
            **dict.fromkeys(("lead", "partners", "responsible", "involved"), organisations),
            "funding_sources": FundingSource.objects.all(),
            "priority": queries.priorities(ecosystem),
            "niches": network.niches(ecosystem),
        }


class KpiForm(VerbForm):
    """An indicator of a project."""

    title_lv = _line(_("Indicator in Latvian"), required=True)
    title_en = _line(_("Indicator in English"))
    unit_lv = _line(_("Unit in Latvian"), max_length=80)
    unit_en = _line(_("Unit in English"), max_length=80)
    baseline = NumberField(
        label=_("Baseline"),
        required=False,
        help_text=_("The value it starts from; 0 where counting starts from nothing."),
    )
    baseline_period = WhenField(
        label=_("Baseline period"), required=False, help_text=_("For example 2022 or 2022-Q4.")
    )
    comparison = forms.ChoiceField(
        label=_("The goal is"), choices=Comparison, initial=Comparison.AT_LEAST, widget=forms.RadioSelect
    )
    goal = NumberField(label=_("Goal"), required=False)
    due = WhenField(
        label=_("Deadline"), required=False, help_text=_("For example 2023, 2023-Q2 or 30.06.2023.")
    )
    source = _line(_("Source"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.subject is not None:
            for name in self.fields.keys() - {"seen"}:
                self.initial.setdefault(name, getattr(self.subject, name))

    def values(self) -> dict[str, Any]:
        """A deadline given anew is no longer as its document wrote it."""
        found = super().values()
        if self.subject is not None and found["due"] != self.subject.due:
            found["due_as_written"] = ""
        return found


class PartnershipForm(RowForm):
    """A partnership with its members, niches and policies."""

    title_lv = _line(_("Title in Latvian"), required=True)
    title_en = _line(_("Title in English"))
    acronym = _line(_("Acronym"), max_length=40)
    code = forms.SlugField(label=_("Code"), max_length=80, help_text=CODE_HELP)
    kind_of = forms.ChoiceField(label=_("Kind"), choices=PartnershipKind)
    active = forms.BooleanField(label=_("The ecosystem takes part now"), required=False, initial=True)
    summary_lv = _text(_("What it is about, in Latvian"))
    summary_en = _text(_("What it is about, in English"))
    members = _some(_("Members from the ecosystem"))
    national_node = _one(_("National node"))
    niches = _some(_("Niches"), boxes=True)
    policies = _some(_("Policies that it serves"), boxes=True)
    source = _line(_("Source"))

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        organisations = parties.organisations()
        return {
            "members": organisations,
            "national_node": organisations,
            "niches": network.niches(ecosystem),
            "policies": domains.policies(),
        }


class ReportForm(VerbForm):
    """The value of an indicator for a period."""

    period = PeriodField(
        label=_("Period"),
        help_text=_("The year, quarter or month that the value is about, for example 2023."),
    )
    value = NumberField(label=_("Value"))
    text = _text(_("What it rests on"), help_text=_("How it was counted, by whom, from what source."))
    files = FilesField(  # type: ignore[assignment]  # a field; the form's own `files` is set on each form
        label=_("Evidence"),
        required=False,
        help_text=_("Word, Excel, PDF, pictures or signed containers, up to 25 MB each."),
    )
    public = forms.BooleanField(label=_("The files may be shown to everybody"), required=False)
    institution = _one(_("On behalf of"))

    def __init__(
        self, *args: Any, kpi: Kpi, institutions: Sequence[Organisation], today: date, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        if len(institutions) > 1:
            own = Organisation.objects.filter(pk__in=[row.pk for row in institutions])
            self.fields["institution"].queryset = own  # type: ignore[attr-defined]
            self.fields["institution"].required = True
        else:
            del self.fields["institution"]
        if kpi.unit:
            self.fields["value"].label = gettext("Value, %(unit)s") % {"unit": kpi.unit}
        # What is asked for is mostly the year that is over.
        self.initial.setdefault("period", str(today.year - 1))


class JudgeForm(VerbForm):
    """What the coordinator says of a reported value."""

    comment = _text(_("Comment"), lines=2)

    def __init__(self, *args: Any, required: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["comment"].required = required
