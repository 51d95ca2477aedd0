"""Forms of the plan. Each carries out one verb; a cell is read by the very column that reads it from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from talka.core.formats import LIMITS
from talka.core.forms import VerbForm
from talka.core.sheets import BadCell, Column, Context
from talka.core.values import Period
from talka.governance.models import Decision
from talka.legislation.models import Bill
from talka.parties.models import Organisation
from talka.plan import queries
from talka.plan.models import PASSAGES, Measure, MeasureState, Plan, Section
from talka.strategy import queries as strategies
from talka.strategy.models import Priority
from talka.ui import widgets
from talka.ui.fields import FilesField, NumberField, WhenField, line, text

KINDS = (".docx", ".xlsx", ".csv", ".tsv", ".json", ".pdf")
WHEN = _("For example 2026, 2026-Q3 or 30.06.2026.")
QUARTERS = 16  # how many of them, counted back from today, are offered for a report


def words(period: Period) -> str:
    """A period in the reader's language."""
    return period.words((get_language() or "lv")[:2])


# ---------------------------------------------------------------- the page of a plan


class FilterForm(forms.Form):
    """Narrows the rows of a plan; everything may be left open. What cannot be understood narrows nothing."""

    state = forms.ChoiceField(label=_("State"), required=False)
    institution = forms.ModelChoiceField(
        queryset=Organisation.objects.none(), label=_("Institution"), required=False, empty_label=_("all")
    )
    part = forms.ChoiceField(label=_("Direction or priority"), required=False)
    q = forms.CharField(
        label=_("Words"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, institutions: Any, sections: Sequence[Section], **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["institution"].queryset = institutions  # type: ignore[attr-defined]  # chooses among rows
        self.fields["state"].choices = [  # type: ignore[attr-defined]  # chooses among words
            ("", _("all")),
            ("late", pgettext_lazy("measure", "late")),
            *MeasureState.choices,
        ]
        self.fields["part"].choices = [("", _("all")), *_parts(sections)]  # type: ignore[attr-defined]  # as above

    def wanted(self) -> dict[str, Any]:
        """The filters as `queries.narrowed` takes them."""
        self.is_valid()
        given = self.cleaned_data
        institution, part = given.get("institution"), given.get("part", "")
        return {
            "text": given.get("q", ""),
            "state": given.get("state", ""),
            "institution": institution.pk if institution else None,
            "direction": "" if "." in part else part,
            "section": part if "." in part else "",
        }

    @property
    def narrows(self) -> bool:
        return any(self.wanted().values())


def _parts(sections: Sequence[Section]) -> Iterator[tuple[str, str]]:
    """Each direction, and under it the sections of it."""
    direction = None
    for each in sections:
        if each.direction_number != direction:
            direction = each.direction_number
            yield direction, f"{direction}. {each.direction_title}"
        yield each.number, f"\N{NO-BREAK SPACE}\N{NO-BREAK SPACE}{each.number}. {each.title}"


# ---------------------------------------------------------------- plans


class NewPlanForm(VerbForm):
    year = forms.IntegerField(
        label=_("Year"),
        min_value=2000,
        max_value=2199,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "t-narrow"}),
    )


