"""Files in and out: a plan downloaded; a plan uploaded, looked at as a difference, and taken over whole or not at all.

Between looking and taking over the file waits on the server. The address of the preview is a signed token to it that
holds for a day and for whoever uploaded it: a reload, a lost connection or a second window loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.contrib import messages
from django.core import signing
from django.core.files.uploadedfile import UploadedFile
from django.core.paginator import Paginator
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext_lazy

from talka.core import sheets_io
from talka.core.actions import Invalid
from talka.core.formats import CONTENT_TYPES, FORMATS, LIMITS
from talka.core.http import asker
from talka.core.sheets import Changed, Item
from talka.domains import queries as domains
from talka.domains.models import Ecosystem
from talka.plan import actions, forms, queries, rules
from talka.plan.models import Measure, Plan, PlanState
from talka.plan.pages.common import PAGE, address, chosen, must_be_open, need, trail, up_to
from talka.plan.sheets import PlanFile, export_plan, read_plan_file
from talka.ui.parts.boxes import badge

PROBLEMS = 200  # drawn on one page; whoever has more puts the first ones right
MULTIPART = 1024**2  # what a form adds to its file: field names, the token


def export(request: HttpRequest, ecosystem: str, year: int, kind: str) -> HttpResponse:
    """The plan as its official form, in the format asked for."""
    it = chosen(request, ecosystem, year)
    if kind not in FORMATS:
        raise Http404(_("A plan is downloaded as one of: %(known)s.") % {"known": ", ".join(FORMATS)})
    version = "" if it.in_force else f"-v{it.number}"
    response = HttpResponse(export_plan(it, kind), content_type=CONTENT_TYPES[kind])
    response["Content-Disposition"] = (
        f'attachment; filename="{it.ecosystem.code}-plan-{it.year}{version}.{kind}"'
    )
    return response


# ---------------------------------------------------------------- a file comes in


def _goal(request: HttpRequest, ecosystem: str, year: int) -> tuple[Ecosystem, Plan | None]:
    """The version that a file is for; None where the year has no plan yet, which is then founded."""
    eco = domains.enter(request, ecosystem)
    need(rules.may_edit, request, eco)
    number = request.GET.get("version", "")
    it = queries.plan_for_reader(eco, asker(request), year, int(number) if number.isdecimal() else None)
    if it is None and number:
        raise Http404(_("There is no such version of the plan for %(year)s.") % {"year": year})
    if it is not None:
        must_be_open(it)
    return eco, it


def _here(name: str, eco: Ecosystem, it: Plan | None, year: int, *more: str) -> str:
    return address(name, it, *more) if it else reverse(name, args=[eco.code, year, *more])


def _trail(eco: Ecosystem, it: Plan | None, *steps: tuple[str, str]) -> list[tuple[str, str]]:
    return trail(it, *steps) if it else [(_("Action plan"), reverse("current-plan", args=[eco.code])), *steps]


@up_to(LIMITS.file_bytes + MULTIPART)
def upload(request: HttpRequest, ecosystem: str, year: int) -> HttpResponse:
    """Takes a file with a plan and leads to what it would change."""
    eco, it = _goal(request, ecosystem, year)
    form = forms.UploadForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        token = keep(form.cleaned_data["file"], _salt(request.user, eco, year, it))
        return redirect(_here("plan-import-preview", eco, it, year, token))
    return render(
        request,
        "plan/import.html",
        {
            "title": _("Import the plan for %(year)s") % {"year": year},
            "lead": _("First you see what the file would change. Nothing changes before you say so."),
            "breadcrumbs": _trail(eco, it, (_("Import"), "")),
            "plan": it,
            "form": form,
            "submit": _("Show what it changes"),
            "cancel": it.get_absolute_url() if it else reverse("current-plan", args=[eco.code]),
            "draft_key": False,
            "pattern": address("plan-export", it, "docx") if it else "",
            "in_force": it is not None and it.in_force,
        },
    )


def take_over(request: HttpRequest, ecosystem: str, year: int, token: str) -> HttpResponse:
    """Shows what an uploaded file would change; sent back, carries it out, whole or not at all."""
    eco, it = _goal(request, ecosystem, year)
    back = _here("plan-import", eco, it, year)
    try:
        kept = find(token, _salt(request.user, eco, year, it))
    except Gone:
        messages.error(
            request,
            _(
                "This file does not wait here any more: imported, older than a day, or not yours. Choose it again."
            ),
        )
        return redirect(back)
    found = read_plan_file(it, kept.path, name=kept.name)
    if request.method == "POST":
        try:
            done, plan = _carry_out(request, eco, it, year, kept, found)
        except Changed as refusal:
            messages.warning(request, str(refusal))
            return redirect(_here("plan-import-preview", eco, it, year, token))
        except Invalid as refusal:
            messages.error(request, str(refusal))
            return redirect(_here("plan-import-preview", eco, it, year, token))
        sheets_io.discard(kept)
        messages.success(request, _imported(kept.name, done))
        return redirect(plan)
    return render(request, "plan/preview.html", _preview(request, eco, it, year, found, back))


def _carry_out(
    request: HttpRequest, eco: Ecosystem, it: Plan | None, year: int, kept: sheets_io.Kept, found: PlanFile
) -> tuple[int, Plan]:
    """How many measures a file has added or changed, and in which plan. A year without a plan gets one."""
    expected = request.POST.get("expected", "")
    if it is not None:
        return len(found.apply(by=asker(request), expected=expected)), it
    with transaction.atomic():
        found.expect(expected)
        plan = actions.add_plan(eco, by=asker(request), year=year)
        return len(read_plan_file(plan, kept.path, name=kept.name).apply(by=asker(request))), plan


def _imported(name: str, count: int) -> str:
    if not count:
        return _("“%(name)s” is imported: only headings were changed.") % {"name": name}
    return ngettext(
        "“%(name)s” is imported: %(count)d measure was added or changed.",
        "“%(name)s” is imported: %(count)d measures were added or changed.",
        count,
    ) % {"name": name, "count": count}


def _preview(
    request: HttpRequest, eco: Ecosystem, it: Plan | None, year: int, found: PlanFile, back: str
) -> Mapping[str, Any]:
    page = Paginator(found.items, PAGE).get_page(request.GET.get("page"))
    kinds = [item.kind for item in found.items]
    untouched = len(found.measures) - len(kinds)
    step = (_("Import"), back)
    return {
        "title": _("What the file changes"),
        "kicker": found.name,
        "breadcrumbs": _trail(eco, it, step, (_("Preview"), "")),
        "plan": it,
        "year_text": str(year),
        "other_year": str(found.year) if found.year not in (None, year) else "",
        "found": found,
        "figure": len(found.problems) or len(kinds) + len(found.sections),
        "figure_label": ngettext(
            "change in the file", "changes in the file", len(kinds) + len(found.sections)
        ),
        "sentence": _in_words(found, kinds, untouched),
        "problems": found.problems[:PROBLEMS],
        "more_problems": max(len(found.problems) - PROBLEMS, 0),
        "sections": [_told(item) for item in found.sections],
        "page_obj": page,
        "rows": [_told(item) for item in page.object_list],
        "untouched": untouched if not found.problems else 0,
        "missing": [(each.number, each.title, each.get_absolute_url()) for each in found.missing],
        "unread": ", ".join(f"“{header}”" for header in found.unread),
        "applicable": not found.problems and bool(kinds or found.sections),
        "in_force": it is not None and it.state == PlanState.ADOPTED,
        "back": back,
        "cancel": it.get_absolute_url() if it else reverse("current-plan", args=[eco.code]),
    }


def _in_words(found: PlanFile, kinds: list[str], untouched: int) -> str:
    """What a file would do, in one sentence."""
    if found.problems:
        return ngettext(
            "%(n)d place in the file must be put right first. Until then nothing is imported.",
            "%(n)d places in the file must be put right first. Until then nothing is imported.",
            len(found.problems),
        ) % {"n": len(found.problems)}
    new, changed = kinds.count("new"), kinds.count("changed")
    said = [
        words % {"n": number}
        for number, words in (
            (new, ngettext("%(n)d measure is new", "%(n)d measures are new", new)),
            (changed, ngettext("%(n)d measure changes", "%(n)d measures change", changed)),
            (untouched, ngettext("%(n)d measure is the same", "%(n)d measures are the same", untouched)),
            (
                len(found.sections),
                ngettext("%(n)d heading differs", "%(n)d headings differ", len(found.sections)),
            ),
        )
        if number
    ]
    text = ", ".join(said)
    return text[:1].upper() + text[1:] + "." if text else _("The file says nothing.")


CHANGES: dict[str, tuple[Any, str]] = {
    "new": (pgettext_lazy("import", "new"), "good"),
    "changed": (pgettext_lazy("import", "changed"), "progress"),
    "gone": (pgettext_lazy("import", "goes"), "bad"),
}


def _told(item: Item) -> dict[str, Any]:
    """A change as the page prints it."""
    label, tone = CHANGES[item.kind]
    measure = item.current if isinstance(item.current, Measure) else None
    title = measure.title if measure else item.values.get("title_lv", "")
    return {
        "name": item.name if title in item.name else f"{item.name}. {title}",
        "place": item.place,
        "badge": badge(label, tone=tone),
        "cells": [(str(each.column.label), each.before, each.after) for each in item.differences],
    }


# ---------------------------------------------------------------- where files wait


class Gone(Exception):
    """There is no such file, or not for this account and plan."""


def _salt(account: Any, eco: Ecosystem, year: int, it: Plan | None) -> str:
    """What a token is bound to: whoever uploaded the file, and the plan it was for."""
    return f"plan.import:{account.pk}:{eco.pk}:{year}:{it.pk if it else ''}"


def keep(upload: UploadedFile, salt: str) -> str:
    """Keeps a file for a day and returns the signed token to it."""
    waiting = sheets_io.keep(upload)
    return signing.dumps(waiting.token, salt=salt)


def find(token: str, salt: str) -> sheets_io.Kept:
    """The file that a token leads to. Raises Gone."""
    try:
        stored = signing.loads(token, salt=salt, max_age=sheets_io.DAY)
    except signing.BadSignature:
        raise Gone from None
    try:
        return sheets_io.kept(stored)
    except Invalid:
        raise Gone from None
