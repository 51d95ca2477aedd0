"""Forms that carry out verbs: what a verb refuses is explained beside the field it concerns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django import forms
from django.http import QueryDict

from talka.core import events
from talka.core.actions import Invalid, Stale
from talka.core.models import Change


class VerbForm(forms.Form):
    """A form whose `carry_out` calls a verb. `seen` is the revision of the row the reader saw.

        form = MeasureForm(request.POST or None, subject=measure)
        if request.method == "POST" and form.carry_out(actions.edit, measure, by=request.user):
            return redirect(measure)

    After a conflict `meanwhile` holds the changes the reader has not seen, and the form keeps what was typed.
    """

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
