"""Forms: every field with its name, its help and, beside it, why it was refused."""

from __future__ import annotations

from typing import Any

from django.forms import (
    BaseForm,
    BoundField,
    CheckboxInput,
    CheckboxSelectMultiple,
    RadioSelect,
    Select,
    Textarea,
)
from django.forms.boundfield import BoundWidget
from django.forms.utils import flatatt
from django.utils.html import conditional_escape, escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from talka.ui.parts.base import EMPTY, icon, when


def field(bound: BoundField, label: str = "", help: str = "", wide: bool = True) -> SafeString:  # noqa: A002 -- Django's word
    """A field of a form. Long text grows as it is typed; `wide=False` lets the next field stand beside.

    Right:  {% field form.title %}
    Wrong:  {{ form.title }}    (no name, and the refusal would be far away)
    """
    widget = bound.field.widget
    if widget.is_hidden:
        return mark_safe(bound.as_hidden())
    grouped = isinstance(widget, RadioSelect | CheckboxSelectMultiple)
    check = isinstance(widget, CheckboxInput)
    ident = bound.auto_id or f"id_{bound.html_name}"
    text, hint, errors = label or bound.label, help or bound.help_text, list(bound.errors)
    described = " ".join(f"{ident}_{part}" for part, there in (("help", hint), ("error", errors)) if there)

    hint_ = when(hint, '<div class="form-hint" id="{1}_help">{0}</div>', ident)
    refusal = when(
        format_html_join("", "<p>{}</p>", ((error,) for error in errors)),
        '<div class="t-error" id="{1}_error">{2}<div>{0}</div></div>',
        ident,
        icon("alert-circle"),
    )
    must = bound.field.required and not check
    star = mark_safe(' <span class="t-required" aria-hidden="true">*</span>') if must else EMPTY
    css = "t-field" + ("" if wide else " t-field-short") + (" t-field-refused" if errors else "")

    if grouped:
        choices = mark_safe("".join(_choice(option) for option in bound.subwidgets))
        return format_html(
            '<fieldset class="{}"{}><legend class="form-label">{}{}</legend>{}{}{}</fieldset>',
            css,
            when(described, ' aria-describedby="{}"'),
            text,
            star,
            hint_,
            choices,
            refusal,
        )
    attributes = _attributes(widget, errors, described)
    control = (
        _select(bound, attributes)
        if isinstance(widget, Select) and widget.template_name == Select.template_name
        else mark_safe(bound.as_widget(attrs=attributes))
    )
    if check:
        return format_html(
            '<div class="{}"><div class="form-check">{}'
            '<label class="form-check-label" for="{}">{}</label></div>{}{}</div>',
            css,
            control,
            bound.id_for_label,
            text,
            hint_,
            refusal,
        )
    return format_html(
        '<div class="{}"><label class="form-label" for="{}">{}{}</label>{}{}{}</div>',
        css,
        bound.id_for_label,
        text,
        star,
        hint_,
        control,
        refusal,
    )


def _select(bound: BoundField, attributes: dict[str, Any]) -> SafeString:
    """What Django's own template of a select draws, which takes a template for each option: ten times slower."""
    widget = bound.field.widget
    given = bound.build_widget_attrs(attributes, widget)
    if bound.auto_id and "id" not in widget.attrs:
        given.setdefault("id", bound.auto_id)
    drawn = widget.get_context(bound.html_name, bound.value(), given)["widget"]
    return format_html(
        '<select name="{}"{}>{}</select>',
        drawn["name"],
        flatatt(drawn["attrs"]),
        mark_safe(
            "".join(
                format_html('<optgroup label="{}">{}</optgroup>', group, _options(options))
                if group
                else _options(options)
                for group, options, _index in drawn["optgroups"]
            )
        ),
    )


def _options(options: list[dict[str, Any]]) -> SafeString:
    drawn = (
        f'<option value="{escape(str(each["value"]))}"{flatatt(each["attrs"]) if each["attrs"] else ""}>'
        f"{conditional_escape(each['label'])}</option>"
        for each in options
    )
    return mark_safe("".join(drawn))


def _attributes(widget: Any, errors: list[Any], described: str) -> dict[str, Any]:
    """What a control gets besides its own attributes."""
    look = (
        "form-check-input"
        if isinstance(widget, CheckboxInput)
        else "form-select"
        if isinstance(widget, Select)
        else "form-control"
    )
    own = widget.attrs.get("class", "")
    attributes: dict[str, Any] = {"class": f"{own} {look}{' is-invalid' if errors else ''}".strip()}
    if errors:
        attributes["aria-invalid"] = "true"
    if described:
        attributes["aria-describedby"] = described
    if isinstance(widget, Textarea):
        attributes["data-autosize"] = True
        # Django's own 10 rows are a screen on a phone; the field grows anyway.
        attributes["rows"] = 3 if str(widget.attrs.get("rows", 10)) == "10" else widget.attrs["rows"]
    return attributes


def _choice(option: BoundWidget) -> SafeString:
    """One radio button or check box of a group, with its label beside it."""
    option.data["attrs"]["class"] = "form-check-input"
    return format_html(
        '<div class="form-check">{}<label class="form-check-label" for="{}">{}</label></div>',
        option.tag(),
        option.id_for_label,
        option.choice_label,
    )


def fields(form: BaseForm) -> SafeString:
    """Every field of a form in its order, hidden ones too, under the summary of what was refused.

    Right:  <form method="post">{% csrf_token %}{% fields form %}{% form_actions %}{% endform_actions %}
    """
    return format_html("{}{}", form_errors(form), mark_safe("".join(field(bound) for bound in form)))


def form_errors(form: BaseForm) -> SafeString:
    """The summary at the top of a refused form: each refusal links to its field. Prints nothing when all is
    well.
    """
    if not form.is_bound or not form.errors:
        return EMPTY
    items = [format_html("<li>{}</li>", error) for error in form.non_field_errors()]
    for bound in form:
        # A group has no single control of its own name: its first choice stands for it.
        target = bound.id_for_label or f"{bound.auto_id}_0"
        name = bound.label if bound.is_hidden else format_html('<a href="#{}">{}</a>', target, bound.label)
        items += [format_html("<li>{}: {}</li>", name, error) for error in bound.errors]
    words = ngettext(
        "%(count)s thing must be put right", "%(count)s things must be put right", len(items)
    ) % {"count": len(items)}
    return format_html(
        '<div class="t-notice t-tone-bad" role="alert" tabindex="-1" data-refused>{}<div>'
        '<p class="t-notice-title">{}</p><ul>{}</ul></div></div>',
        icon("alert-circle"),
        words,
        mark_safe("".join(items)),
    )


def form_actions(content: str, submit: str = "", cancel: str = "", tone: str = "primary") -> SafeString:
    """The buttons under a form: first the one that sends it, then the content, then the way back.

    Right:  {% form_actions submit=_("Save") cancel=plan_url %}{% endform_actions %}
    """
    return format_html(
        '<div class="t-form-actions"><button class="btn btn-{}" type="submit">{}</button>{}{}</div>',
        tone,
        submit or _("Save"),
        content,
        when(cancel, '<a class="btn btn-link" href="{}">{}</a>', _("Cancel")),
    )
