"""The API's manual as a page of our own: made from the schema, readable without script, with nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.openapi.docs import DocsBase

METHODS = ("get", "post", "put", "patch", "delete")


class Manual(DocsBase):
    """What django-ninja asks for a page of documentation."""

    def render_page(self, request: HttpRequest, api: NinjaAPI, **options: Any) -> HttpResponse:
        schema = api.get_openapi_schema()
        address = request.build_absolute_uri("/api/v1/ecosystems")
        return render(
            request,
            "api/manual.html",
            {
                "title": _("What the API can do"),
                "lead": _("Everything that the pages show and do, for programs"),
                "groups": groups(schema),
                "shapes": list(shapes(schema)),
                "count": sum(len(operations) for operations in schema["paths"].values()),
                "schema_url": self.get_openapi_url(api, {}),
                "example": f"curl {address}\ncurl -H 'Authorization: Bearer talka_…' {address}",
                "problem": '{"error": {"code", "message", "field", "place", "revision"}}',
            },
        )


def groups(schema: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The operations by tag, in the order of the schema."""
    found: dict[str, list[dict[str, Any]]] = {}
    for path, operations in schema["paths"].items():
        for method in METHODS:
            if method in operations:
                operation = operations[method]
                found.setdefault(operation["tags"][0], []).append(
                    {
                        "id": operation["operationId"],
                        "method": method.upper(),
                        "path": path,
                        "summary": operation["summary"],
                        "description": operation.get("description", ""),
                        "parameters": [_parameter(each) for each in operation["parameters"]],
                        "body": _named(_content(operation.get("requestBody", {}))),
                        "answer": next(
                            (
                                _named(_content(answer))
                                for status, answer in operation["responses"].items()
                                if int(status) < 300
                            ),
                            "",
                        ),
                    }
                )
    return found


def shapes(schema: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The named shapes of JSON, each with its fields."""
    for name, shape in sorted(schema["components"]["schemas"].items()):
        needed = shape.get("required", [])
        yield {
            "name": name,
            "description": shape.get("description", ""),
            "fields": [
                {
                    "name": key,
                    "type": kind(value),
                    "required": key in needed,
                    "description": value.get("description", ""),
                }
                for key, value in shape.get("properties", {}).items()
            ],
        }


def kind(value: Mapping[str, Any]) -> str:
    """A JSON type in a word or two: "text or null", "list of Text"."""
    if "$ref" in value:
        return str(value["$ref"]).rpartition("/")[2]
    for several in ("anyOf", "allOf"):
        if several in value:
            return " | ".join(dict.fromkeys(kind(each) for each in value[several]))
    if "enum" in value:
        return " | ".join(f'"{each}"' for each in value["enum"])
    if "const" in value:
        return f'"{value["const"]}"'
    if value.get("type") == "array":
        return f"[{kind(value.get('items', {}))}]"
    if isinstance(value.get("additionalProperties"), Mapping):
        return f"{{…: {kind(value['additionalProperties'])}}}"
    written = value.get("format") or value.get("type", "any")
    return {"date-time": "moment", "binary": "file"}.get(written, written)


def _parameter(each: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "name": each["name"],
        "in": each["in"],
        "type": kind(each["schema"]),
        "required": each["required"],
        "description": each.get("description", ""),
    }


def _content(holder: Mapping[str, Any]) -> Mapping[str, Any]:
    content: Mapping[str, Any] = next(iter(holder.get("content", {}).values()), {})
    shape: Mapping[str, Any] = content.get("schema", {})
    return shape


def _named(shape: Mapping[str, Any]) -> str:
    return kind(shape) if shape else ""
