"""What the hub pushes: POST /consents, messages of its feed; POST /permits, permits and revocations. And what it alone
gets: POST /coverage, a sealed parcel.

The body is an envelope a line, in order. The answer is as many lines: receipts of messages; of permits what became of
them, JSON. The request is signed like a question (see
`signed`), each envelope by the hub's own key besides: a registered caller who is not the hub can pass messages on, not
make them.
"""

from __future__ import annotations

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from talka_node.consent.feed import LARGEST
from talka_node.disclosure import Refused
from talka_node.node import Node, NotANode
from talka_node.signed import Caller, Denied, Gate

MOST = 2 * LARGEST  # bytes of a request


def routes(node: Node, gate: Gate) -> list[Route]:
    """To be mounted among a node's routes."""

    async def entered(request: Request) -> tuple[bytes, Caller]:
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MOST:
                    raise Denied("too-large", f"at most {MOST} bytes of messages in a request", 413)
        except ClientDisconnect:
            raise Denied("request", "the connection broke before the whole request was here", 400) from None
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        caller = gate.enter(request.method, path, request.headers, bytes(body))
        if node.hub is None:
            raise Denied("hub", "this node listens to no hub; its people set one with talka-node hub", 409)
        return bytes(body), caller

    async def pushed(request: Request) -> list[bytes]:
        body, _ = await entered(request)
        return [line for line in body.splitlines() if line.strip()]

    async def coverage(request: Request) -> Response:
        body, caller = await entered(request)
        if node.hub is None or caller.name != node.hub.caller:
            raise Denied("hub", "coverage leaves for the hub alone", 403)
        try:
            told = await run_in_threadpool(node.coverage, exact=body.strip() == b"exact")
        except NotANode as why:
            raise Denied("coverage", str(why), 409) from None
        if isinstance(told, Refused):
            raise Denied("refused", "; ".join(told.reasons), 403)
        return Response(told.content, media_type="application/octet-stream")

    async def consents(request: Request) -> Response:
        return _lines(await run_in_threadpool(node.take_feed, await pushed(request)))

    async def permits(request: Request) -> Response:
        taken = await run_in_threadpool(node.take_permits, await pushed(request))
        return _lines([orjson.dumps(each) for each in taken])

    return [
        Route("/consents", consents, methods=["POST"]),
        Route("/permits", permits, methods=["POST"]),
        Route("/coverage", coverage, methods=["POST"]),
    ]


def _lines(told: list[bytes]) -> Response:
    return Response(b"".join(each + b"\n" for each in told), media_type="application/x-ndjson")
