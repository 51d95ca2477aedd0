"""The API's root: who asks, what is refused, and the routers of the rooms, in one place.

A program sends `Authorization: Bearer <key>`; a browser's session counts too; without either, the public
part is there to read. Rooms write plain routers in their api.py and find the asker in `request.auth`.
Whatever goes wrong has one shape (`core.api.Problems`) and is in the schema of every operation.
"""

from __future__ import annotations

import functools
import json
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.security import HttpBearer
from ninja.utils import check_csrf

from talka.api.core import router as core
from talka.api.manual import Manual
from talka.billing.api import router as billing
from talka.biobanks.api import router as biobanks
from talka.core.actions import Invalid, Refused, Stale
from talka.core.api import NeedsKey, Problems
from talka.core.sheets import Changed
from talka.documents.api import router as documents
from talka.domains.api import router as domains
from talka.facilities.api import router as facilities
from talka.governance.api import router as governance
from talka.legislation.api import router as legislation
from talka.network.api import router as network
from talka.parties.api import router as parties
from talka.parties.models import Token
from talka.plan.api import router as plan
from talka.portfolio.api import router as portfolio
from talka.strategy.api import router as strategy

DESCRIPTION = """\
Everything that the pages of Talka show and do, for programs.

**Keys.** Reading what is public needs no key. A key is made on the account page and sent as
`Authorization: Bearer <key>`; it may do what its account may, or, if it was made so, only read.

**Values.** A text in two languages is `{"lv": …, "en": …}`; English may be empty. An exact number is a text, `"7.5"`.
A period is `2023`, `2023-Q3`, `2023-06`, `2023-06-30` or `2023/2027`, as precise as it is known. Messages come in the
language of `Accept-Language`, Latvian or English.

**Lists** come in pages: `limit` (at most 200) and `offset`, with the `count` of all.

**Changing.** Whoever changes a row sends the `revision` it has seen. If somebody changed the row meanwhile, the answer
is 409 with the revision as it is now, and nothing is changed. Every change is on record under the name of the account.

**Errors** have one shape: `{"error": {"code", "message", "field", "place", "revision"}}`.
"""


class Public:
    """Whoever asks without a key: may read what is public, and nothing else."""

    pk = None
    is_authenticated = False

    def may(self, permission: str, ecosystem_id: int | None) -> bool:
        return False

    def organisation_ids(self) -> frozenset[int]:
        return frozenset()

    def __str__(self) -> str:
        return "public"


class BadKey(Exception):
    """The key that was sent is not known, was revoked or has expired."""


class Key(HttpBearer):
    """A key made on the account page."""

    def authenticate(self, request: HttpRequest, token: str) -> Any:
        known = (
            Token.objects.select_related("account__person")
            .filter(digest=Token.digest_of(token), revoked_at=None, expires__gt=timezone.now())
            .first()
        )
        if known is None or not known.account.is_active:
            raise BadKey
        if known.read_only and request.method not in SAFE:
            raise Refused(
                "api",
                known.account,
                _("This key may only read; make one on the account page that may write."),
            )
        return known.account


SAFE = ("GET", "HEAD", "OPTIONS")


def session_or_public(request: HttpRequest) -> Any:
    """The account of the browser's session, or the public."""
    if not request.user.is_authenticated:
        return Public()
    # Cookies travel by themselves, also when another site asks; a key does not.
    if request.method not in SAFE and check_csrf(request) is not None:
        raise Refused(
            "api", request.user, _("A browser must send the header X-CSRFToken with what it changes.")
        )
    return request.user