class PlanForm(VerbForm):
    title_lv = line(_("Title in Latvian"), required=True, max_length=500)
    title_en = line(_("Title in English"), max_length=500)
    source = line(_("Source"), max_length=500, help_text=_("The document that it is taken from."))

    def __init__(self, *args: Any, subject: Plan, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        for name in ("title_lv", "title_en", "source"):
            self.initial.setdefault(name, getattr(subject, name))


class AdoptForm(VerbForm):
    decision = forms.ModelChoiceField(
        queryset=Decision.objects.none(),
        label=_("Decision"),
        required=False,
        empty_label=_("no decision is recorded here"),
        help_text=_("The decision by which this plan was adopted, if it is recorded as taken."),
    )

    def __init__(self, *args: Any, plan: Plan, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["decision"].queryset = strategies.decisions_taken(plan.ecosystem)  # type: ignore[attr-defined]


class RollOverForm(VerbForm):
    """Which undone measures go into the plan of another year, and why each of them was not done."""

    year = forms.IntegerField(
        label=_("Into the plan for"),
        min_value=2000,
        max_value=2199,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "class": "t-narrow"}),
    )
    reason = text(
        _("Reason for all"),
        lines=2,
        help_text=_("Holds for each chosen measure that has no reason of its own."),
    )

    def __init__(self, *args: Any, plan: Plan, measures: Sequence[Measure], **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial.setdefault("year", plan.year + 1)
        self.measures = measures
        for measure in measures:
            self.fields[f"carry_{measure.pk}"] = forms.BooleanField(label=str(measure), required=False)
            self.fields[f"reason_{measure.pk}"] = line(
                _("Reason for %(number)s") % {"number": measure.number}, max_length=1000
            )
            self.initial.setdefault(f"carry_{measure.pk}", True)

    def rows(self) -> list[tuple[Any, Any]]:
        """The two fields of each measure."""
        return [(self[f"carry_{each.pk}"], self[f"reason_{each.pk}"]) for each in self.measures]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or self.cleaned_data
        for measure in self.measures:
            if given.get(f"carry_{measure.pk}") and not (
                given.get(f"reason_{measure.pk}") or given.get("reason")
            ):
                self.add_error(
                    f"reason_{measure.pk}", _("Say why it was not done, or give a reason for all.")
                )
        return given

    def values(self) -> dict[str, Any]:
        given = self.cleaned_data
        reasons = {
            measure.number: given[f"reason_{measure.pk}"] or given["reason"]
            for measure in self.measures
            if given[f"carry_{measure.pk}"]
        }
        return {"year": given["year"], "reasons": reasons}


class SectionForm(VerbForm):
    """The headings of a section: a priority under its direction, as the plan prints them."""

    number = line(_("No. of the priority"), required=True, max_length=12, help_text=_("For example 1.2."))
    title_lv = text(_("Priority in Latvian"), lines=2, required=True)
    title_en = text(_("Priority in English"), lines=2)
    direction_number = line(
        _("No. of the direction"), required=True, max_length=12, help_text=_("For example 1.")
    )
    direction_title_lv = line(_("Direction in Latvian"), required=True)
    direction_title_en = line(_("Direction in English"))
    priority = forms.ModelChoiceField(
        queryset=Priority.objects.none(), label=_("Priority of the strategy"), required=False
    )

    def __init__(self, *args: Any, plan: Plan, subject: Section | None = None, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        self.fields["priority"].queryset = queries.priorities(plan.strategy)  # type: ignore[attr-defined]  # chooses among rows
        if subject is not None:
            for name in self.fields.keys() - {"seen"}:
                self.initial.setdefault(name, getattr(subject, name))


# ---------------------------------------------------------------- measures


class CellField(forms.CharField):
    """A cell of the official form. `column` and `context` are set by its form."""

    column: Column
    context: Context

    def clean(self, value: Any) -> Any:
        try:
            return self.column.take(super().clean(value), self.context)
        except BadCell as error:
            said = str(error)
            raise forms.ValidationError(
                said[:1].upper() + said[1:] + ("" if said.endswith(".") else ".")
            ) from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _even(initial) != _even(data)


class LinesField(forms.CharField):
    """Texts, one a line; a dash keeps the place of a missing translation."""

    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 3}), **options)

    def clean(self, value: Any) -> Any:
        lines = [each.strip() for each in super().clean(value).splitlines() if each.strip()]
        return ["" if each in ("–", "-") else each for each in lines]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return _even(initial) != _even(data)


def _even(value: Any) -> str:
    """A text as a browser sends it back unchanged."""
    return "\n".join(str(value or "").strip().splitlines())


