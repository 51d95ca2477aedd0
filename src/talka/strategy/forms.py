"""Forms of the strategy. Each carries out one verb; the texts stand in pairs, Latvian first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from talka.core.forms import VerbForm
from talka.core.indicators import INDICATORS
from talka.domains import queries as domains
from talka.domains.models import Domain, Mission
from talka.governance.models import Decision
from talka.network.models import Niche
from talka.parties.models import Organisation
from talka.strategy import queries
from talka.strategy.models import (
    Desired,
    Direction,
    Lever,
    Obstacle,
    OfStrategy,
    Priority,
    Reckoning,
    Strategy,
    Target,
    TargetKind,
)
from talka.ui import widgets
from talka.ui.fields import FilesField, NumberField, PeriodField, WhenField, line, text


def many(label: Any, **options: Any) -> forms.ModelMultipleChoiceField:
    """Several rows to tick; the form says which rows there are."""
    return forms.ModelMultipleChoiceField(
        queryset=Niche.objects.none(),
        label=label,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        **options,
    )


def one(label: Any, *, required: bool = False, **options: Any) -> forms.ModelChoiceField:
    return forms.ModelChoiceField(queryset=Niche.objects.none(), label=label, required=required, **options)


class RowForm(VerbForm):
    """A form about one row: it begins with what the row says, and offers rows of the same version to point to."""

    def __init__(self, *args: Any, strategy: Strategy, subject: Any = None, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        self.strategy = strategy
        for name, rows in self.offers().items():
            if name in self.fields:
                self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a field that chooses among rows
        if subject is not None:
            for name in self.fields.keys() - {"seen", "shares"}:
                value = getattr(subject, name, None)
                self.initial.setdefault(name, [row.pk for row in value] if isinstance(value, list) else value)

    def offers(self) -> Mapping[str, Any]:
        """The rows to choose from, by field."""
        return {}

    def values(self) -> dict[str, Any]:
        """Chosen rows as plain lists."""
        return {
            name: list(value) if isinstance(self.fields[name], forms.ModelMultipleChoiceField) else value
            for name, value in super().values().items()
        }


CODE = forms.SlugField(
    label=_("Code"),
    max_length=60,
    help_text=_(
        "Letters, digits and hyphens. It stays the same in every later version: by it versions are compared."
    ),
)


class Coded(RowForm):
    """The code is asked once, when the row is added."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.subject is None:
            self.fields = {"code": deepcopy(CODE), **self.fields}
        else:
            self.fields["order"] = forms.IntegerField(
                label=_("Order"),
                min_value=0,
                max_value=32767,
                help_text=_("Rows stand in the order of these numbers."),
            )
            self.initial["order"] = self.subject.order
        self.fields["source"] = line(
            _("Source"), max_length=500, help_text=_("The document and place it is taken from.")
        )
        if self.subject is not None:
            self.initial["source"] = self.subject.source


# ---------------------------------------------------------------- versions


class VersionForm(RowForm):
    title_lv = line(_("Title in Latvian"), required=True, max_length=500)
    title_en = line(_("Title in English"), max_length=500)
    mission_lv = text(_("Mission in Latvian"), lines=6)
    mission_en = text(_("Mission in English"), lines=6)
    mission_official_lv = text(
        _("Mission, official text"), lines=6, help_text=_("Word for word as it was adopted.")
    )
    starts = forms.IntegerField(label=_("First year"), min_value=1990, max_value=2199)
    ends = forms.IntegerField(label=_("Last year"), min_value=1990, max_value=2199)
    policies = many(_("Policies that the whole strategy serves"))
    source = line(_("Source"), max_length=500)

    def offers(self) -> Mapping[str, Any]:
        return {"policies": domains.policies()}


