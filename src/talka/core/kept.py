"""What was reckoned is kept until something happens: no verb has to remember what it made out of date.

The key holds the last events of the ecosystem and of the hub, the day and the language, so a kept answer is never
asked for again once a verb wrote an event. What only some readers may see does not belong in it.

`KeptPages` does the same with whole pages, for readers who are all alike: those who are not signed in.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from typing import TypeVar

from django.conf import settings
from django.core.cache import cache, caches
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import get_language

from talka.core.models import Event

T = TypeVar("T")

SECONDS = 3600
# On PostgreSQL a verb may commit after one with a later id. Several last ids tell of it; the last alone would not.
LAST = 20


def mark(ecosystem_id: int | None) -> str:
    """What has happened up to now in an ecosystem and in the whole hub; another text after every verb."""
    last = [_last(None)] if ecosystem_id is None else [_last(ecosystem_id), _last(None)]
    return hashlib.sha256(repr(last).encode()).hexdigest()[:32]


def _last(ecosystem_id: int | None) -> list[int]:
    return _ids(Event.objects.filter(ecosystem_id=ecosystem_id))


def _ids(events: QuerySet[Event]) -> list[int]:
    return list(events.order_by("-id").values_list("id", flat=True)[:LAST])


def kept(name: str, ecosystem_id: int | None, reckon: Callable[[], T]) -> T:
    """What `reckon` returned last time, or returns now; `name` says what it is and of which row.

    The value is read only, the same for every reader of this language, and can be pickled. Two questions.
    """
    key = f"{name}:{ecosystem_id}:{mark(ecosystem_id)}:{timezone.localdate()}:{get_language()}"
    found: tuple[T] | None = cache.get(key)
    if found is None:
        found = (reckon(),)
        cache.set(key, found, SECONDS)
    return found[0]


class KeptPages:
    """Middleware that keeps, whole, what a reader sees who is not signed in, until the next event anywhere in the hub.

    A page may show what other ecosystems share, so an event of any of them ends it. Whoever brings a session, a token
    or a message gets a page of his or her own; so does each part of a page that htmx asks for. One question.
    """

    LONGEST_QUERY = 200  # a longer one is nobody's bookmark
    # What a page of one's own would come with.
    OWN = {settings.SESSION_COOKIE_NAME, "messages"}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.begins = tuple(f"/{code}/" for code, _name in settings.LANGUAGES)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not self._is_like_any_other(request):
            return self.get_response(request)
        seen = [request.scheme, request.get_host(), request.get_full_path(), _ids(Event.objects.all())]
        key = hashlib.sha256(repr([*seen, timezone.localdate()]).encode()).hexdigest()
        pages = caches["pages"]
        found: tuple[bytes, dict[str, str]] | None = pages.get(key)
        if found is not None:
            packed, headers = found
            return HttpResponse(zlib.decompress(packed), headers=headers)
        response = self.get_response(request)
        if _is_for_everyone(response):
            pages.set(key, (zlib.compress(response.content, level=1), dict(response.headers)), SECONDS)
        return response

    def _is_like_any_other(self, request: HttpRequest) -> bool:
        return (
            request.method == "GET"
            and request.path.startswith(self.begins)
            and len(request.META.get("QUERY_STRING", "")) <= self.LONGEST_QUERY
            and not self.OWN & request.COOKIES.keys()
            and "Authorization" not in request.headers
            and "HX-Request" not in request.headers
        )


def _is_for_everyone(response: HttpResponse) -> bool:
    """A whole page without a cookie of its reader (a form's token is one) that did not ask not to be kept."""
    return (
        response.status_code == 200
        and not response.streaming
        and not response.cookies
        and response.headers.get("Content-Type", "").startswith("text/html")
        and "Cache-Control" not in response.headers
    )