class MeasureForm(VerbForm):
    """All columns of a measure. Of one that is there only what was changed is handed on: the rest stays as printed.

    The form remembers what it showed. What somebody else changed meanwhile is so told from what this reader changed,
    and saving again after a conflict writes over the same columns only.
    """

    below = {
        "plan.result": _("Result"),
        "plan.resultindicator": _("Result indicator"),
        "plan.assignment": _("Institution"),
        "plan.funding": _("Indicative funding source"),
    }

    section = forms.ModelChoiceField(queryset=Section.objects.none(), label=_("Priority"))
    number = forms.CharField(
        label=_("No."),
        max_length=13,
        required=False,
        help_text=_("Left empty: the next one of the priority."),
        widget=forms.TextInput(attrs={"class": "t-narrow"}),
    )
    title_lv = text(_("Measure in Latvian"), lines=2, required=True)
    title_en = text(_("Measure in English"), lines=2)
    results_lv = LinesField(label=_("Results in Latvian"), help_text=_("One a line."))
    results_en = LinesField(
        label=_("Results in English"),
        help_text=_("In the same order; a dash where there is none."),
    )
    indicators_lv = LinesField(label=_("Result indicators in Latvian"), help_text=_("One a line."))
    indicators_en = LinesField(
        label=_("Result indicators in English"),
        help_text=_("In the same order; a dash where there is none."),
    )
    responsible = CellField(
        label=_("Responsible institutions"),
        required=False,
        help_text=_("By acronym or name, separated by commas: IZM, LZP. The first one leads."),
        widget=forms.Textarea(attrs={"rows": 1, "data-suggest": "institutions"}),
    )
    involved = CellField(
        label=_("Involved institutions"),
        required=False,
        help_text=_("By acronym or name, separated by commas."),
        widget=forms.Textarea(attrs={"rows": 1, "data-suggest": "institutions"}),
    )
    starts = WhenField(label=_("Start"), required=False, help_text=WHEN)
    deadline = WhenField(
        label=_("Deadline"),
        required=False,
        help_text=WHEN,
    )
    funding = CellField(
        label=_("Indicative funding sources"),
        required=False,
        help_text=_("In words, separated by commas. Left empty: not found yet."),
        widget=forms.Textarea(attrs={"rows": 1, "data-suggest": "sources"}),
    )
    bill = forms.ModelChoiceField(
        queryset=Bill.objects.none(), label=_("Bill that it prepares"), required=False
    )
    source = line(_("Source"), max_length=500, help_text=_("The document and place it is taken from."))

    def __init__(
        self,
        *args: Any,
        plan: Plan,
        columns: Mapping[str, Column],
        subject: Measure | None = None,
        **options: Any,
    ) -> None:
        super().__init__(*args, subject=subject, **options)
        self.fields["section"].queryset = queries.sections(plan)  # type: ignore[attr-defined]  # chooses among rows
        self.fields["bill"].queryset = Bill.objects.filter(ecosystem=plan.ecosystem_id)  # type: ignore[attr-defined]
        context = Context(plan)
        for name, column in columns.items():
            field = self.fields[name]
            assert isinstance(field, CellField)
            field.column, field.context = column, context
        if subject is not None:
            # Only a new measure is numbered by itself.
            self.fields["number"].required, self.fields["number"].help_text = True, ""
            self._begin_with(subject)

    def _begin_with(self, measure: Measure) -> None:
        cells = queries.cells(measure)
        now = {
            **{name: getattr(measure, name) for name in ("number", "title_lv", "title_en", "source")},
            "section": measure.section_id,
            "bill": measure.bill_id,
            "results_lv": cells["result"],
            "results_en": _dashed(row.text_en for row in measure.result_rows),
            "indicators_lv": cells["indicator"],
            "indicators_en": _dashed(row.text_en for row in measure.indicator_rows),
            "responsible": cells["responsible"],
            "involved": cells["involved"],
            "funding": cells["funding"],
            "starts": queries.deadline_words(measure.starts),
            "deadline": queries.deadline_words(measure.deadline),
        }
        for name, value in now.items():
            self.initial.setdefault(name, value)

    def remembered(self) -> SafeString:
        """What the form shows, as hidden fields that come back with what was typed."""
        kept = ((name, self._showed(name)) for name in self.fields if name != "seen")
        return format_html_join(
            "\n",
            '<input type="hidden" name="showed-{}" value="{}">',
            ((n, "" if v is None else v) for n, v in kept),
        )

    def _showed(self, name: str) -> Any:
        key = f"showed-{name}"
        return self.data[key] if key in self.data else self.initial.get(name)

    def touched(self) -> set[str]:
        """The columns that this reader changed."""
        return {
            name
            for name, field in self.fields.items()
            if name != "seen" and field.has_changed(self._showed(name), self[name].data)
        }

    def carry_out(self, verb: Callable[..., Any], subject: Any, *, by: Any, **more: Any) -> bool:
        done = super().carry_out(verb, subject, by=by, **more)
        if self.meanwhile:
            self._catch_up()
        return done

    def _catch_up(self) -> None:
        """After a conflict: what was typed stays, the other columns show what they are now."""
        touched = self.touched()
        found = queries.with_columns(Measure.objects.filter(pk=self.subject.pk)).select_related("plan").get()
        self.initial = {}
        self._begin_with(found)
        now = {name: "" if value is None else str(value) for name, value in self.initial.items()}
        untouched = {name: shown for name, shown in now.items() if name not in touched}
        remembered = {f"showed-{name}": shown for name, shown in now.items()}
        self.data = {**{name: self.data[name] for name in self.data}, **untouched, **remembered}

    def values(self) -> dict[str, Any]:
        given = super().values()
        if self.subject is not None:
            touched = self.touched()
            given = {name: value for name, value in given.items() if name in touched}
        for name in given.keys() & {"responsible", "involved"}:
            given[name] = given[name].items
        if "funding" in given:
            given["funding"] = _with_amounts(given["funding"].items, self.subject)
        return given


def _dashed(texts: Iterable[str]) -> str:
    lines = list(texts)
    return "\n".join(each or "–" for each in lines) if any(lines) else ""


