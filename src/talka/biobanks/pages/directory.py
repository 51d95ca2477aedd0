"""Pages of the directory: the search, an entry of each kind, its forms, and the directory in other people's formats."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_POST

from talka.biobanks import actions, codes, rules
from talka.biobanks.forms import BiobankForm, CollectionForm, QualityForm, VerifyForm
from talka.biobanks.models import Biobank, Collection, FigureKind, QualityMark
from talka.biobanks.models.directory import FACETS
from talka.biobanks.pages.shared import PAGE, carry, require, sections, trail
from talka.biobanks.queries import directory as queries
from talka.biobanks.standards import bbmri, dcat, fhir
from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem

FACET_LABELS = {
    "material": gettext_lazy("Type of sample"),
    "data": gettext_lazy("Type of data"),
    "sex": gettext_lazy("Sex"),
    "temperature": gettext_lazy("Storage temperature"),
    "design": gettext_lazy("Design"),
    "condition": gettext_lazy("Conditions of use"),
    "biobank": gettext_lazy("Biobank"),
}
STATES = {
    "claimed": (gettext_lazy("claimed"), "neutral"),
    "verified": (gettext_lazy("verified"), "good"),
    "refuted": (gettext_lazy("not met"), "bad"),
    "expired": (gettext_lazy("expired"), "warning"),
}


# ---------------------------------------------------------------- the search


def biobanks(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Which collections of samples are there, and which fit what I need?"""
    eco = domains.enter(request, ecosystem)
    chosen = {facet: request.GET.getlist(facet) for facet in (*FACETS, "biobank")}
    words, disease = request.GET.get("q", "")[:200], request.GET.get("disease", "")[:20]
    found = queries.search(eco, text=words, chosen=chosen, disease=disease)
    page = Paginator(found.ids, PAGE).get_page(request.GET.get("page"))
    rows = queries.by_ids(list(page))
    figures = queries.latest_figures(rows)
    who = asker(request)
    return render(
        request,
        "biobanks/directory.html",
        {
            "title": _("Data & samples"),
            "lead": _("What the biobanks keep, described by MIABIS, the standard of European biobanks"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Data & samples"), "")],
            "sections": sections(eco, "biobanks"),
            "found": len(found.ids),
            "total": found.total,
            "keepers": len(found.keepers),
            "narrowed": bool(words or disease or any(chosen.values())),
            "words": words,
            "disease": disease,
            "page": page,
            "rows": [(row, _told(row, figures.get(row.pk, {}))) for row in rows],
            "facets": [
                (name, FACET_LABELS[name], found.facets[name]) for name in FACET_LABELS if found.facets[name]
            ],
            "biobanks": list(queries.biobanks(eco, withdrawn=False)[:PAGE]),  # the facet has them all
            "networks": [row for row in queries.networks(eco) if not row.withdrawn],
            "resources": [row for row in queries.resources(eco) if not row.withdrawn],
            "may_found": rules.may_found(who, eco),
        },
    )


def _told(row: Collection, figures: dict[str, Any]) -> dict[str, Any]:
    """The numbers of a collection: what its node told, else what was declared; and which of the two."""
    told: dict[str, Any] = {}
    for kind, declared in ((FigureKind.DONORS, row.subjects), (FigureKind.SAMPLES, row.samples)):
        figure = figures.get(kind)
        told[kind.value] = {"value": figure.value if figure else declared, "figure": figure}
    return told


# ---------------------------------------------------------------- a biobank


def biobank(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A biobank: what does it keep, by what standards, what can it do for me, whom do I ask?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.whole(queries.biobanks(eco)), code=code)
    who, today = asker(request), timezone.localdate()
    rows = [each for each in row.collections.all() if not each.withdrawn]
    figures = queries.latest_figures(rows)
    return render(
        request,
        "biobanks/biobank.html",
        {
            "title": str(row.title),
            "kicker": _("Biobank"),
            "lead": row.summary,
            "breadcrumbs": trail(eco, (row.acronym or str(row.title), "")),
            "row": row,
            "count": len(rows),
            "tree": _tree(rows, figures),
            "qualities": [(each, *STATES[each.state(today)]) for each in row.qualities.all()],
            "services": [each for each in row.services.all() if not each.withdrawn],
            "networks": [link.network for link in row.network_links.all()],
            "abilities": [
                (_("Infrastructure"), _labels(codes.Infrastructure, row.infrastructure)),
                (_("What it can organise"), _labels(codes.Organising, row.organising)),
                (_("What it can do with samples"), _labels(codes.Bioprocessing, row.bioprocessing)),
            ],
            "due": row.checked_on is None or (today - row.checked_on).days >= 365,
            "may_edit": rules.may_edit(who, row),
            "may_verify": rules.may_verify(who, row),
        },
    )


def _tree(rows: list[Collection], figures: dict[int, Any]) -> list[tuple[int, Collection, dict[str, Any]]]:
    """Collections with their parts below them, each with its depth and numbers."""
    below: dict[int | None, list[Collection]] = {}
    known = {row.pk for row in rows}
    for row in rows:
        below.setdefault(row.parent_id if row.parent_id in known else None, []).append(row)
    found, waiting = [], [(0, row) for row in below.get(None, [])]
    while waiting:
        depth, row = waiting.pop(0)
        found.append((depth, row, _told(row, figures.get(row.pk, {}))))
        waiting = [*((depth + 1, each) for each in below.get(row.pk, [])), *waiting]
    return found


def _labels(choices: Any, listed: list[str]) -> str:
    return ", ".join(str(choices(code).label) for code in listed if code in choices.values)


def add_biobank(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Enter a biobank."""
    eco = domains.enter(request, ecosystem)
    require(rules.may_found, request, eco, actions.add_biobank)
    return carry(
        request,
        eco,
        BiobankForm(request.POST or None, ecosystem=eco),
        actions.add_biobank,
        eco,
        title=_("Add a biobank"),
        cancel=reverse("biobanks", args=[eco.code]),
        said=_("Added."),
    )


def edit_biobank(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Change a biobank."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.biobanks(eco), code=code)
    require(rules.may_edit, request, row, actions.edit_biobank)
    return carry(
        request,
        eco,
        BiobankForm(request.POST or None, ecosystem=eco, subject=row),
        actions.edit_biobank,
        row,
        title=_("Edit the biobank"),
        cancel=row.get_absolute_url(),
        said=_("Saved."),
        of=row,
    )


@require_POST
def confirm_biobank(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Say that the descriptions of a biobank and its collections hold."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.biobanks(eco), code=code)
    actions.confirm_description(row, by=asker(request))
    messages.success(request, _("Confirmed for a year."))
    return redirect(row)


# ---------------------------------------------------------------- a collection


def collection(request: HttpRequest, ecosystem: str, biobank: str, code: str) -> HttpResponse:
    """A collection: what is in it, of whom, on what conditions, and how sure are its numbers?"""
    eco = domains.enter(request, ecosystem)
    row = _collection(eco, biobank, code)
    figures = queries.latest_figures([row]).get(row.pk, {})
    ages = ""
    if row.age_low is not None or row.age_high is not None:
        low, high = ("" if each is None else str(each) for each in (row.age_low, row.age_high))
        ages = f"{low}–{high} {row.get_age_unit_display()}"
    return render(
        request,
        "biobanks/collection.html",
        {
            "title": str(row.title),
            "kicker": _("Collection of %(biobank)s") % {"biobank": row.biobank.acronym or row.biobank.title},
            "lead": row.summary,
            "breadcrumbs": trail(
                eco, (str(row.biobank), row.biobank.get_absolute_url()), (row.acronym or str(row.title), "")
            ),
            "row": row,
            "told": _told(row, figures),
            "figures": list(figures.values()),
            "parts": [each for each in queries.descendants(row) if not each.withdrawn],
            "networks": list(queries.networks_of(row)),
            "resources": list(queries.resources_of(row)),
            "ages": ages,
            "content": [
                (_("Types of samples"), _labels(codes.Material, row.materials)),
                (_("Types of data"), _labels(codes.DatasetType, row.dataset_types)),
                (_("Storage temperatures"), _labels(codes.Temperature, row.temperatures)),
                (_("Sexes"), _labels(codes.Sex, row.sexes)),
                (_("Ages"), ages),
                (_("Diseases"), ", ".join(row.diseases)),
            ],
            "origin": [
                (_("Source of the samples"), capfirst(str(row.get_sample_source_display()))),
                (_("Occasions of collection"), _labels(codes.Setting, row.settings)),
                (_("Design"), _labels(codes.Design, row.designs)),
                (_("Criteria of inclusion"), _labels(codes.Inclusion, row.inclusion)),
                (_("Status"), capfirst(str(row.get_status_display())) if row.status else ""),
            ],
            "conditions": _labels(codes.Condition, row.conditions),
            "contact": row.contact or row.biobank.contact,
            "may_edit": rules.may_edit(asker(request), row),
        },
    )


def _collection(eco: Ecosystem, biobank: str, code: str) -> Collection:
    rows = queries.collections(eco).select_related("biobank__contact", "biobank__node")
    return get_object_or_404(rows, biobank__code=biobank, code=code)


def add_collection(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Enter a collection."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.biobanks(eco), code=code)
    require(rules.may_edit, request, row, actions.add_collection)
    form = CollectionForm(request.POST or None, ecosystem=eco, biobank=row)
    return carry(
        request,
        eco,
        form,
        actions.add_collection,
        row,
        title=_("Add a collection"),
        cancel=row.get_absolute_url(),
        said=_("Added."),
        of=row,
    )


def edit_collection(request: HttpRequest, ecosystem: str, biobank: str, code: str) -> HttpResponse:
    """Change a collection."""
    eco = domains.enter(request, ecosystem)
    row = _collection(eco, biobank, code)
    require(rules.may_edit, request, row, actions.edit_collection)
    form = CollectionForm(request.POST or None, ecosystem=eco, biobank=row.biobank, subject=row)
    return carry(
        request,
        eco,
        form,
        actions.edit_collection,
        row,
        title=_("Edit the collection"),
        cancel=row.get_absolute_url(),
        said=_("Saved."),
        of=row,
    )


# ---------------------------------------------------------------- networks and resources


def network(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A network of biobanks: who belongs to it, and what do they share?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.networks(eco), code=code)
    return render(
        request,
        "biobanks/network.html",
        {
            "title": str(row.title),
            "kicker": _("Network of biobanks"),
            "lead": row.summary,
            "breadcrumbs": trail(eco, (row.acronym or str(row.title), "")),
            "row": row,
            "topics": _labels(codes.Topic, row.topics),
        },
    )


def resource(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """A research resource: what do its collections give together?"""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.resources(eco), code=code)
    return render(
        request,
        "biobanks/resource.html",
        {
            "title": str(row.title),
            "kicker": _("Research resource"),
            "lead": row.summary,
            "breadcrumbs": trail(eco, (row.acronym or str(row.title), "")),
            "row": row,
            "collections": row.collections,
            "content": [
                (_("Types of samples"), _labels(codes.Material, row.union("materials"))),
                (_("Types of data"), _labels(codes.DatasetType, row.union("dataset_types"))),
                (_("Sexes"), _labels(codes.Sex, row.union("sexes"))),
                (_("Diseases"), ", ".join(row.union("diseases"))),
                (_("Conditions of use"), _labels(codes.Condition, row.conditions)),
            ],
        },
    )


# ---------------------------------------------------------------- quality


def add_quality(request: HttpRequest, ecosystem: str, code: str) -> HttpResponse:
    """Note a standard that a biobank works by."""
    eco = domains.enter(request, ecosystem)
    row = get_object_or_404(queries.biobanks(eco), code=code)
    require(rules.may_edit, request, row, actions.add_quality)
    form = QualityForm(request.POST or None, ecosystem=eco, biobank=row)
    return carry(
        request,
        eco,
        form,
        actions.add_quality,
        row,
        title=_("Add a quality standard"),
        cancel=row.get_absolute_url(),
        said=_("Added; it counts once it is verified."),
        of=row,
        done=lambda made: made.biobank,
    )


def verify_quality(request: HttpRequest, ecosystem: str, pk: int) -> HttpResponse:
    """Say whether a claimed standard is met."""
    eco = domains.enter(request, ecosystem)
    row: QualityMark = get_object_or_404(queries.qualities(eco), pk=pk)
    require(rules.may_verify, request, row, actions.verify_quality)
    owner: Biobank = row.biobank
    return carry(
        request,
        eco,
        VerifyForm(request.POST or None, subject=row),
        actions.verify_quality,
        row,
        title=_("Verify a quality standard"),
        lead=str(row),
        cancel=owner.get_absolute_url(),
        said=_("Noted."),
        of=owner,
        done=lambda made: owner,
    )


# ---------------------------------------------------------------- for other people's programs


def _address(request: HttpRequest) -> str:
    return settings.TALKA_URL or request.build_absolute_uri("/").rstrip("/")


def catalogue(request: HttpRequest, ecosystem: str, profile: str, format: str) -> HttpResponse:  # noqa: A002 -- part of the address
    """The directory as HealthDCAT-AP."""
    eco = domains.enter(request, ecosystem)
    if format not in dcat.SERIALISATIONS:
        raise Http404(_("The catalogue is there as ttl, jsonld and rdf."))
    graph = dcat.catalogue(eco, address=_address(request), profile="gdi" if profile == "gdi" else "health")
    return HttpResponse(dcat.serialise(graph, format), content_type=dcat.SERIALISATIONS[format][1])


def fhir_bundle(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The directory as MIABIS on FHIR."""
    eco = domains.enter(request, ecosystem)
    bundle = fhir.bundle(eco, address=_address(request))
    return JsonResponse(bundle, content_type=fhir.MEDIA_TYPE, json_dumps_params={"ensure_ascii": False})


def bbmri_table(request: HttpRequest, ecosystem: str, table: str) -> HttpResponse:
    """One table for the European directory of biobanks."""
    eco = domains.enter(request, ecosystem)
    if table not in bbmri.TABLES:
        raise Http404(_("The tables are: %(known)s.") % {"known": ", ".join(bbmri.TABLES)})
    return HttpResponse(bbmri.csv_of(eco, table), content_type=bbmri.MEDIA_TYPE)
