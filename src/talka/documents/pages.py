"""The pages of open data: what there is, and each of it as a file. The same for everybody: only the public part."""

from __future__ import annotations

from typing import Any

from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import condition, require_safe

from talka.core.models import Event
from talka.documents import dcat, opendata
from talka.domains import queries as domains
from talka.domains.models import Ecosystem


def _version(request: HttpRequest, ecosystem: str, **_rest: Any) -> str | None:
    """What a file depends on: the last event, the language, the day (targets are read as of today)."""
    last = (
        Event.objects.filter(
            Q(ecosystem_id__in=Ecosystem.objects.filter(code=ecosystem).values("pk")) | Q(ecosystem_id=None)
        )
        .order_by("-id")
        .values_list("pk", flat=True)
        .first()
    )
    return f'"{last or 0}-{get_language()}-{timezone.localdate():%Y%m%d}-{request.get_host()}"'


@require_safe
def open_data(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """What the ecosystem gives away, in which formats, under which licence, and how programs ask."""
    eco = domains.enter(request, ecosystem)
    found = opendata.datasets(eco)
    return render(
        request,
        "documents/open_data.html",
        {
            "title": _("Open data"),
            "lead": _("Everything public on these pages, to take away and use"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Open data"), "")],
            "rows": [
                (
                    dataset,
                    [
                        (_named(kind), reverse("open-data-file", args=[eco.code, dataset.code, kind]))
                        for kind in dataset.formats
                    ],
                )
                for dataset in found
            ],
            "catalogues": [
                (label, reverse("open-data-catalogue", args=[eco.code, kind]))
                for kind, label in (("ttl", "Turtle"), ("jsonld", "JSON-LD"), ("rdf", "RDF/XML"))
            ],
            "licence": opendata.LICENCE,
            "example": f"curl {request.build_absolute_uri('/api/v1/ecosystems')}/{eco.code}/targets",
        },
    )


def _named(kind: str) -> str:
    return "IATI" if kind == opendata.IATI else kind.upper()


@require_safe
@condition(etag_func=_version)
def download(request: HttpRequest, ecosystem: str, dataset: str, kind: str) -> HttpResponse:
    """One data set as a file."""
    eco = domains.enter(request, ecosystem)
    for each in opendata.datasets(eco):
        if each.code == dataset and kind in each.formats:
            data = each.file(kind, address=_address(request), at=timezone.now())
            return _file(data, f"{eco.code}-{each.code}.{kind}", opendata.MEDIA_TYPES[kind])
    raise Http404(_("There is no data set “%(name)s” here.") % {"name": f"{dataset}.{kind}"})


@require_safe
@condition(etag_func=_version)
def data_catalogue(request: HttpRequest, ecosystem: str, kind: str) -> HttpResponse:
    """The catalogue of the data sets by DCAT-AP."""
    eco = domains.enter(request, ecosystem)
    if kind not in dcat.SERIALISATIONS:
        known = ", ".join(dcat.SERIALISATIONS)
        raise Http404(
            _("The catalogue is written as %(known)s, not as “%(kind)s”.") % {"known": known, "kind": kind}
        )
    data = dcat.serialise(dcat.catalogue(eco, opendata.datasets(eco), address=_address(request)), kind)
    return _file(data, f"{eco.code}-catalogue.{kind}", dcat.SERIALISATIONS[kind][1])


@require_safe
@condition(etag_func=_version)
def whole_package(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """Everything in one zip."""
    eco = domains.enter(request, ecosystem)
    found, address = opendata.datasets(eco), _address(request)
    catalogue = dcat.serialise(dcat.catalogue(eco, found, address=address), "ttl")
    data = opendata.package(eco, found, address=address, at=timezone.localtime(), catalogue=catalogue)
    return _file(data, f"{eco.code}-open-data.zip", "application/zip")


def _address(request: HttpRequest) -> str:
    return request.build_absolute_uri("/").rstrip("/")


def _file(data: bytes, name: str, media_type: str) -> HttpResponse:
    response = HttpResponse(data, content_type=media_type)
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    # Anyone may read open data from any page of the web.
    response["Access-Control-Allow-Origin"] = "*"
    patch_cache_control(response, public=True, no_cache=True)
    return response