class Api(NinjaAPI):
    """The API with errors in the schema of every operation, since any of them can be refused."""

    @functools.lru_cache(maxsize=8)  # noqa: B019 -- there is one API, and its schema never changes  # fmt: skip
    def _schema(self, prefix: str) -> OpenAPISchema:
        with override("en"):
            schema = super().get_openapi_schema(path_prefix=prefix)
        problems = Problems.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= {**problems.pop("$defs"), "Problems": problems}
        for operations in schema["paths"].values():
            for method, operation in operations.items():
                operation.setdefault("security", []).append({})  # without a key: what is public
                _say_what(operation)
                operation["responses"] = {
                    str(status): each for status, each in operation["responses"].items()
                }
                for status, meaning in _errors_of(method):
                    operation["responses"].setdefault(
                        str(status),
                        {
                            "description": meaning,
                            "content": {
                                "application/json": {"schema": {"$ref": "#/components/schemas/Problems"}}
                            },
                        },
                    )
        return schema

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        return self._schema(self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        view = operation.view_func
        return f"{view.__module__.removeprefix('talka.').partition('.')[0]}_{view.__name__}"


def _say_what(operation: dict[str, Any]) -> None:
    """The first line of a view's docstring is its summary: one made from its name says less."""
    if "description" in operation:
        first, _newline, rest = operation.pop("description").partition("\n")
        operation["summary"] = first.rstrip(".")
        if rest.strip():
            operation["description"] = rest.strip()


def _errors_of(method: str) -> list[tuple[int, str]]:
    found = [
        (401, "The key is not known, or one is needed"),
        (404, "Not there, or not for you"),
        (422, "Invalid"),
    ]
    if method != "get":
        found += [(400, "Not JSON"), (403, "Not allowed"), (409, "Changed by somebody else meanwhile")]
    return sorted(found)


api = Api(
    title="Talka",
    version="1",
    description=DESCRIPTION,
    auth=[Key(), session_or_public],
    docs=Manual(),
    urls_namespace="api",
)
ROUTERS = [
    core,
    domains,
    parties,
    network,
    legislation,
    governance,
    strategy,
    plan,
    biobanks,
    billing,
    portfolio,
    facilities,
    documents,
]
for router in ROUTERS:
    api.add_router("", router)


# ---------------------------------------------------------------- what went wrong


def problem(request: HttpRequest, status: int, code: str, message: str, **more: Any) -> HttpResponse:
    """The one shape of every answer that is no success."""
    told = {"field": None, "place": None, "revision": None, **more}
    answer = api.create_response(
        request, {"error": {"code": code, "message": message, **told}}, status=status
    )
    if status == 401:
        answer["WWW-Authenticate"] = "Bearer"
    return answer


@api.exception_handler(BadKey)
def bad_key(request: HttpRequest, error: BadKey) -> HttpResponse:
    return problem(request, 401, "unauthorised", _("This key is not known, was revoked or has expired."))


@api.exception_handler(NeedsKey)
def needs_key(request: HttpRequest, error: NeedsKey) -> HttpResponse:
    return problem(request, 401, "unauthorised", _("This needs a key; make one on the account page."))


@api.exception_handler(Refused)
def refused(request: HttpRequest, error: Refused) -> HttpResponse:
    return problem(request, 403, "refused", str(error))


@api.exception_handler(Http404)
def not_found(request: HttpRequest, error: Http404) -> HttpResponse:
    return problem(
        request, 404, "not_found", str(error) or _("There is no such thing here."), place=request.path
    )


@api.exception_handler(Stale)
def stale(request: HttpRequest, error: Stale) -> HttpResponse:
    message = _("Someone changed this meanwhile. Read it again and send the new revision.")
    return problem(request, 409, "stale", message, revision=error.current.revision)


@api.exception_handler(Changed)
def changed(request: HttpRequest, error: Changed) -> HttpResponse:
    return problem(request, 409, "stale", str(error))


@api.exception_handler(Invalid)
def invalid(request: HttpRequest, error: Invalid) -> HttpResponse:
    return problem(request, 422, "invalid", str(error), field=error.field)


@api.exception_handler(ValidationError)
def not_as_declared(request: HttpRequest, error: ValidationError) -> HttpResponse:
    first = error.errors[0]
    where, *path = map(str, first["loc"])
    named = ".".join(path[1:] if where in ("body", "form", "file") and len(path) > 1 else path)
    return problem(request, 422, "invalid", str(first["msg"]), field=named or None, place=where)


@api.exception_handler(HttpError)
def http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(request, error.status_code, "bad_request", str(error))


# ---------------------------------------------------------------- the schema as a file


def openapi() -> str:
    """The schema as it is kept in docs/generated/openapi.json."""
    return (
        json.dumps(
            api.get_openapi_schema(path_prefix="/api/v1/"), ensure_ascii=False, indent=1, sort_keys=True
        )
        + "\n"
    )
