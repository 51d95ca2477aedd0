"""The room's rows as tables, in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import time
from typing import Any

from django.utils.translation import gettext_lazy as _

from talka.billing.models import Issuer, Tariff
from talka.core.actions import Invalid
from talka.core.sheets import (
    BadCell,
    Choice,
    Column,
    Day,
    Lines,
    Number,
    Ref,
    Refs,
    Sheet,
    Whole,
    YesNo,
    bilingual,
)
from talka.domains.models import Ecosystem
from talka.facilities import actions
from talka.facilities.models import (
    Charged,
    Method,
    OpeningHours,
    Resource,
    ResourceKind,
    ResourceState,
    Unit,
)
from talka.parties import queries as parties
from talka.parties.models import Account, Organisation

CODE = Column("code", _("Code"), required=True, max_length=80)
ORDER = Whole("order", _("Order"))
SOURCE = Column("source", _("Source"), max_length=500)


# ---------------------------------------------------------------- what cells may name


def organisations(parent: Any) -> Mapping[str, Organisation]:
    """Every spelling by which an organisation is known."""
    return parties.spellings()


def issuers(parent: Ecosystem) -> dict[str, Issuer]:
    return _by_code(Issuer.objects.filter(ecosystem=parent))


def units(parent: Ecosystem) -> dict[str, Unit]:
    return _by_code(Unit.objects.filter(ecosystem=parent))


def methods(parent: Ecosystem) -> dict[str, Method]:
    return _by_code(Method.objects.filter(ecosystem=parent))


def resources(parent: Ecosystem) -> dict[str, Resource]:
    """By place: "imaging/confocal"."""
    rows = Resource.objects.filter(unit__ecosystem=parent).select_related("unit")
    return {row.place.casefold(): row for row in rows}


def tariffs(parent: Ecosystem) -> dict[str, Tariff]:
    """By issuer and code: "institute/confocal"."""
    rows = Tariff.objects.filter(issuer__ecosystem=parent).select_related("issuer")
    return {f"{row.issuer.code}/{row.code}".casefold(): row for row in rows}


def people(parent: Any) -> dict[str, Account]:
    """By e-mail."""
    return {row.email.casefold(): row for row in Account.objects.all()}


def _by_code(rows: Iterable[Any]) -> dict[str, Any]:
    return {row.code.casefold(): row for row in rows}


class PriceRef(Ref):
    """Prices, whose codes are an issuer's own."""

    def called(self, row: Tariff) -> str:
        return f"{row.issuer.code}/{row.code}"


class TextLines(Lines):
    """Lines of one column of text."""

    def read(self, row: Any) -> list[str]:
        return super().read(row).splitlines()


# ---------------------------------------------------------------- sheets


class Methods(Sheet):
    code, label, model = "facilities.methods", _("Methods"), Method
    over = "domains.ecosystem"
    columns = (CODE, *bilingual("title", _("Title"), required=True, max_length=200))
    key = ("code",)

    def rows(self, parent: Ecosystem) -> Any:
        return Method.objects.filter(ecosystem=parent)

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Method:
        return actions.add_method(parent, by=by, **values)

    def change(self, row: Method, values: dict[str, Any], *, by: Any) -> Method:
        return actions.edit_method(row, by=by, **values)


class Units(Sheet):
    code, label, model = "facilities.units", _("Core facilities"), Unit
    over = "domains.ecosystem"
    columns = (
        CODE,
        ORDER,
        *bilingual("title", _("Title"), required=True, max_length=300),
        *bilingual("summary", _("What it offers"), max_length=10000),
        *bilingual("access", _("How to get access"), max_length=10000),
        Ref("organisation", _("Institution"), among=organisations, required=True),
        Ref("issuer", _("Who issues its invoices"), among=issuers),
        Column("address", _("Address"), max_length=300),
        Column("website", _("Website"), max_length=200),
        Column("email", _("E-mail"), max_length=200),
        Column("phone", _("Phone"), max_length=40),
        Column("rated_as", _("Unit as rated in 2020"), max_length=300),
        Whole("rating_2020", _("Rating of 2020")),
        YesNo("open_to_others", _("Open to third parties")),
        YesNo("withdrawn", _("No longer works")),
        YesNo("example", _("An invented example")),
        SOURCE,
    )
    key = ("code",)

    def rows(self, parent: Ecosystem) -> Any:
        rows = Unit.objects.filter(ecosystem=parent)
        return rows.select_related("ecosystem", "organisation", "issuer")

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Unit:
        return actions.add_unit(parent, by=by, **_given(Unit, values))

    def change(self, row: Unit, values: dict[str, Any], *, by: Any) -> Unit:
        return actions.edit_unit(row, by=by, **_given(Unit, values))


