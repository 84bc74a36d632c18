"""The demo's MCP server: a calendar and tickets, of and by the person whose token it is shown.

Made with the official SDK: streamable HTTP, tokens for this resource only, and 403 for a tool whose scope is missing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import TokenVerifier
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from pydantic import AnyHttpUrl
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PATH = "/mcp"
SCOPES = {"read_calendar": "calendar.read", "create_event": "calendar.write", "open_ticket": "tickets.write"}
_MAXIMUM_BODY = 64 * 1024


class Desk:
    """What the people of the demo have: events by person and day, and tickets in the order they were opened."""

    def __init__(self, events: Mapping[tuple[str, str], list[str]]) -> None:
        self.events = {place: list(titles) for place, titles in events.items()}
        self.tickets: list[dict[str, str]] = []

    def read_calendar(self, day: str) -> str:
        """Return the caller's events of a day: today or tomorrow."""
        events = self.events.get((_person(), day), [])
        return "\n".join(events) or f"Nothing is planned {day}."

    def create_event(self, day: str, title: str) -> str:
        """Put an event into the caller's calendar."""
        self.events.setdefault((_person(), day), []).append(title)
        return f"In the calendar of {day}: {title}"

    def open_ticket(self, queue: str, title: str) -> str:
        """Open a ticket in the caller's name."""
        ticket = {"queue": queue, "title": title, "by": _person(), "through": _agent()}
        self.tickets.append(ticket)
        return f"{queue.upper()}-{len(self.tickets)} was opened by {ticket['by']} through {ticket['through']}."


def build(desk: Desk, *, resource: str, issuer: str, tokens: TokenVerifier) -> MCPServer:
    """Return the server for ``resource``, which believes ``issuer``."""
    server = MCPServer(
        "Desk of the demo",
        token_verifier=tokens,
        auth=AuthSettings(
            issuer_url=AnyHttpUrl(issuer),
            resource_server_url=AnyHttpUrl(resource),
            required_scopes=[],
            validate_token_resource=True,
        ),
        log_level="WARNING",
    )
    for tool in (desk.read_calendar, desk.create_event, desk.open_ticket):
        server.add_tool(tool)
    return server


def application(server: MCPServer, tokens: TokenVerifier) -> tuple[ASGIApp, AbstractAsyncContextManager[Any]]:
    """Return the server as an ASGI application, and what must be entered for as long as it serves."""
    app: Starlette = server.streamable_http_app(streamable_http_path=PATH, json_response=True, stateless_http=True)
    return ScopePerTool(app, tokens), app.router.lifespan_context(app)


class ScopePerTool:
    """Answers 403 with the missing scope when a good token calls a tool that it has no right to."""

    def __init__(self, app: ASGIApp, tokens: TokenVerifier) -> None:
        self._app, self._tokens = app, tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self._app(scope, receive, send)
        body = await _body(receive)
        needed = _scope_needed(body)
        token = await self._tokens.verify_token(_bearer(scope)) if needed else None
        if token is not None and needed not in token.scopes:
            challenge = f'Bearer error="insufficient_scope", scope="{needed}"'
            refusal = JSONResponse({"error": "insufficient_scope"}, 403, {"www-authenticate": challenge})
            return await refusal(scope, receive, send)
        return await self._app(scope, _again(body, receive), send)


async def _body(receive: Receive) -> bytes:
    body = bytearray()
    while len(body) <= _MAXIMUM_BODY:
        message = await receive()
        body += message.get("body", b"")
        if message["type"] != "http.request" or not message.get("more_body"):
            break
    return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that gives ``body`` first."""
    given: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Message:
        return given.pop() if given else await receive()

    return receive_again


def _scope_needed(body: bytes) -> str:
    try:
        message = json.loads(body)
        tool = message["params"]["name"] if message["method"] == "tools/call" else ""
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
    # A tool that is not known here needs a scope that nobody has.
    return SCOPES.get(tool, "none") if isinstance(tool, str) and tool else ""


def _bearer(scope: Scope) -> str:
    header = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
    return header.decode("latin-1").partition(" ")[2]


def _person() -> str:
    token = get_access_token()
    if token is None or not token.subject:
        raise PermissionError("There is no token.")
    return token.subject


def _agent() -> str:
    token = get_access_token()
    actor = (token.claims or {}).get("act") if token else None
    return str(actor["sub"]) if isinstance(actor, dict) and "sub" in actor else "nobody"
