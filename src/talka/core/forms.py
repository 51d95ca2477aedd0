"""Forms that carry out verbs: what a verb refuses is explained beside the field it concerns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from django import forms
from django.http import QueryDict

from talka.core import events
from talka.core.actions import Invalid, Stale
from talka.core.models import Change


@dataclass(frozen=True)
class Unseen:
    """A column that somebody else changed while a form was open: whose doing, its label, before and after."""

    who: str
    label: str
    before: str
    after: str


class VerbForm(forms.Form):
    """A form whose `carry_out` calls a verb. `seen` is the revision of the row the reader saw.

        form = MeasureForm(request.POST or None, subject=measure)
        if request.method == "POST" and form.carry_out(actions.edit, measure, by=request.user):
            return redirect(measure)

    After a conflict `meanwhile` holds the changes the reader has not seen, `unseen` says them in the form's own words,
    and the form keeps what was typed. `below` names the rows below the subject that its verb changes too.
    """

    below: ClassVar[Mapping[str, Any]] = {}  # label by kind: {"plan.result": _("Result")}
    seen = forms.IntegerField(required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, subject: Any = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.subject = subject
        self.meanwhile: list[Change] = []
        self.result: Any = None
        if subject is not None:
            self.initial.setdefault("seen", subject.revision)

    def values(self) -> dict[str, Any]:
        """What is handed to the verb: the cleaned fields without `seen`."""
        return {name: value for name, value in self.cleaned_data.items() if name != "seen"}

    def carry_out(self, verb: Callable[..., Any], subject: Any, *, by: Any, **more: Any) -> bool:
        """Calls `verb(subject, by=by, seen=…, **values)` if the form is valid; False where it was refused."""
        if not self.is_valid():
            return False
        seen = {"seen": self.cleaned_data["seen"]} if self.subject is not None else {}
        try:
            self.result = verb(subject, by=by, **seen, **self.values(), **more)
        except Invalid as error:
            self.add_error(error.field if error.field in self.fields else None, str(error))
        except Stale as error:
            self.add_error(None, str(error))
            if self.subject is not None:
                self._show_meanwhile(error.current)
        else:
            return True
        return False

    def _show_meanwhile(self, current: Any) -> None:
        """Shows what others did; having been told, the reader may save over it, for the form knows the new revision."""
        if (type(current), current.pk) != (
            type(self.subject),
            self.subject.pk,
        ):  # a row below it had moved on
            current = type(self.subject)._base_manager.get(pk=self.subject.pk)
        self.meanwhile = events.since(current, self.cleaned_data["seen"] or 0)
        data: Any = self.data.copy() if isinstance(self.data, QueryDict) else dict(self.data)
        data[self.add_prefix("seen")] = str(current.revision)
        self.data = data

    @property
    def unseen(self) -> list[Unseen]:
        """What somebody else changed since the form was opened, newest first: columns of the form and rows below."""
        told: list[Unseen] = []
        for change in self.meanwhile:
            if (change.subject_kind, change.subject_id) == (self.subject.kind(), self.subject.pk):
                told += self._columns(change)
            elif self._hangs_here(change):
                label = str(self.below.get(change.subject_kind, ""))
                told += (Unseen(change.event.by_name, label, *pair) for pair in _row(change))
        return told

    def _columns(self, change: Change) -> Iterator[Unseen]:
        for name, entry in change.fields.items():
            field = self.fields.get(name.removesuffix("_id"))
            if field is not None and "erased" not in entry:
                before, after = (_named(field, entry[side]) for side in ("from", "to"))
                yield Unseen(change.event.by_name, str(field.label or ""), before, after)

    def _hangs_here(self, change: Change) -> bool:
        """Whether a row is below the subject. One verb may change many subjects at once: an import does."""
        if change.subject_kind == self.subject.kind():
            return False
        parent = change.fields.get(f"{self.subject._meta.model_name}_id")
        return parent is None or self.subject.pk in (parent.get("from"), parent.get("to"))


def _named(field: forms.Field, value: Any) -> str:
    """The value of a column as the form's reader knows it: a choice by its label, another row by its name."""
    if value in (None, ""):
        return ""
    if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
        row = field.queryset.filter(pk=value).first()
        return str(value if row is None else field.label_from_instance(row))
    labels = {str(known): str(label) for known, label in getattr(field, "choices", ())}
    return labels.get(str(value), str(value))


def _row(change: Change) -> list[tuple[str, str]]:
    """What became of a row below: its name where it came or went, else its changed texts."""
    if change.kind == "created":
        return [("", change.subject_name)]
    if change.kind == "deleted":
        return [(change.subject_name, "")]
    # A number is a place in an order or the id of another row: nothing that a reader would know.
    pairs = [(entry.get("from"), entry.get("to")) for entry in change.fields.values()]
    return [(before or "", after or "") for before, after in pairs if isinstance(before or after, str)]


def answer_status(form: forms.BaseForm) -> int:
    """With what a page that shows a form answers: 409 after a conflict, otherwise 200, as forms of the web do."""
    return 409 if getattr(form, "meanwhile", []) else 200