def _with_amounts(sources: list[dict[str, Any]], measure: Measure | None) -> list[dict[str, Any]]:
    """Sources as they are described, with the amounts and dates known of those that were there before."""
    known = {queries.printed_source(row): row for row in measure.funding_rows} if measure else {}
    return [
        {
            **each,
            "amount": known[each["text"]].amount,
            "currency": known[each["text"]].currency,
            "until": known[each["text"]].until,
        }
        if each["text"] in known
        else each
        for each in sources
    ]


class FinishForm(VerbForm):
    done_on = forms.DateField(label=_("Done on"), widget=widgets.DateInput())


class DropForm(VerbForm):
    reason = text(_("Why it is dropped"), lines=3, required=True, help_text=_("The reason is published."))


# ---------------------------------------------------------------- reports


class ReportForm(VerbForm):
    """What an institution says of a measure; made to be filled in on a phone in two minutes."""

    text = text(_("What was done"), lines=4, help_text=_("Two or three sentences that anybody understands."))
    claims = forms.ChoiceField(label=_("The measure"), required=False, widget=forms.RadioSelect)
    done_on = forms.DateField(
        label=_("Done on"), required=False, widget=widgets.DateInput(), help_text=_("Only if it is done.")
    )
    files = FilesField(  # type: ignore[assignment]  # the field, not the uploads, which are self.files of the form
        label=_("Evidence"),
        required=False,
        help_text=_("Word, Excel, PDF, pictures or signed containers, up to 25 MB each."),
    )
    value = NumberField(
        label=_("Value of the result indicator"),
        required=False,
        help_text=_("If it is a number, for example 2."),
    )
    period = forms.TypedChoiceField(label=_("Period"), coerce=Period.parse)

    def __init__(self, *args: Any, measure: Measure, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["period"].choices = periods(measure.plan.year, today)  # type: ignore[attr-defined]  # chooses
        self.initial.setdefault("period", str(_quarter(today)))
        onward = [
            (state, _CLAIMS[MeasureState(state)])
            for state in PASSAGES[measure.state]
            if measure.undone and state != MeasureState.DROPPED
        ]
        if onward:
            self.fields["claims"].choices = [("", _("goes on as before")), *onward]  # type: ignore[attr-defined]
            self.initial.setdefault("done_on", today)
        else:
            del self.fields["claims"], self.fields["done_on"]

    def values(self) -> dict[str, Any]:
        given = super().values()
        if given.get("claims") != MeasureState.DONE:
            given.pop("done_on", None)
        return given


_CLAIMS = {MeasureState.UNDER_WAY: _("is under way"), MeasureState.DONE: _("is done")}


def _quarter(day: date) -> Period:
    return Period.quarter(day.year, (day.month + 2) // 3)


def periods(since: int, today: date) -> list[tuple[Any, list[tuple[str, str]]]]:
    """What one may report on: quarters from the first year on and whole years, the newest first."""
    first = min(since, today.year)
    now = _quarter(today)
    quarters = [
        found
        for year in range(today.year, first - 1, -1)
        for nth in (4, 3, 2, 1)
        if (found := Period.quarter(year, nth)).first <= now.first
    ][:QUARTERS]
    years = [Period.year(year) for year in range(today.year, first - 1, -1)]
    return [
        (_("Quarters"), [(str(each), words(each)) for each in quarters]),
        (_("Years"), [(str(each), words(each)) for each in years]),
    ]


class JudgeForm(VerbForm):
    """The coordinator's word on a report."""

    comment = text(_("Comment"), lines=2)

    def __init__(self, *args: Any, required: bool = False, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["comment"].required = required
        self.fields["comment"].error_messages["required"] = _(
            "Say in the comment what is missing, so that it can be mended."
        )


# ---------------------------------------------------------------- files


class UploadForm(forms.Form):
    """A file with a plan."""

    file = forms.FileField(
        label=_("File"),
        help_text=_("Word, Excel, CSV, JSON or a PDF with tables, up to 25 MB."),
        widget=widgets.FileInput(max_bytes=LIMITS.file_bytes, accept=",".join(KINDS)),
    )

    def clean_file(self) -> UploadedFile:
        upload: UploadedFile = self.cleaned_data["file"]
        if (upload.size or 0) > LIMITS.file_bytes:
            raise forms.ValidationError(too_large(upload.size or 0, LIMITS.file_bytes))
        return upload


def too_large(found: int, limit: int) -> str:
    """How much was sent and how much is taken, in whole megabytes."""
    return _("%(found)d MB were sent; at most %(limit)d MB are taken.") % {
        "found": -(-found // 1024**2),
        "limit": limit // 1024**2,
    }