class FocusForm(RowForm):
    niches = many(_("Niches in focus"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["niches"] = [focus.niche_id for focus in self.strategy.focuses.all()]

    def offers(self) -> Mapping[str, Any]:
        return {
            "niches": Niche.objects.filter(ecosystem=self.strategy.ecosystem).order_by(
                "parent__order", "order", "id"
            )
        }


class AdoptForm(VerbForm):
    decision = forms.ModelChoiceField(
        queryset=Decision.objects.none(),
        label=_("Decision"),
        help_text=_("The decision by which this version is adopted; it must be recorded as taken."),
    )

    def __init__(self, *args: Any, strategy: Strategy, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["decision"].queryset = queries.decisions_taken(strategy.ecosystem)  # type: ignore[attr-defined]


# ---------------------------------------------------------------- parts


class ObstacleForm(Coded):
    title_lv = text(_("Obstacle in Latvian"), required=True)
    title_en = text(_("Obstacle in English"))


class DirectionForm(Coded):
    title_lv = line(_("Direction in Latvian"), required=True)
    title_en = line(_("Direction in English"))
    summary_lv = text(_("Summary in Latvian"))
    summary_en = text(_("Summary in English"))
    obstacles = many(_("Obstacles that it answers"))

    def offers(self) -> Mapping[str, Any]:
        return {"obstacles": self.strategy.obstacle_set.all()}


class PriorityForm(Coded):
    direction = one(_("Direction"), required=True)
    title_lv = text(_("Priority in Latvian"), lines=2, required=True)
    title_en = text(_("Priority in English"), lines=2)
    rationale_lv = text(_("Rationale in Latvian"), lines=5)
    rationale_en = text(_("Rationale in English"), lines=5)
    policies = many(_("Policies that it serves"))

    def offers(self) -> Mapping[str, Any]:
        return {"direction": self.strategy.direction_set.all(), "policies": domains.policies()}


class Measured(forms.Form):
    """How the value of a target is read and from where it starts."""

    indicator = forms.ChoiceField(
        label=_("Indicator"),
        required=False,
        help_text=_("What the value is read from. Without one, institutions report it."),
    )
    unit_lv = line(_("Unit in Latvian"), max_length=80)
    unit_en = line(_("Unit in English"), max_length=80)
    baseline = NumberField(
        label=_("Baseline"),
        required=False,
        help_text=_("The value it starts from; 0 where counting starts from nothing."),
    )
    baseline_period = WhenField(
        label=_("Baseline period"), required=False, help_text=_("For example 2022 or 2022-Q4.")
    )
    reckoning = forms.ChoiceField(
        label=_("Progress is reckoned as"), choices=Reckoning.choices, widget=forms.RadioSelect
    )

    def offer_indicators(self, now: str) -> None:
        """The indicators of the house, and the one the target names even if no room provides it any more."""
        known = {
            code: f"{each.label} ({code})"
            for code, each in sorted(INDICATORS.items())
            if not code.startswith("strategy.")
        }
        if now:
            known.setdefault(now, _("%(code)s (no room provides it)") % {"code": now})
        choices = [("", _("reported by institutions")), *known.items()]
        self.fields["indicator"].choices = choices  # type: ignore[attr-defined]  # a field that chooses


class TargetForm(Coded, Measured):
    priority = one(_("Priority"), help_text=_("Without one it is a target of the whole ecosystem."))
    title_lv = text(_("Target in Latvian"), lines=2, required=True)
    title_en = text(_("Target in English"), lines=2)
    kind_of = forms.ChoiceField(
        label=_("What is to be reached"), choices=TargetKind.choices, widget=forms.RadioSelect
    )
    goal = NumberField(label=_("Goal"), required=False, help_text=_("The number to reach."))
    due = WhenField(
        label=_("Deadline"), required=False, help_text=_("For example 2027, 2027-Q2 or 30.06.2027.")
    )
    desired = forms.ChoiceField(label=_("Desired direction"), choices=Desired.choices)
    specify_owner = one(_("Who specifies it"))
    specify_by = forms.DateField(label=_("To be specified by"), required=False, widget=widgets.DateInput())
    note_lv = text(_("Note in Latvian"))
    note_en = text(_("Note in English"))
    policies = many(_("Policies that it serves"))

    field_order = (
        "code", "priority", "title_lv", "title_en", "kind_of", "goal", "unit_lv", "unit_en", "due", "desired",
        "baseline", "baseline_period", "indicator", "reckoning", "specify_owner", "specify_by", "note_lv", "note_en",
        "policies", "order", "source", "seen",
    )  # fmt: skip

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offer_indicators(self.subject.indicator if self.subject else "")
        self.order_fields(self.field_order)
        if self.subject is None:
            self.initial.setdefault("kind_of", TargetKind.QUANTITY)
            self.initial.setdefault("reckoning", Reckoning.COUNT)

    def offers(self) -> Mapping[str, Any]:
        return {
            "priority": self.strategy.priority_set.all(),
            "specify_owner": Organisation.objects.filter(merged_into=None),
            "policies": domains.policies(),
        }


class LeverForm(Coded):
    title_lv = text(_("Lever in Latvian"), required=True)
    title_en = text(_("Lever in English"))


# ---------------------------------------------------------------- targets in force


class ReadingForm(RowForm, Measured):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offer_indicators(self.subject.indicator)


class SpecifyForm(RowForm, Measured):
    title_lv = text(_("Target in Latvian"), lines=2, required=True)
    title_en = text(_("Target in English"), lines=2)
    kind_of = forms.ChoiceField(
        label=_("What is to be reached"),
        choices=[choice for choice in TargetKind.choices if choice[0] != TargetKind.UNSPECIFIED],
        widget=forms.RadioSelect,
    )
    goal = NumberField(label=_("Goal"), required=False, help_text=_("The number to reach."))
    due = WhenField(label=_("Deadline"), help_text=_("For example 2027, 2027-Q2 or 30.06.2027."))
    desired = forms.ChoiceField(label=_("Desired direction"), choices=Desired.choices)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.offer_indicators(self.subject.indicator)
        self.initial["kind_of"] = TargetKind.QUANTITY
        # "tiek precizēts" is what stands there now; what is to stand there is asked.
        self.initial["title_lv"] = self.initial["title_en"] = ""
        self.order_fields(["title_lv", "title_en", "kind_of", "goal", "unit_lv", "unit_en", "due", "desired"])


class AskForm(RowForm):
    specify_owner = one(_("Who specifies it"), required=True)
    specify_by = forms.DateField(label=_("To be specified by"), widget=widgets.DateInput())

    def offers(self) -> Mapping[str, Any]:
        return {"specify_owner": Organisation.objects.filter(merged_into=None)}


class ReportForm(VerbForm):
    """The value of a target for a period. A state to reach is answered with yes or no."""

    period = PeriodField(
        label=_("Period"),
        help_text=_("The year, quarter or month that the value is about, for example 2023."),
    )
    value = NumberField(label=_("Value"))
    text = text(_("What it rests on"), help_text=_("How it was counted, by whom, from what source."))
    # Django takes declared fields out of the class, so this one does not hide the form's own `files`.
    files = FilesField(  # type: ignore[assignment]
        label=_("Evidence"),
        required=False,
        help_text=_("Word, Excel, PDF, pictures or signed containers, up to 25 MB each."),
    )
    public = forms.BooleanField(label=_("The files may be shown to everybody"), required=False)
    institution = one(_("On behalf of"))

    def __init__(
        self, *args: Any, target: Target, institutions: Iterable[Organisation], today: date, **options: Any
    ) -> None:
        super().__init__(*args, **options)
        own = list(institutions)
        if len(own) > 1:
            self.fields["institution"].queryset = Organisation.objects.filter(pk__in=[row.pk for row in own])  # type: ignore[attr-defined]
            self.fields["institution"].required = True
        else:
            del self.fields["institution"]
        if target.kind_of == TargetKind.MILESTONE:
            self.fields["value"] = forms.TypedChoiceField(
                label=_("Is it reached?"),
                choices=[
                    ("0", pgettext_lazy("target", "not reached yet")),
                    ("1", pgettext_lazy("target", "reached")),
                ],
                coerce=Decimal,
                widget=forms.RadioSelect,
            )
            self.order_fields(["period", "value", "text", "files", "public", "institution"])
        elif target.unit:
            self.fields["value"].label = _("Value, %(unit)s") % {"unit": target.unit}
        # What is asked for is mostly the year that is over.
        self.initial.setdefault("period", str(today.year - 1))


class JudgeForm(VerbForm):
    comment = text(_("Comment"), lines=2)

    def __init__(self, *args: Any, required: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["comment"].required = required


class SharesForm(VerbForm):
    """How many percent of a row serve each domain and mission. Left empty: all of it the ecosystem's own domain."""

    def __init__(self, *args: Any, subject: Any, shares: Mapping[Any, Decimal], **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        self.things: dict[str, Domain | Mission] = {}
        things: list[Domain | Mission] = [*domains.domains(), *domains.missions()]
        for thing in things:
            name = f"{thing._meta.model_name}_{thing.pk}"
            self.things[name] = thing
            self.fields[name] = NumberField(label=f"{thing}, %", required=False)
            if thing in shares:
                self.initial[name] = shares[thing] * 100

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        percents = [given[name] for name in self.things if given.get(name)]
        if any(each < 0 for each in percents):
            raise forms.ValidationError(_("A share cannot be negative."))
        if any(each != round(each, 4) for each in percents):
            raise forms.ValidationError(_("A share has at most four decimals."))
        if percents and sum(percents) != 100:
            raise forms.ValidationError(
                _("The shares sum to %(total)s %%; they must sum to 100 %%.")
                % {"total": f"{sum(percents).normalize():f}"}
            )
        return given

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {
            "shares": {thing: given[name] / 100 for name, thing in self.things.items() if given.get(name)}
        }


PARTS: dict[str, tuple[type[OfStrategy], type[Coded]]] = {
    "obstacles": (Obstacle, ObstacleForm),
    "directions": (Direction, DirectionForm),
    "priorities": (Priority, PriorityForm),
    "targets": (Target, TargetForm),
    "levers": (Lever, LeverForm),
}
