"""What every answer of the house carries, whatever page made it, and what a refused verb looks like."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import urlencode

from talka.core.actions import Invalid, Refused, Stale
from talka.core.sheets import Changed

# Strict from the first day: no inline script or style anywhere, nothing fetched from another host.
POLICY = "; ".join(
    [
        "default-src 'self'",
        "img-src 'self' data:",
        "object-src 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'self'",
    ]
)


def asker(request: HttpRequest) -> Any:
    """Whoever asks for a page, as rules take it: the account, or None for the public (of whom every rule is false)."""
    user = getattr(request, "user", None)  # a request that was refused at the door has none
    return user if user is not None and user.is_authenticated else None


class SecurityHeaders:
    """Adds the Content-Security-Policy and Permissions-Policy headers unless the answer set its own."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        response.headers.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        return response


class VerbErrors:
    """Turns what verbs raise, where a page did not catch it, into a page that says what would have been right.

    Whoever is not signed in is asked to sign in first: he or she may turn out to be allowed.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if request.path.startswith("/api/") or not isinstance(error, Refused | Stale | Invalid):
            return None
        status = 403 if isinstance(error, Refused) else 409 if isinstance(error, Stale | Changed) else 400
        if status == 403 and asker(request) is None:
            return redirect(f"{reverse('sign-in')}?{urlencode({'next': form_page(request)})}")
        return render(
            request, f"{status}.html", {"message": str(error), "edit_url": form_page(request)}, status=status
        )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page for a request that was refused at the door: without the request, whose very host may be forged."""
    return HttpResponseBadRequest(render_to_string("400.html"))


def form_page(request: HttpRequest) -> str:
    """The page to go back to: for what was sent, the one it was sent from, because an address may take posts only."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    came_from = urlsplit(request.headers.get("Referer", ""))
    if came_from.netloc != request.get_host():
        return request.get_full_path()
    return came_from._replace(scheme="", netloc="", fragment="").geturl() or "/"
