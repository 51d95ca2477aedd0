"""Forms of organisations, people and accounts: each hands its fields to one verb."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from talka.core.formats import LIMITS
from talka.core.forms import VerbForm
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.parties import actions, queries
from talka.parties.models import Account, Helix, Organisation, OrganisationKind, Person
from talka.parties.roles import ROLES
from talka.ui.widgets import DateInput, FileInput

OFFERED = 500  # organisations that a field offers while one types; with more of them one has to know the name


class OfferingInput(forms.TextInput):
    """A line of text that offers organisations as one types; it takes any other spelling too."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        ident = f"{(attrs or {}).get('id', name)}_offers"
        line = super().render(name, value, {**(attrs or {}), "list": ident, "autocomplete": "off"}, renderer)
        offers = queries.organisations().filter(withdrawn=False)[:OFFERED]
        options = format_html_join(
            "",
            "<option{}></option>",
            ((flatatt({"value": each.name, "label": each.acronym}),) for each in offers),
        )
        return format_html('{}<datalist id="{}">{}</datalist>', line, ident, options)


class OrganisationField(forms.CharField):
    """An organisation, written as its name, acronym or code; the nearest ones are named where nothing fits."""

    widget = OfferingInput

    def __init__(self, **options: Any) -> None:
        options.setdefault("help_text", _("Name, acronym or code."))
        super().__init__(max_length=300, **options)

    def prepare_value(self, value: Any) -> Any:
        return value.name if isinstance(value, Organisation) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        known = queries.spellings()
        if (found := known.get(queries.key(text))) is not None:
            return found
        near = ", ".join(each.name for each in queries.nearest(text, known=known))
        message = gettext("“%(text)s” is not known") % {"text": text[:80]}
        raise forms.ValidationError(
            f"{message}; {gettext('nearest: %(names)s') % {'names': near}}" if near else message
        )


class OrganisationForm(VerbForm):
    """What is known of an organisation."""

    name_lv = forms.CharField(label=_("Name in Latvian"), max_length=300)
    name_en = forms.CharField(label=_("Name in English"), max_length=300, required=False)
    acronym = forms.CharField(label=_("Acronym"), max_length=40, required=False)
    helix = forms.ChoiceField(label=_("Helix sector"), choices=Helix.choices)
    kind_of = forms.ChoiceField(label=_("Kind"), choices=OrganisationKind.choices)
    parent = OrganisationField(label=_("Part of"), required=False)
    aliases = forms.CharField(
        label=_("Other names"),
        required=False,
        widget=forms.Textarea,
        help_text=_("Other spellings, languages and former names, one a line."),
    )
    registration_number = forms.CharField(
        label=_("Registration number"), max_length=20, required=False, help_text=_("In Latvia 11 digits.")
    )
    ror = forms.CharField(
        label=_("ROR id"),
        max_length=60,
        required=False,
        help_text=_("Like 03nadks56; leave it empty rather than guess."),
    )
    country = forms.CharField(
        label=_("Country"), max_length=2, min_length=2, initial="LV", help_text=_("Two letters.")
    )
    website = forms.CharField(label=_("Website"), max_length=200, required=False)
    source = forms.CharField(
        label=_("Source"), max_length=500, required=False, help_text=_("Where this is known from.")
    )

    def __init__(self, *args: Any, subject: Organisation | None = None, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        if subject is not None:
            for name in self.fields:
                if hasattr(subject, name):
                    self.initial.setdefault(name, getattr(subject, name))
            self.initial["aliases"] = "\n".join(each.name for each in queries.other_names(subject))

    def clean_aliases(self) -> list[str]:
        return [line.strip() for line in self.cleaned_data["aliases"].splitlines() if line.strip()]


class WithdrawForm(VerbForm):
    """That an organisation no longer exists."""

    successor = OrganisationField(label=_("Taken over by"), required=False)


class MergeForm(forms.Form):
    """Into which organisation a duplicate goes."""

    into = OrganisationField(label=_("Which organisation is it really?"))


class RorForm(forms.Form):
    """A file of ROR records."""

    file = forms.FileField(
        label=_("File of ROR records"),
        help_text=_("JSON, version 1 or 2: one record, a list of them, or the answer of a search."),
        widget=FileInput(max_bytes=LIMITS.file_bytes, accept=".json,application/json"),
    )
    country = forms.CharField(
        label=_("Country"),
        max_length=2,
        min_length=2,
        initial="LV",
        help_text=_("Records of other countries in the file are left alone."),
    )


class PersonForm(VerbForm):
    """Who somebody is."""

    given = forms.CharField(label=_("Given name"), max_length=150)
    family = forms.CharField(label=_("Family name"), max_length=150)
    email = forms.EmailField(label=_("E-mail"), required=False)
    orcid = forms.CharField(
        label=_("ORCID"),
        max_length=60,
        required=False,
        help_text=_("Sixteen digits in fours, like 0000-0002-1825-0097."),
    )

    def __init__(self, *args: Any, subject: Person | None = None, **options: Any) -> None:
        super().__init__(*args, subject=subject, **options)
        if subject is not None:
            for name in ("given", "family", "email", "orcid"):
                self.initial.setdefault(name, getattr(subject, name))


class AffiliationForm(VerbForm):
    """Where somebody works."""

    organisation = OrganisationField(label=_("Organisation"))
    position = forms.CharField(label=_("Position"), max_length=200, required=False)
    starts = forms.DateField(label=_("From"), required=False, widget=DateInput)


class EmailForm(VerbForm):
    """With which address somebody signs in."""

    email = forms.EmailField(label=_("E-mail"))


class GrantForm(VerbForm):
    """A role, and where it holds."""

    role = forms.ChoiceField(label=_("Role"))
    ecosystem = forms.ModelChoiceField(
        Ecosystem.objects.none(), label=_("Ecosystem"), required=False, empty_label=_("everywhere")
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["role"].choices = [(role.code, role.label) for role in ROLES.values()]  # type: ignore[attr-defined]
        self.fields["ecosystem"].queryset = domains.ecosystems()  # type: ignore[attr-defined]


class _NewPassword(VerbForm):
    password = forms.CharField(
        label=_("New password"),
        strip=False,
        help_text=_("At least 12 characters. A few words together are easy to remember and hard to guess."),
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )
    again = forms.CharField(
        label=_("The same once more"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def clean_again(self) -> str:
        if self.cleaned_data.get("password") != self.cleaned_data["again"]:
            raise forms.ValidationError(gettext("The two passwords differ; write the same one twice."))
        return self.cleaned_data["again"]

    def values(self) -> dict[str, Any]:
        return {name: value for name, value in super().values().items() if name != "again"}


class WelcomeForm(_NewPassword):
    """The first password, or a new one by invitation."""


class PasswordForm(_NewPassword):
    """A new password in place of the current one."""

    current = forms.CharField(
        label=_("Current password"),
        strip=False,
        required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )
    field_order = ("current", "password", "again")

    def __init__(self, *args: Any, account: Account, **options: Any) -> None:
        super().__init__(*args, **options)
        if not account.has_usable_password():
            del self.fields["current"]


class LanguageForm(VerbForm):
    """In which language letters come."""

    language = forms.ChoiceField(
        label=_("Language of letters"), choices=[("lv", _("Latvian")), ("en", _("English"))]
    )


class KeyForm(VerbForm):
    """A key for a program."""

    label = forms.CharField(label=_("What is the key for?"), max_length=100)
    read_only = forms.BooleanField(label=_("It may only read"), required=False, initial=True)
    days = forms.IntegerField(label=_("Days it lives"), min_value=1, max_value=actions.TOKEN_DAYS, initial=90)
