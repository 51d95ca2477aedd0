"""The shell around every page: navigation in the words of what people do, the other language, who is signed in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from talka.core.http import asker
from talka.domains import queries as domains
from talka.domains.models import Ecosystem


def context(request: HttpRequest) -> dict[str, Any]:
    """Template context that every page has."""
    if request.path.startswith("/api/"):
        return {}
    ecosystem: Ecosystem | None = getattr(request, "ecosystem", None)
    around = ecosystem or _only()
    return {
        "ecosystem": ecosystem,
        "home_url": ecosystem.get_absolute_url() if ecosystem else reverse("home"),
        "navigation": _navigation(request, around),
        "other_language_url": _other_language(request),
        "search_url": reverse("search"),
        "search_query": request.GET.get("q", "") if request.path == reverse("search") else "",
        "account_menu": _account_menu(request),
        "footer_links": _footer(around),
        "demo": settings.DEMO,
    }


def _only() -> Ecosystem | None:
    """The ecosystem of a hub that has just one: its menu then stands on the pages that are about none, too."""
    known = list(domains.ecosystems()[:2])
    return known[0] if len(known) == 1 else None


def _navigation(request: HttpRequest, ecosystem: Ecosystem | None) -> list[dict[str, Any]]:
    entries: list[tuple[str, str, str]] = []
    if asker(request) is not None:
        entries.append((_("My work"), reverse("my-work"), "checklist"))
    if ecosystem is not None:
        code = [ecosystem.code]
        entries += [
            (_("Overview"), reverse("overview", args=code), "home"),
            (_("Strategy"), reverse("strategy", args=code), "target"),
            (_("Plan"), reverse("current-plan", args=code), "calendar"),
            (_("Network"), reverse("network", args=code), "affiliate"),
            (_("Data & samples"), reverse("biobanks", args=code), "dna-2"),
            (_("Facilities"), reverse("facilities", args=code), "microscope"),
            (_("Portfolio"), reverse("portfolio", args=code), "briefcase"),
            (_("Bills"), reverse("bills", args=code), "gavel"),
            (_("Council"), reverse("council", args=code), "building"),
        ]
    entries.append((_("Organisations"), reverse("organisations"), "users"))
    best = max((url for _label, url, _icon in entries if request.path.startswith(url)), key=len, default="")
    if ecosystem is not None and best == ecosystem.get_absolute_url() != request.path:
        best = ""
    return [{"label": label, "url": url, "icon": icon, "active": url == best} for label, url, icon in entries]


def _account_menu(request: HttpRequest) -> dict[str, Any]:
    user = asker(request)
    if user is None:
        where = (
            ""
            if request.path in {reverse("sign-in"), reverse("home")}
            else f"?{urlencode({'next': request.get_full_path()})}"
        )
        return {"entries": [{"url": reverse("sign-in") + where, "label": _("Sign in"), "icon": "login"}]}
    entries: list[dict[str, Any]] = [
        {"url": reverse("my-work"), "label": _("My work"), "icon": "checklist"},
        {"url": reverse("account"), "label": _("My account"), "icon": "settings"},
    ]
    if user.may("parties.edit", None) or any(grant.ecosystem_id for grant in user.grant_list()):
        entries.append({"url": reverse("reference"), "label": _("Reference data"), "icon": "database"})
    entries.append(
        {"url": reverse("sign-out"), "label": _("Sign out"), "icon": "logout", "post": True, "forgets": True}
    )
    return {"name": str(user), "note": user.email, "entries": entries}


def _footer(ecosystem: Ecosystem | None) -> list[dict[str, str]]:
    links = [{"url": reverse("about"), "label": _("About Talka")}]
    if ecosystem is not None:
        links += [
            {"url": reverse("open-data", args=[ecosystem.code]), "label": _("Open data and API")},
            {"url": reverse("changes", args=[ecosystem.code]), "label": _("What changed")},
        ]
    return links


def _other_language(request: HttpRequest) -> str:
    language = (get_language() or "lv")[:2]
    other = "en" if language == "lv" else "lv"
    path = request.get_full_path()
    prefix = f"/{language}/"
    return f"/{other}/{path[len(prefix) :]}" if path.startswith(prefix) else f"/{other}/"
