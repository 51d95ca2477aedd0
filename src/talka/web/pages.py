"""Pages that combine rooms: the way in, the ecosystem at a glance, search, history, one's own work."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.contrib.auth import login, logout
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from talka.core import lint
from talka.core import search as index
from talka.core.http import asker
from talka.core.models import Attachment
from talka.documents import record
from talka.domains import queries as domains
from talka.web import demo, glance, queries
from talka.web.forms import SignInForm

log = logging.getLogger(__name__)

PAGE = 50
NEWS = 1000  # counting all acts of a busy ecosystem would take longer than reading a page of them


def home(request: HttpRequest) -> HttpResponse:
    """The ecosystems of this hub; straight to the only one."""
    ecosystems = list(domains.ecosystems())
    if len(ecosystems) == 1:
        return redirect(ecosystems[0])
    page = Paginator(ecosystems, PAGE).get_page(request.GET.get("page"))
    return render(
        request, "web/home.html", {"title": _("Ecosystems"), "page": page, "count": len(ecosystems)}
    )


def about(request: HttpRequest) -> HttpResponse:
    """What Talka is, for whoever comes by."""
    return render(request, "web/about.html", {"title": _("About Talka")})


def overview(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """The ecosystem at a glance: is it on its way, what is late, what changed."""
    eco = domains.enter(request, ecosystem)
    return render(request, "web/overview.html", glance.of(eco, asker(request), (get_language() or "lv")[:2]))


def problem_list(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """What the linter finds, by severity, each with its place and what would be right."""
    eco = domains.enter(request, ecosystem)
    found = list(record.findings(eco, asker(request)))
    severity, code = request.GET.get("severity", ""), request.GET.get("code", "")
    shown = [f for f in found if severity in ("", f.severity) and code in ("", f.code)]
    counts = {name: sum(f.severity == name for f in found) for name in ("error", "warning", "info")}
    return render(
        request,
        "web/problems.html",
        {
            "title": _("What could be better in the strategy and plan"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("Problems"), "")],
            "page": Paginator(shown, PAGE).get_page(request.GET.get("page")),
            "counts": counts,
            "all": len(found),
            "codes": [(each, lint.RULES[each].label) for each in sorted({f.code for f in found})],
            "severity": severity,
            "code": code,
        },
    )


def changes(request: HttpRequest, ecosystem: str) -> HttpResponse:
    """What was done in the ecosystem, newest first: the last thousand acts; each row's own history holds the rest."""
    eco = domains.enter(request, ecosystem)
    told = record.events(eco, asker(request))[:NEWS]
    page = Paginator(told, PAGE).get_page(request.GET.get("page"))
    return render(
        request,
        "web/changes.html",
        {
            "title": _("What changed"),
            "breadcrumbs": [(str(eco), eco.get_absolute_url()), (_("What changed"), "")],
            "page": page,
            "happenings": glance.happenings(page.object_list, with_names=asker(request) is not None),
        },
    )


def history(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """Who changed what in one row, from its beginning. A row the reader may not see has no history for him or her."""
    row = record.row_of(kind, pk)
    if row is None or not record.may_read(asker(request), row):
        raise Http404(_("There is no history here."))
    page = Paginator(record.history(row), PAGE).get_page(request.GET.get("page"))
    told = queries.told(page.object_list, with_names=asker(request) is not None)
    url = row.get_absolute_url() if hasattr(row, "get_absolute_url") else ""
    return render(
        request,
        "web/history.html",
        {
            "title": _("Who changed this"),
            "row": row,
            "url": url,
            "page": page,
            "told": told,
            "noun": queries.noun_of(kind),
        },
    )


def search(request: HttpRequest) -> HttpResponse:
    """Finds anything by its words, in any ending, with or without diacritics."""
    text = request.GET.get("q", "").strip()[:200]
    code = request.GET.get("ecosystem", "")
    eco = domains.enter(request, code) if code else None
    scope = eco.pk if eco else None
    hits = index.search(text, ecosystem_id=scope, inside=record.inside(asker(request))) if text else []
    language = (get_language() or "lv")[:2]
    return render(
        request,
        "web/search.html",
        {"title": _("Search"), "text": text, "hits": glance.found(hits, language), "many": len(hits) == 50},
    )


@login_required
@never_cache
def my_work(request: HttpRequest) -> HttpResponse:
    """What waits for whoever is signed in, most urgent first."""
    account: Any = request.user
    work = glance.work_of(account, timezone.localdate())
    if len(work["ecosystems"]) == 1:  # whoever works in one ecosystem finds its navigation here too
        request.ecosystem = work["ecosystems"][0]  # type: ignore[attr-defined]
    return render(request, "web/my_work.html", work)


@never_cache
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in, by password or, in the demo, as one of the invented people."""
    form = SignInForm(request, request.POST or None)
    if request.method == "POST" and form.is_valid() and form.account:
        login(request, form.account)
        return redirect(_safe_next(request))
    return render(
        request,
        "web/sign_in.html",
        {"title": _("Sign in"), "form": form, "next": _safe_next(request), "people": demo.people()},
    )


@require_POST
def sign_in_demo(request: HttpRequest) -> HttpResponse:
    """Sign in as an invented person; only where the demo is on."""
    wanted = request.POST.get("account", "")
    account = get_object_or_404(demo.accounts(), pk=int(wanted) if wanted.isdecimal() else 0)
    login(request, account, backend="django.contrib.auth.backends.ModelBackend")
    return redirect(_safe_next(request))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Sign out."""
    logout(request)
    messages.success(request, _("You are signed out."))
    return redirect("home")


def _safe_next(request: HttpRequest) -> str:
    target = request.POST.get("next") or request.GET.get("next") or ""
    if url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        return target
    return "my-work"


def attachment(request: HttpRequest, pk: int) -> FileResponse:
    """An attached file, always as a download. The public gets the public ones of accepted reports."""
    file = get_object_or_404(Attachment, pk=pk)
    if not record.may_open(asker(request), file):
        raise Http404(_("There is no such file, or it is not public: sign in to see it."))
    try:
        data = file.file.open("rb")
    except FileNotFoundError:
        log.error("the bytes of attachment %s are gone: %s", file.pk, file.file.name)
        raise Http404(_("The file is lost; whoever looks after this site has been told.")) from None
    response = FileResponse(data, as_attachment=True, filename=file.name, content_type=file.media_type)
    response.headers["Content-Security-Policy"] = "default-src 'none'; sandbox"
    return response


@login_required
def account(request: HttpRequest) -> HttpResponse:
    """One's own account; its forms stand in parties."""
    return redirect("my-account")
