"""Forms that carry out the room's verbs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from talka.core.forms import VerbForm
from talka.domains.models import Ecosystem
from talka.governance import queries
from talka.governance.models import BodyKind, Decision
from talka.governance.queries import NOTHING, Carried
from talka.ui.widgets import DateInput


class BodyForm(VerbForm):
    """A body's columns."""

    title_lv = forms.CharField(label=_("Title in Latvian"), max_length=300)
    title_en = forms.CharField(label=_("Title in English"), max_length=300, required=False)
    code = forms.SlugField(
        label=_("Code"),
        max_length=80,
        help_text=_("Stands in the page's address: small letters and hyphens."),
    )
    kind_of = forms.ChoiceField(label=_("Kind"), choices=BodyKind)
    summary_lv = forms.CharField(label=_("What it is for, in Latvian"), widget=forms.Textarea, required=False)
    summary_en = forms.CharField(label=_("What it is for, in English"), widget=forms.Textarea, required=False)
    source = forms.CharField(label=_("Source"), max_length=500, required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if self.subject is not None:
            for name in self.fields.keys() - {"seen"}:
                self.initial.setdefault(name, getattr(self.subject, name))


class DecisionForm(VerbForm):
    """A prepared decision, with the action it carries chosen among those that make sense now."""

    title_lv = forms.CharField(label=_("Title in Latvian"), max_length=500)
    title_en = forms.CharField(label=_("Title in English"), max_length=500, required=False)
    text_lv = forms.CharField(
        label=_("Text in Latvian"),
        widget=forms.Textarea,
        required=False,
        max_length=20000,
        help_text=_("What is decided, word for word."),
    )
    text_en = forms.CharField(
        label=_("Text in English"), widget=forms.Textarea, required=False, max_length=20000
    )
    carries = forms.ChoiceField(
        label=_("What it does on adoption"),
        required=False,
        help_text=_("Done by itself in the moment when the decision is adopted."),
    )

    def __init__(self, *args: Any, ecosystem: Ecosystem, **options: Any) -> None:
        super().__init__(*args, **options)
        offers = list(queries.offers(ecosystem))
        if self.subject is not None:
            for name in ("title_lv", "title_en", "text_lv", "text_en"):
                self.initial.setdefault(name, getattr(self.subject, name))
            self.initial.setdefault("carries", self._present(self.subject, offers))
        self.carried = {key: carried for key, _words, carried in offers}
        self.fields["carries"].choices = [  # type: ignore[attr-defined]
            ("", _("nothing by itself")),
            *((key, words) for key, words, _carried in offers),
        ]

    @staticmethod
    def _present(decision: Decision, offers: list[tuple[str, str, Carried]]) -> str:
        """The key of what a decision carries now; it stays on offer although nothing waits for it any more."""
        if not decision.verb:
            return ""
        key = f"{decision.verb}:{decision.subject_kind}:{decision.subject_id}"
        subject = queries.subject_of(decision)
        if subject is not None and key not in {each for each, _words, _carried in offers}:
            words = f"{queries.what_it_does(decision)}: {subject}"
            offers.append((key, words, Carried(decision.verb, subject, decision.arguments)))
        return key

    def clean_carries(self) -> Carried:
        return self.carried.get(self.cleaned_data["carries"], NOTHING)


class AdoptForm(VerbForm):
    """The day on which a body took a decision."""

    decided_on = forms.DateField(label=_("Decided on"), widget=DateInput)


class RejectForm(AdoptForm):
    """The day and the reason of a rejection."""

    reason = forms.CharField(label=_("Why"), widget=forms.Textarea, max_length=5000)


class PublishForm(VerbForm):
    """The text of a decision that was taken without one."""

    text_lv = forms.CharField(label=_("Text in Latvian"), widget=forms.Textarea, max_length=20000)
    text_en = forms.CharField(
        label=_("Text in English"), widget=forms.Textarea, required=False, max_length=20000
    )

    def __init__(self, *args: Any, subject: Decision, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        for name in ("text_lv", "text_en"):
            self.initial.setdefault(name, getattr(subject, name))
