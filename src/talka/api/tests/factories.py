"""Whoever asks in the tests: people with keys, and what they send."""

from __future__ import annotations

import json
from typing import Any

from django.test import Client

from talka.parties import actions as parties
from talka.parties.models import Account
from talka.parties.tests.factories import account

__all__ = ["account", "ask", "error", "key"]


def key(of: Account, **options: Any) -> str:
    """A key of an account that may also write."""
    return parties.make_token(of, by=of, label="test", **{"read_only": False, **options}).secret


def ask(method: str, path: str, bearer: str = "", body: Any = None, **headers: str) -> Any:
    """What the API answers."""
    if bearer:
        headers["authorization"] = f"Bearer {bearer}"
    sent = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Client().generic(
        method.upper(), f"/api/v1/{path}", sent, content_type="application/json", headers=headers
    )


def error(answer: Any) -> tuple[int, str]:
    """The status and code of an answer that is no success and has the one shape that such answers have."""
    told = answer.json()["error"]
    assert set(told) == {"code", "message", "field", "place", "revision"}
    assert told["message"]
    return answer.status_code, told["code"]
