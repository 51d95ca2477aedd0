"""Forms that carry out the room's verbs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from talka.core.forms import VerbForm
from talka.legislation.models import Bill, Stage
from talka.parties import queries as parties
from talka.ui.widgets import DateInput


class BillForm(VerbForm):
    """A bill's columns."""

    title_lv = forms.CharField(label=_("Title in Latvian"), max_length=500)
    title_en = forms.CharField(label=_("Title in English"), max_length=500, required=False)
    code = forms.SlugField(
        label=_("Code"),
        max_length=80,
        help_text=_("Stands in the page's address: small letters and hyphens."),
    )
    responsible = forms.ModelChoiceField(
        label=_("Responsible institution"),
        queryset=parties.organisations(),
        required=False,
        empty_label=_("not named"),
    )
    summary_lv = forms.CharField(
        label=_("What it is about, in Latvian"), widget=forms.Textarea, required=False
    )
    summary_en = forms.CharField(
        label=_("What it is about, in English"), widget=forms.Textarea, required=False
    )
    source = forms.CharField(label=_("Source"), max_length=500, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.subject is not None:
            for name in self.fields.keys() - {"seen"}:
                self.initial.setdefault(name, getattr(self.subject, name))


class NewBillForm(BillForm):
    """A bill with the stage it has reached by now."""

    stage = forms.ChoiceField(label=_("Stage reached"), choices=Stage, initial=Stage.DRAFTING)
    stage_date = forms.DateField(
        label=_("Since"), widget=DateInput, required=False, help_text=_("Leave empty if it is not known.")
    )


class StageForm(VerbForm):
    """A stage that a bill reached."""

    stage = forms.ChoiceField(label=_("Stage reached"))
    date = forms.DateField(
        label=_("On"), widget=DateInput, required=False, help_text=_("Leave empty if it is not known.")
    )
    note = forms.CharField(
        label=_("Note"),
        max_length=500,
        required=False,
        widget=forms.Textarea,
        help_text=_("Needed only where the bill goes back on its way: why."),
    )

    def __init__(self, *args: Any, subject: Bill, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        others = [(stage.value, stage.label) for stage in Stage if stage != subject.stage]
        self.fields["stage"].choices = others  # type: ignore[attr-defined]
        self.initial.setdefault("stage", subject.next_stage)


class CorrectionForm(VerbForm):
    """The day and note of the stage that a bill is at."""

    date = forms.DateField(
        label=_("Since"), widget=DateInput, required=False, help_text=_("Leave empty if it is not known.")
    )
    note = forms.CharField(label=_("Note"), max_length=500, required=False, widget=forms.Textarea)
