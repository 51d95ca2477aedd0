"""The shell around every page: navigation in the words of what people do, the other language, who is signed in."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.domains.models import Ecosystem


def context(request: HttpRequest) -> dict[str, Any]:
    """Template context that every page has."""
    ecosystem: Ecosystem | None = getattr(request, "ecosystem", None)
    return {
        "ecosystem": ecosystem,
        "navigation": _navigation(request, ecosystem),
        "other_language_url": _other_language(request),
    }


def _navigation(request: HttpRequest, ecosystem: Ecosystem | None) -> list[dict[str, Any]]:
    entries: list[tuple[str, str, str]] = []
    user = getattr(request, "user", None)
    if user is not None and user.is_authenticated:
        entries.append((_("My work"), reverse("my-work"), "checklist"))
    if ecosystem is not None:
        code = [ecosystem.code]
        entries += [
            (_("Overview"), reverse("overview", args=code), "home"),
            (_("Strategy"), reverse("strategy", args=code), "target"),
            (_("Plan"), reverse("current-plan", args=code), "calendar"),
            (_("Network"), reverse("network", args=code), "users"),
            (_("Portfolio"), reverse("portfolio", args=code), "briefcase"),
            (_("Legislation"), reverse("bills", args=code), "gavel"),
            (_("Council"), reverse("council", args=code), "building"),
            (_("Open data"), reverse("open-data", args=code), "database"),
        ]
    best = max((url for _label, url, _icon in entries if request.path.startswith(url)), key=len, default="")
    return [{"label": label, "url": url, "icon": icon, "active": url == best} for label, url, icon in entries]


def _other_language(request: HttpRequest) -> str:
    language = (get_language() or "lv")[:2]
    other = "en" if language == "lv" else "lv"
    path = request.get_full_path()
    prefix = f"/{language}/"
    return f"/{other}/{path[len(prefix):]}" if path.startswith(prefix) else f"/{other}/"
