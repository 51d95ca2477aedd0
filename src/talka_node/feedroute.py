"""POST /consents: the hub pushes messages of its feed, and has the receipts back.

The body is an envelope a line, in the feed's order; so is the answer. The request is signed like a question (see
`signed`), each envelope by the hub's own key besides: a registered caller who is not the hub can pass messages on, not
make them.
"""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from talka_node.consent.feed import LARGEST
from talka_node.node import Node
from talka_node.signed import Denied, Gate

PATH = "/consents"
MOST = 2 * LARGEST  # bytes of a request


def route(node: Node, gate: Gate) -> Route:
    """To be mounted among a node's routes."""

    async def take(request: Request) -> Response:
        body = bytearray()
        try:
            async for piece in request.stream():
                body += piece
                if len(body) > MOST:
                    raise Denied("too-large", f"at most {MOST} bytes of messages in a request", 413)
        except ClientDisconnect:
            raise Denied("request", "the connection broke before the whole request was here", 400) from None
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        gate.enter(request.method, path, request.headers, bytes(body))
        if node.hub is None:
            raise Denied("hub", "this node listens to no hub; its people set one with talka-node hub", 409)
        messages = [line for line in bytes(body).splitlines() if line.strip()]
        receipts = await run_in_threadpool(node.take_feed, messages)
        return Response(b"".join(each + b"\n" for each in receipts), media_type="application/x-ndjson")

    return Route(PATH, take, methods=["POST"])
