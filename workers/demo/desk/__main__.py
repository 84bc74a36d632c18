"""The demo's other company: authorization server and MCP server in one process on loopback.

    python -m workers.demo.desk < registry.json        prints: listening PORT

The registry comes in on standard input, so that no secret is in an argument or a variable:
{"person": external id, "agent": name, "client_secret": text, "refresh_token": text}.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys

import uvicorn
from starlette.applications import Starlette
from starlette.routing import Mount

from workers.demo.desk.authorization import AuthorizationServer, Consent, digest
from workers.demo.desk.server import PATH, SCOPES, Desk, application, build
from workers.demo.desk.tokens import SignedTokens

EVENTS = {
    "today": ["09:30 stand-up of the payments team", "14:00 release of payment-service v2.41.1 (change CHG-2217)"],
    "tomorrow": ["10:00 review of last night's incident"],
}


async def serve() -> None:
    registry = json.loads(sys.stdin.readline())
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        issuer = f"http://127.0.0.1:{port}"
        resource = f"{issuer}{PATH}"
        consent = Consent(registry["person"], registry["agent"], frozenset(SCOPES.values()))
        authorization = AuthorizationServer(
            issuer,
            resource,
            {registry["agent"]: digest(registry["client_secret"])},
            {digest(registry["refresh_token"]): consent},
        )
        tokens = SignedTokens(issuer=issuer, resource=resource, keys=authorization.keys)
        desk = Desk({(registry["person"], day): titles for day, titles in EVENTS.items()})
        mcp, running = application(build(desk, resource=resource, issuer=issuer, tokens=tokens), tokens)
        app = Starlette(routes=[*authorization.routes, Mount("/", mcp)])
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", access_log=False, lifespan="off"))
        async with running:
            serving = asyncio.create_task(server.serve(sockets=[bound]))
            sys.stdout.write(f"listening {port}\n")
            sys.stdout.flush()
            await serving


if __name__ == "__main__":
    logging.basicConfig(level=logging.ERROR)
    asyncio.run(serve())
