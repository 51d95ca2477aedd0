"""Forms that carry out the room's verbs."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from talka.core.forms import VerbForm
from talka.domains.models import Ecosystem
from talka.network import queries
from talka.network.models import CompetenceField, CompetenceKind, Niche


class _NestedForm(VerbForm):
    """What niches and competence fields have in common."""

    title_lv = forms.CharField(label=_("Title in Latvian"), max_length=300)
    title_en = forms.CharField(label=_("Title in English"), max_length=300, required=False)
    code = forms.SlugField(
        label=_("Code"),
        max_length=80,
        help_text=_("Stands in the page's address: small letters and hyphens."),
    )
    parent: forms.ModelChoiceField[Any]
    order = forms.IntegerField(label=_("Order"), min_value=0, max_value=9999, initial=0)
    source = forms.CharField(label=_("Source"), max_length=500, required=False)

    def __init__(self, *args: Any, ecosystem: Ecosystem, **options: Any) -> None:
        super().__init__(*args, **options)
        rows = self._rows(ecosystem)
        if self.subject is not None:
            inside = [self.subject.pk, *(row.pk for row in queries.below(self.subject, rows))]
            rows = rows.exclude(pk__in=inside)
            for name in self.fields.keys() - {"seen"}:
                self.initial.setdefault(name, getattr(self.subject, name))
        self.fields["parent"].queryset = rows  # type: ignore[attr-defined]

    def _rows(self, ecosystem: Ecosystem) -> Any:
        raise NotImplementedError


class NicheForm(_NestedForm):
    parent = forms.ModelChoiceField(
        label=_("Part of"), queryset=Niche.objects.none(), required=False, empty_label=_("on its own")
    )

    def _rows(self, ecosystem: Ecosystem) -> Any:
        return queries.niches(ecosystem)


class CompetenceForm(_NestedForm):
    kind_of = forms.ChoiceField(label=_("Kind"), choices=CompetenceKind)
    parent = forms.ModelChoiceField(
        label=_("Part of"),
        queryset=CompetenceField.objects.none(),
        required=False,
        empty_label=_("on its own"),
    )

    def _rows(self, ecosystem: Ecosystem) -> Any:
        return queries.competences(ecosystem)
