"""The house's own addresses and, beside them, pages that only tests and maintainers see."""

from __future__ import annotations

from django.conf.urls.i18n import i18n_patterns
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils.module_loading import import_string

from talka.ui.tests.gallery import ShedForm, context, gallery


def form(request: HttpRequest) -> HttpResponse:
    """A form page that accepts or refuses, as any room's would."""
    shed = ShedForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and shed.is_valid():
        return redirect("ui-gallery")
    shell = context("en")
    return render(
        request,
        "ui/form_page.html",
        {key: shell[key] for key in ("navigation", "search_url")}
        | {"title": "A new shed", "lead": "Two minutes.", "form": shed, "submit": "Send", "cancel": "/"},
    )


def failure(request: HttpRequest, code: str) -> HttpResponse:
    """What the house shows when something went wrong."""
    return render(request, f"{code}.html", {"changes": context("en")["changes"]}, status=200)


urlpatterns = [
    *i18n_patterns(
        path("ui/gallery/", gallery, name="ui-gallery"),
        path("ui/form/", form, name="ui-form"),
        path("ui/failure/<str:code>/", failure, name="ui-failure"),
    ),
    # By name, not by import: a room's tests must not lean on what stands above the room.
    *import_string("talka.urls.urlpatterns"),
]
