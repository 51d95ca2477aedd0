"""A select drawn without a template for each option says what Django's own says."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django import forms
from django.test.html import parse_html

from talka.ui.parts.forms import field

CHOICES: list[Any] = [("", "–"), (1, "Viens & <divi>"), ("Grupa", [("a", "A"), ("b", '"B"')])]
GIVEN = {"p-one": "1", "p-many": ["a", "b"], "p-plain": "b", "p-maybe": "true"}


class Form(forms.Form):
    one = forms.ChoiceField(choices=CHOICES, required=False)
    many = forms.MultipleChoiceField(choices=CHOICES, disabled=True, initial=["a"])
    maybe = forms.NullBooleanField()
    plain = forms.ChoiceField(choices=CHOICES, widget=forms.Select(attrs={"data-x": "y", "required": False}))


@pytest.mark.parametrize("data", [None, GIVEN])
@pytest.mark.parametrize("name", ["one", "many", "maybe", "plain"])
def test_it_is_the_same_element(name: str, data: dict[str, Any] | None) -> None:
    form = Form(data, prefix="p")
    found = re.search(r"<select.*</select>", field(form[name]), re.DOTALL)
    assert found
    assert parse_html(found[0]) == parse_html(form[name].as_widget(attrs={"class": "form-select"}))
