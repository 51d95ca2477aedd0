"""Forms that carry out the room's verbs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.actions import Invalid
from talka.core.forms import VerbForm
from talka.facilities import hours
from talka.facilities.hours import NoSuchTime
from talka.facilities.models import Booking, Resource, Unit, UserProject
from talka.parties.models import Account
from talka.ui.fields import FilesField, NumberField


class WhenForm(VerbForm):
    """A day, from a time until another, by the clock of the unit; the next day if the end lies before the beginning."""

    day = forms.DateField(label=_("Day"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))
    begins = forms.TimeField(label=_("From"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))
    until = forms.TimeField(label=_("Until"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"))

    def __init__(self, *args: Any, unit: Unit, **options: Any) -> None:
        super().__init__(*args, **options)
        self.unit = unit

    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or {}
        day, begins, until = (found.get(name) for name in ("day", "begins", "until"))
        if day is not None and begins is not None and until is not None:
            found["starts"] = self._instant("begins", day, begins)
            found["ends"] = self._instant("until", day if until > begins else day + timedelta(days=1), until)
        return found

    def _instant(self, field: str, day: date, at: time) -> datetime | None:
        try:
            return hours.instant(day, at, self.unit.zone)
        except NoSuchTime:
            self.add_error(field, gettext("The clock skips this time on that day: summer time begins."))
        return None

    def values(self) -> dict[str, Any]:
        return {
            name: value for name, value in super().values().items() if name not in ("day", "begins", "until")
        }

    def carry_out(self, verb: Callable[..., Any], subject: Any, *, by: Any, **more: Any) -> bool:
        """The verbs speak of instants; what they refuse stands beside the time that was typed."""

        def told(*args: Any, **values: Any) -> Any:
            try:
                return verb(*args, **values)
            except Invalid as why:
                why.field = TYPED.get(why.field or "", why.field)
                raise

        return super().carry_out(told, subject, by=by, **more)


TYPED = {"starts": "begins", "ends": "until", "begun_at": "begins", "ended_at": "until"}


class BookingForm(WhenForm):
    """A booking: for which project, what, when; with a reason where whoever runs the unit sets rules aside."""

    project = forms.ModelChoiceField(UserProject.objects.none(), label=_("Project"))
    resources = forms.ModelMultipleChoiceField(
        Resource.objects.none(), label=_("What is booked together"), widget=forms.CheckboxSelectMultiple
    )
    account = forms.ModelChoiceField(
        Account.objects.none(), label=_("For whom"), required=False, help_text=_("Empty: for yourself.")
    )
    purpose = forms.CharField(
        label=_("What for"),
        required=False,
        max_length=300,
        help_text=_("Seen by you, your project and the unit."),
    )
    override = forms.CharField(
        label=_("Why rules are set aside"),
        required=False,
        max_length=300,
        help_text=_("Only where rules speak against it; it stays on record."),
    )
    field_order = ["project", "resources", "day", "begins", "until", "purpose", "account", "override", "seen"]

    def __init__(
        self,
        *args: Any,
        projects: list[UserProject],
        resources: Any,
        people: Any,
        runs: bool,
        **options: Any,
    ) -> None:
        super().__init__(*args, **options)
        fields: dict[str, Any] = self.fields
        fields["project"].queryset = UserProject.objects.filter(pk__in=[each.pk for each in projects])
        if len(projects) == 1:
            fields["project"].initial = projects[0]
        fields["resources"].queryset = resources
        fields["account"].queryset = people
        if not people.exists():
            del fields["account"]
        if not runs:
            del fields["override"]

    def values(self) -> dict[str, Any]:
        found = super().values()
        found["resources"] = list(found["resources"])
        return found


class MoveForm(WhenForm):
    """Another time for a booking."""

    override = BookingForm.base_fields["override"]

    def __init__(self, *args: Any, runs: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        starts, ends = (at.astimezone(self.unit.zone) for at in (self.subject.starts, self.subject.ends))
        self.initial.update(day=starts.date(), begins=starts.time(), until=ends.time())
        if not runs:
            del self.fields["override"]


class ReasonForm(VerbForm):
    """Why a booking is cancelled or declined."""

    reason = forms.CharField(label=_("Why"), required=False, max_length=300)


class LogOffForm(VerbForm):
    """The end of a use."""

    counter = NumberField(
        label=_("Counter"), required=False, help_text=_("If the instrument counts something.")
    )
    results = forms.CharField(label=_("Where the results were handed over"), required=False, max_length=300)
    note = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea(attrs={"rows": 3}))


class CorrectionForm(WhenForm):
    """The times as they should be recorded."""

    reason = forms.CharField(label=_("Why"), max_length=300)

    def __init__(self, *args: Any, booking: Booking, **options: Any) -> None:
        super().__init__(*args, **options)
        starts, ends = (at.astimezone(self.unit.zone) for at in (booking.starts, booking.ends))
        self.initial.update(day=starts.date(), begins=starts.time(), until=ends.time())

    def values(self) -> dict[str, Any]:
        found = super().values()
        return {
            "begun_at": found["starts"],
            "ended_at": found["ends"],
            "reason": found["reason"],
        }


class FaultForm(VerbForm):
    """Something is wrong."""

    text = forms.CharField(label=_("What is wrong"), widget=forms.Textarea(attrs={"rows": 4}))
    stops = forms.BooleanField(label=_("It cannot be used"), required=False)
    photos = FilesField(label=_("Photos"), required=False)


def first_time(unit: Unit, text: str) -> datetime | None:
    """A moment given in an address, as "2026-11-24T10:00" by the clock of the unit; None where it is none."""
    try:
        local = datetime.fromisoformat(text)
        return hours.instant(local.date(), local.time(), unit.zone)
    except (ValueError, NoSuchTime):
        return None


def day_given(text: str | None) -> date:
    """A day given in an address; today where it is none, or one that no calendar here will ever show."""
    today = timezone.localdate()
    try:
        day = date.fromisoformat(text or "")
    except ValueError:
        return today
    return day if abs(day - today) < FAR else today


FAR = timedelta(days=365 * 50)