class Resources(Sheet):
    code, label, model = "facilities.resources", _("Instruments, rooms and experts"), Resource
    over = "domains.ecosystem"
    columns = (
        Ref("unit", _("Core facility"), among=units, required=True),
        CODE,
        ORDER,
        Choice("kind_of", _("Kind"), required=True, choices=ResourceKind),
        *bilingual("title", _("Title"), required=True, max_length=300),
        *bilingual("summary", _("What it is for"), max_length=10000),
        *bilingual("specification", _("Specification"), kind=TextLines, max_length=4000),
        Ref("parent", _("Part of"), among=resources, attribute="place"),
        Ref("expert", _("Whose time it is"), among=people, attribute="email"),
        Choice("state", _("State"), choices=ResourceState),
        Refs("methods", _("Methods"), among=methods),
        Column("location", _("Room or place"), max_length=120),
        Column("maker", _("Maker"), max_length=120),
        Column("model_name", _("Model"), max_length=120),
        Column("pid", _("Persistent id"), max_length=120),
        Day("bought_on", _("Bought on")),
        Number("purchase_value", _("Purchase value, EUR")),
        Column("funding", _("Paid from"), max_length=300),
        Whole("depreciation_years", _("Depreciated over, years")),
        PriceRef("tariff", _("Price"), among=tariffs),
        YesNo("needs_approval", _("A booking needs approval")),
        YesNo("needs_qualification", _("Only for the qualified")),
        Whole("qualified_months", _("A qualification ends after months without use")),
        Column("certificate", _("Safety certificate that it takes"), max_length=80),
        Whole("step_minutes", _("Begins and ends in steps of, minutes")),
        Whole("least_minutes", _("Shortest booking, minutes")),
        Whole("most_minutes", _("Longest booking, minutes")),
        Whole("horizon_days", _("Bookable ahead, days")),
        Whole("before_minutes", _("Set-up before, minutes")),
        Whole("after_minutes", _("Clearing up after, minutes")),
        Whole("most_ahead", _("Bookings ahead that one user may have")),
        Whole("hours_a_week", _("Hours a week that one user may book")),
        YesNo("off_hours", _("The qualified may book outside opening hours")),
        Choice("charged", _("Which time is charged"), choices=Charged),
        Whole("cancel_hours", _("Free to cancel until, hours before")),
        Whole("late_percent", _("Charged when cancelled late, %")),
        Whole("missed_minutes", _("Missed when not begun after, minutes")),
        Whole("missed_percent", _("Charged when missed, %")),
    )
    key = ("unit", "code")

    def rows(self, parent: Ecosystem) -> Any:
        rows = Resource.objects.filter(unit__ecosystem=parent)
        return rows.select_related(
            "unit__ecosystem", "parent__unit", "expert__person", "tariff__issuer"
        ).prefetch_related("method_links__method")

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> Resource:
        given = {name: value for name, value in values.items() if name != "unit"}
        return actions.add_resource(values["unit"], by=by, **_given(Resource, given))

    def change(self, row: Resource, values: dict[str, Any], *, by: Any) -> Resource:
        moved = values.get("unit", row.unit)
        if moved.pk != row.unit_id:
            message = _("%(what)s belongs to %(unit)s and stays there; add it anew at the other one.")
            raise Invalid(message % {"what": row, "unit": row.unit}, field="unit")
        given = {name: value for name, value in values.items() if name != "unit"}
        return actions.edit_resource(row, by=by, **_given(Resource, given))


class Clock(Column):
    """A time of day, as in 08:00."""

    def parse(self, text: str, context: Any) -> time:
        try:
            return time.fromisoformat(text.strip().zfill(5))
        except ValueError:
            raise BadCell(
                _("“%(text)s” is no time of day; write for example 08:00") % {"text": text[:40]}
            ) from None

    def show(self, value: Any) -> str:
        return f"{value:%H:%M}" if value is not None else ""


class Hours(Sheet):
    """Opening hours, a row for each day; without a resource those of the unit."""

    code, label, model = "facilities.hours", _("Opening hours"), OpeningHours
    over = "domains.ecosystem"
    columns = (
        Ref("unit", _("Core facility"), among=units, required=True),
        Ref("resource", _("Only of"), among=resources, attribute="place"),
        Whole("weekday", _("Day of the week, Monday is 1"), required=True),
        Clock("opens", _("Opens"), required=True),
        Clock("closes", _("Closes"), required=True),
    )
    key = ("unit", "resource", "weekday", "opens")

    def rows(self, parent: Ecosystem) -> Any:
        return OpeningHours.objects.filter(unit__ecosystem=parent).select_related("unit", "resource__unit")

    def add(self, parent: Ecosystem, values: dict[str, Any], *, by: Any) -> OpeningHours:
        return self._set(values["unit"], values.get("resource"), values, by)

    def change(self, row: OpeningHours, values: dict[str, Any], *, by: Any) -> OpeningHours:
        now = {name: getattr(row, name) for name in ("weekday", "opens", "closes")}
        return self._set(row.unit, row.resource, {**now, **values}, by)

    def _set(self, unit: Unit, resource: Resource | None, values: dict[str, Any], by: Any) -> OpeningHours:
        """The verb sets a week as a whole: the other days stay as they are."""
        unit = Unit.objects.get(pk=unit.pk)  # each day set before made a revision of it
        rows = OpeningHours.objects.filter(unit=unit, resource=resource)
        week = {(row.weekday, row.opens): row.closes for row in rows}
        week[int(values["weekday"]), values["opens"]] = values["closes"]
        hours = [(weekday, opens, closes) for (weekday, opens), closes in week.items()]
        actions.set_hours(unit, by=by, hours=hours, resource=resource)
        return rows.get(weekday=values["weekday"], opens=values["opens"])


def _given(model: type[Unit] | type[Resource], values: Mapping[str, Any]) -> dict[str, Any]:
    """What the verbs take: an empty cell of a column that cannot be empty leaves it as it is, or as it begins."""
    kept = {field.name for field in model._meta.fields if not field.null}
    given = {name: value for name, value in values.items() if value is not None or name not in kept}
    for name in ("specification_lv", "specification_en"):
        if name in given:
            given[name] = "\n".join(given[name])
    return {name: value for name, value in given.items() if name not in ("state", "charged") or value}
