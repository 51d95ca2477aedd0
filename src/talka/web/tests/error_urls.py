"""The addresses of the house, and one at which a page fails in every way that a page can."""

from __future__ import annotations

from typing import Any

from django.conf.urls.i18n import i18n_patterns
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path

from talka.core.actions import Invalid, Refused, Stale
from talka.core.http import asker
from talka.core.sheets import Changed
from talka.parties.models import Account
from talka.urls import urlpatterns as house


class Narrower(Invalid):
    """What a room may derive from Invalid."""


def fail(request: HttpRequest, how: str) -> HttpResponse:
    raise _errors(request)[how]


def _errors(request: HttpRequest) -> dict[str, Any]:
    return {
        "refused": Refused("plan.adopt", asker(request), "Only the council may do this."),
        "invalid": Invalid("The deadline lies before the start.", field="deadline"),
        "narrower": Narrower("The deadline lies before the start."),
        "changed": Changed("Someone changed these rows."),
        "stale": Stale(Account()),
        "denied": PermissionDenied("Not for you."),
        "missing": Http404("There is no such thing."),
        "suspicious": SuspiciousOperation("too many fields"),
        "broken": RuntimeError("a secret of the house"),
    }


urlpatterns = [*i18n_patterns(path("fail/<str:how>/", fail)), *house]
handler400 = "talka.core.http.bad_request"
