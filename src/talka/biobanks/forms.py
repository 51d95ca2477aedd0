"""Forms that carry out the room's verbs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from talka.biobanks import codes
from talka.biobanks.models import ConsentForm, Role, Signer
from talka.biobanks.queries import directory as queries
from talka.biobanks.queries import nodes
from talka.core.forms import VerbForm
from talka.domains.models import Ecosystem
from talka.parties import queries as parties
from talka.parties.models import Organisation
from talka.ui.fields import FilesField


def _line(label: Any, *, required: bool = False, max_length: int = 300, **options: Any) -> forms.CharField:
    return forms.CharField(label=label, required=required, max_length=max_length, **options)


def _text(label: Any, *, lines: int = 3, required: bool = False, **options: Any) -> forms.CharField:
    return forms.CharField(
        label=label, required=required, widget=forms.Textarea(attrs={"rows": lines}), **options
    )


def _day(label: Any, *, required: bool = False, **options: Any) -> forms.DateField:
    return forms.DateField(
        label=label,
        required=required,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        input_formats=["%Y-%m-%d", "%d.%m.%Y"],
        **options,
    )


def _one(label: Any, **options: Any) -> forms.ModelChoiceField[Any]:
    return forms.ModelChoiceField(Organisation.objects.none(), label=label, required=False, **options)


def _some(label: Any, **options: Any) -> forms.ModelMultipleChoiceField[Any]:
    return forms.ModelMultipleChoiceField(
        Organisation.objects.none(),
        label=label,
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        **options,
    )


def _codes(label: Any, choices: Any, *, required: bool = False) -> forms.MultipleChoiceField:
    return forms.MultipleChoiceField(
        label=label, choices=choices.choices, required=required, widget=forms.CheckboxSelectMultiple()
    )


class LinesField(forms.CharField):
    """Several texts, one a line."""

    def __init__(self, *, lines: int = 3, **options: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": lines}), **options)

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        return [line.strip() for line in str(value or "").splitlines() if line.strip()]


CODE_HELP = _("Stands in the page's address: small letters and hyphens.")


class RowForm(VerbForm):
    """A form about one row: it begins with what the row says, and offers the rows it may point to."""

    def __init__(self, *args: Any, ecosystem: Ecosystem, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, rows in self.offers(ecosystem).items():
            if name in self.fields:
                self.fields[name].queryset = rows  # type: ignore[attr-defined]  # a field that chooses among rows
        if self.subject is not None:
            for name in self.fields.keys() - {"seen"}:
                value = getattr(self.subject, name, None)
                rows = isinstance(self.fields[name], forms.ModelMultipleChoiceField)
                self.initial.setdefault(name, [row.pk for row in value or ()] if rows else value)

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        """The rows to choose from, by field."""
        return {}

    def values(self) -> dict[str, Any]:
        """Chosen rows as plain lists."""
        return {
            name: list(value) if isinstance(self.fields[name], forms.ModelMultipleChoiceField) else value
            for name, value in super().values().items()
        }


class EntryForm(RowForm):
    """What every entry of the directory has."""

    title_lv = _line(_("Name in Latvian"), required=True)
    title_en = _line(_("Name in English"))
    acronym = _line(_("Acronym"), max_length=60)
    code = forms.SlugField(label=_("Code"), max_length=80, help_text=CODE_HELP)
    summary_lv = _text(_("Description in Latvian"), lines=4, max_length=2000)
    summary_en = _text(_("Description in English"), lines=4, max_length=2000)
    website = _line(_("Website"))
    contact = _one(_("Contact"))


class BiobankForm(EntryForm):
    """A biobank."""

    juristic_person = _one(_("Legal person"))
    juristic_name = _line(_("Legal person, where it is not on this hub"))
    country = _line(
        _("Country"), required=True, max_length=2, initial="LV", help_text=_("Two letters, as LV.")
    )
    infrastructure = _codes(_("Infrastructure"), codes.Infrastructure)
    organising = _codes(_("What it can organise"), codes.Organising)
    bioprocessing = _codes(_("What it can do with samples"), codes.Bioprocessing)
    node = _one(_("Data node"))
    withdrawn = forms.BooleanField(label=_("Withdrawn from the directory"), required=False)
    source = _line(_("Source"), max_length=500)

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        return {
            "contact": queries.contacts(ecosystem),
            "juristic_person": parties.organisations(),
            "node": nodes.nodes(ecosystem),
        }


class CollectionForm(EntryForm):
    """A collection of a biobank."""

    parent = _one(_("Part of"))
    status = forms.ChoiceField(label=_("Status"), choices=[("", "–"), *codes.Status.choices], required=False)
    sample_source = forms.ChoiceField(label=_("Source of the samples"), choices=codes.SampleSource)
    materials = _codes(_("Types of samples"), codes.Material, required=True)
    dataset_types = _codes(_("Types of data"), codes.DatasetType, required=True)
    sexes = _codes(_("Sexes"), codes.Sex, required=True)
    age_low = forms.IntegerField(label=_("Lowest age"), required=False, min_value=0)
    age_high = forms.IntegerField(label=_("Highest age"), required=False, min_value=0)
    age_unit = forms.ChoiceField(
        label=_("Unit of age"), choices=[("", "–"), *codes.AgeUnit.choices], required=False
    )
    temperatures = _codes(_("Storage temperatures"), codes.Temperature)
    diseases = LinesField(
        label=_("Diseases (ICD-10 or ORPHA)"), help_text=_("One a line: C34, C34.1, C30-C39 or ORPHA:586.")
    )
    settings = _codes(_("Occasions of collection"), codes.Setting)
    designs = _codes(_("Design"), codes.Design)
    inclusion = _codes(_("Criteria of inclusion"), codes.Inclusion)
    conditions = _codes(_("Conditions of use"), codes.Condition)
    terms = LinesField(label=_("Terms of use (DUO)"), help_text=_("One a line, as DUO:0000042."))
    publications = LinesField(label=_("Publications"), help_text=_("One a line: a DOI or an address."))
    subjects = forms.IntegerField(label=_("Number of donors, as declared"), required=False, min_value=0)
    samples = forms.IntegerField(label=_("Number of samples, as declared"), required=False, min_value=0)
    node_code = _line(_("Code at the node"), max_length=120)
    networks = _some(_("Networks"))
    withdrawn = forms.BooleanField(label=_("Withdrawn from the directory"), required=False)
    source = _line(_("Source"), max_length=500)

    def __init__(self, *args: Any, biobank: Any, **options: Any) -> None:
        self.biobank = biobank
        super().__init__(*args, **options)

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        others = queries.collections(ecosystem).filter(biobank=self.biobank)
        return {
            "contact": queries.contacts(ecosystem),
            "parent": others.exclude(pk=self.subject.pk) if self.subject else others,
            "networks": queries.networks(ecosystem),
        }


class QualityForm(RowForm):
    """A standard that a biobank says it works by."""

    standard = forms.ChoiceField(label=_("Standard"), choices=codes.Standard)
    name = _line(_("Name of another standard"), max_length=200)
    collection = _one(_("Only the collection"))
    certificate = _line(_("Number of the certificate"), max_length=100)
    issued_by = _line(_("Issued by"), max_length=200)
    valid_from = _day(_("Valid from"))
    valid_until = _day(_("Valid until"))

    def __init__(self, *args: Any, biobank: Any, **options: Any) -> None:
        self.biobank = biobank
        super().__init__(*args, **options)

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        return {"collection": queries.collections(ecosystem).filter(biobank=self.biobank)}


class VerifyForm(VerbForm):
    """What the verification of a claimed standard found."""

    upheld = forms.TypedChoiceField(
        label=_("What was found"),
        choices=[("yes", _("the standard is met")), ("no", _("the standard is not met"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
    )
    finding = _text(_("In words"), help_text=_("What was looked at; what is missing, if anything is."))


class NodeForm(RowForm):
    """A data node."""

    title_lv = _line(_("Name in Latvian"), required=True, max_length=200)
    title_en = _line(_("Name in English"), max_length=200)
    code = forms.SlugField(label=_("Code"), max_length=60, help_text=CODE_HELP)
    holder = _one(_("Holder of the data"))
    address = _line(_("Address"), required=True, help_text=_("As https://node.example.lv:8620."))
    public_key = _line(
        _("Public key (Ed25519)"),
        required=True,
        max_length=64,
        help_text=_(
            "64 hexadecimal digits, which the node prints. Compare them by telephone, not by e-mail."
        ),
    )
    log_name = _line(
        _("Name of its record of consents"), max_length=64, help_text=_("The node prints it beside its key.")
    )
    roles = _codes(_("Roles"), Role)
    active = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        return {"holder": parties.organisations()}


class CollectorForm(RowForm):
    """A collector and its agreement."""

    title_lv = _line(_("Name in Latvian"), required=True, max_length=200)
    title_en = _line(_("Name in English"), max_length=200)
    code = forms.SlugField(label=_("Code"), max_length=60, help_text=CODE_HELP)
    organisation = _one(_("Institution"))
    biobank = _one(_("Biobank that it gathers for"))
    agreed_on = _day(_("Agreement signed on"))
    ended_on = _day(_("Agreement ended on"))

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["biobank"].required = True

    def offers(self, ecosystem: Ecosystem) -> Mapping[str, Any]:
        return {"organisation": parties.organisations(), "biobank": queries.biobanks(ecosystem)}


# ---------------------------------------------------------------- consent


class IntakeForm(forms.Form):
    """A donor signs at the counter: which boxes, who saw it, who signed for a minor. The id is made with the
    empty form, so that a page sent twice counts once."""

    uid = forms.CharField(widget=forms.HiddenInput, max_length=120)
    subject = _line(
        _("Donor's reference"),
        required=True,
        max_length=120,
        help_text=_(
            "From the donor's card or your system; never a personal code. A new donor gets the one shown."
        ),
    )
    on = _day(_("Signed on"), required=True)
    options = forms.MultipleChoiceField(
        label=_("Boxes ticked"), required=False, widget=forms.CheckboxSelectMultiple()
    )
    signer = forms.ChoiceField(
        label=_("Signed by"), choices=Signer.choices, initial=Signer.SELF, widget=forms.RadioSelect
    )
    capacity = _line(
        _("As what the representative signed"),
        max_length=100,
        help_text=_("For example mother, father, guardian."),
    )
    adult_on = _day(_("The minor comes of age on"))
    witness = _line(
        _("Witness"), required=True, max_length=200, help_text=_("Who of the collector saw the signature.")
    )
    language = forms.ChoiceField(
        label=_("Language read"), choices=[("lv", _("Latvian")), ("en", _("English"))]
    )
    files = FilesField(  # type: ignore[assignment]  # a field; the form's own `files` is set on each form
        label=_("Scanned paper"), required=False, help_text=_("PDF or picture, up to 25 MB.")
    )

    def __init__(self, *args: Any, paper: ConsentForm, **options: Any) -> None:
        super().__init__(*args, **options)
        self.paper = paper
        language = "en" if str(self.initial.get("language")) == "en" else "lv"
        self.fields["options"].choices = [  # type: ignore[attr-defined]  # a field of choices
            (box["name"], box.get(language) or box["lv"]) for box in paper.options
        ]
        if not paper.guardian:
            for name in ("signer", "capacity", "adult_on"):
                del self.fields[name]

    def statement(self, way: str) -> dict[str, Any]:
        """What is handed to the verb."""
        given = self.cleaned_data
        told: dict[str, Any] = {
            "id": given["uid"],
            "kind": "given",
            "subject": given["subject"],
            "on": given["on"],
            "form": self.paper.code,
            "version": self.paper.version,
            "options": given["options"],
            "witness": given["witness"],
            "language": given["language"],
            "way": way,
        }
        if given.get("signer") == Signer.GUARDIAN:
            told |= {
                "signer": str(Signer.GUARDIAN),
                "capacity": given["capacity"],
                "adult_on": given["adult_on"],
            }
        return told


class FindDonorForm(forms.Form):
    """Whose consents are looked up. Sent as a post: a reference has no place in an address."""

    subject = _line(
        _("Donor's reference"),
        required=True,
        max_length=120,
        help_text=_("As the donor's card says it, or your system."),
    )


class WithdrawForm(VerbForm):
    """A donor withdraws."""

    subject = forms.CharField(widget=forms.HiddenInput, max_length=120)
    uid = forms.CharField(widget=forms.HiddenInput, max_length=120)
    boxes = forms.MultipleChoiceField(
        label=_("What is withdrawn"),
        required=False,
        widget=forms.CheckboxSelectMultiple(),
        help_text=_("Tick single purposes, or none to withdraw wholly."),
    )
    destroy = forms.BooleanField(label=_("The donor asks that the samples be destroyed"), required=False)
    reason = _line(
        _("Reason, if the donor gives one"), max_length=500, help_text=_("Nobody has to give one.")
    )


class DestructionForm(VerbForm):
    """The act by which samples were destroyed."""

    act_number = _line(_("Number of the act"), required=True, max_length=100)
    on = _day(_("Destroyed on"), required=True)
    samples = forms.IntegerField(label=_("Samples destroyed"), required=False, min_value=0)
    note = _text(_("Note"), help_text=_("What could not be destroyed, and why."))
    files = FilesField(label=_("The act"), required=False)  # type: ignore[assignment]  # a field, see above


class ScanForm(VerbForm):
    """The scanned paper of a consent."""

    files = FilesField(label=_("Scanned paper"), required=True)  # type: ignore[assignment]  # a field, see above
