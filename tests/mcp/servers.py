"""Servers on loopback: a certified authorization server, the demo's MCP server, and one that is up to no good."""

from __future__ import annotations

import asyncio
import json
import secrets
import socket
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import httpx
import jwt
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from tests.browser.openid_provider import NODE
from tests.workers.processes import BASE, free_port
from workers.demo.desk.server import PATH, Desk, application, build
from workers.demo.desk.tokens import SignedTokens
from workers.development_server import die_with_parent

AGENT, PERSON = "incident-agent", "local:ada"
ELSEWHERE = "https://elsewhere.example.com/mcp"
ALL_SCOPES = "calendar.read calendar.write tickets.write"


@dataclass
class AuthorizationServer:
    """``authorization_server.mjs`` as a child process."""

    issuer: str
    resource: str
    secret: str

    @property
    def token_endpoint(self) -> str:
        return f"{self.issuer}/token"

    def subject_token(self, **facts: object) -> str:
        """Return a refresh token as a sign-in would have given it."""
        return self._made("subjects", facts)

    def access_token(self, **facts: object) -> str:
        return self._made("tokens", facts)

    def id_token(self) -> str:
        """Return what says who ada is, and not what she may do."""
        form = {"grant_type": "refresh_token", "refresh_token": self.subject_token(), "scope": "openid"}
        return str(httpx.post(self.token_endpoint, data=form, auth=(AGENT, self.secret)).json()["id_token"])

    def accept(self, *accepted: str) -> None:
        """Take these secrets of the agent, and no other; the last is the one to use."""
        httpx.post(f"{self.issuer}/secrets", json={"agent": AGENT, "accepted": accepted}, timeout=30).raise_for_status()
        self.secret = accepted[-1]

    def withdraw(self, token: str) -> None:
        """Take a refresh token back."""
        httpx.post(f"{self.issuer}/withdrawn", json={"token": token}, timeout=30).raise_for_status()

    def _made(self, what: str, facts: dict[str, object]) -> str:
        usual = {"person": PERSON, "agent": AGENT, "scope": ALL_SCOPES, "resource": self.resource}
        answer = httpx.post(f"{self.issuer}/{what}", json={**usual, **facts}, timeout=30)
        return answer.raise_for_status().text


@contextmanager
def authorization_server(resource: str) -> Iterator[AuthorizationServer]:
    secret = f"planted-client-{secrets.token_hex(8)}"
    process = subprocess.Popen(
        [str(NODE), str(Path(__file__).with_name("authorization_server.mjs")), secret, resource, ELSEWHERE],
        cwd=BASE,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=die_with_parent if sys.platform == "linux" else None,
    )
    try:
        assert process.stdout is not None
        said = next((line for line in process.stdout if line.startswith("listening")), "")
        assert said, "The authorization server ended at once."
        yield AuthorizationServer(f"http://127.0.0.1:{said.split()[1]}", resource, secret)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()  # type: ignore[union-attr]


@contextmanager
def serving(app: ASGIApp, port: int = 0, running: Any = None) -> Iterator[str]:
    """Serve ``app`` on loopback in a thread; yield its origin."""
    with socket.socket() as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=1))
        is_up = threading.Event()

        async def main() -> None:
            serve = asyncio.create_task(server.serve(sockets=[bound]))
            while not server.started and not serve.done():  # noqa: ASYNC110  uvicorn has no event for it
                await asyncio.sleep(0.01)
            is_up.set()
            await serve

        async def whole() -> None:
            async with running or nullcontext():
                await main()

        thread = threading.Thread(target=lambda: asyncio.run(whole()), daemon=True)
        thread.start()
        assert is_up.wait(20)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(10)


@dataclass
class Loopback:
    """The demo's MCP server behind the certified authorization server."""

    authorization: AuthorizationServer
    desk: Desk
    url: str


@contextmanager
def loopback() -> Iterator[Loopback]:
    port = free_port()
    url = f"http://127.0.0.1:{port}{PATH}"
    with authorization_server(url) as authorization:
        keys = jwt.PyJWKSet.from_dict(httpx.get(f"{authorization.issuer}/jwks").json())

        async def published() -> jwt.PyJWKSet:
            return keys

        tokens = SignedTokens(issuer=authorization.issuer, resource=url, keys=published)
        desk = Desk({(PERSON, "today"): ["09:30 stand-up"], ("local:grace", "today"): ["10:00 dentist"]})
        app, running = application(build(desk, resource=url, issuer=authorization.issuer, tokens=tokens), tokens)
        with serving(app, port, running):
            yield Loopback(authorization, desk, url)


Answer = Callable[[Request, dict[str, Any]], Awaitable[Response]]


@dataclass
class Stranger:
    """An MCP server that answers as it is told; ``said`` are the methods that it was asked for."""

    origin: ClassVar[str] = ""
    url: str = ""
    said: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)


TOOL = {"name": "read_calendar", "inputSchema": {"type": "object", "properties": {"day": {"type": "string"}}}}


def result(message: dict[str, Any], **fields: Any) -> JSONResponse:
    return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": fields})


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": words}], **more}


_strangers: dict[str, tuple[Stranger, dict[str, Answer | dict[str, Any]]]] = {}


@contextmanager
def strangers() -> Iterator[str]:
    """Serve all strangers of a module at one origin, which is ``Stranger.origin`` for as long."""
    with serving(Starlette(routes=[Route("/{name}/mcp", _answer, methods=["GET", "POST", "DELETE"])])) as origin:
        Stranger.origin = origin
        yield origin


@contextmanager
def stranger(**answers: Answer | dict[str, Any]) -> Iterator[Stranger]:
    """Be an MCP server; ``answers`` replace what it says to ``initialize``, ``tools_list`` or ``tools_call``."""
    name = secrets.token_hex(8)
    found = Stranger(f"{Stranger.origin}/{name}/mcp")
    _strangers[name] = (found, {**_USUAL, **answers})
    try:
        yield found
    finally:
        del _strangers[name]


async def _answer(request: Request) -> Response:
    found, answers = _strangers[request.path_params["name"]]
    if request.method != "POST":
        return Response(status_code=405)
    message = json.loads(await request.body())
    found.said.append(message["method"])
    found.headers.append(dict(request.headers))
    if "id" not in message:
        return Response(status_code=202)
    told = answers[message["method"].replace("/", "_")]
    return result(message, **told) if isinstance(told, dict) else await told(request, message)


_USUAL: dict[str, Answer | dict[str, Any]] = {
    "initialize": {
        "protocolVersion": "2025-06-18",
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "stranger", "version": "1"},
    },
    "tools_list": {"tools": [TOOL]},
    "tools_call": text("09:30 stand-up"),
}
