"""Calling a tool of an MCP server with the authority of the person for whom the activity runs.

    @activity.defn
    async def read_calendar(day: str) -> str:
        return await call(SERVER, READ_CALENDAR, {"day": day}, credentials=credentials)

Who the person is, and which agent works for them, is in the warrant that this worker verified for the very dispatch
(``workers.gates.acting``): no model, workflow or argument can say another. What comes back is text of a stranger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from importlib import import_module

from audit.statements.acting import Acting
from workers.credentials.fetching import Credentials
from workers.credentials.secret import Secret
from workers.gates.acting import acting_for
from workers.mcp.contracts import McpServer, McpTool, Scalar, client_secret_name, subject_token_name
from workers.mcp.errors import ExchangeRefused, McpAnswerInvalid, SubjectRefused
from workers.mcp.exchange import exchange


async def call(server: McpServer, tool: McpTool, arguments: Mapping[str, Scalar], *, credentials: Credentials) -> str:
    """Return the text that ``tool`` answers. Call it inside a guarded activity.

    Raises ``McpError``, ``CredentialError``, and an ``ApplicationError`` of type ``ACTING_FOR_NOBODY``.
    """
    acting = acting_for()
    # The SDK takes a second or more to import: not at every start of a worker, and not in the event loop.
    await asyncio.to_thread(import_module, "workers.mcp.session")
    from workers.mcp.session import call_with  # noqa: PLC0415

    async with AsyncExitStack() as opened:
        token, *held = await _token_for(acting, server, tool, credentials, opened)
        text = await call_with(server, tool, arguments, token=token)
        if any(one.reveal() in text for one in (token, *held)):
            raise McpAnswerInvalid(f"The answer of {tool.name} repeats a secret, and is not used.")
        return text


async def _token_for(
    acting: Acting, server: McpServer, tool: McpTool, credentials: Credentials, opened: AsyncExitStack
) -> list[Secret]:
    """Return a token, and the two credentials that it was exchanged for; all are forgotten when ``opened`` closes."""
    names = (subject_token_name(acting.person), client_secret_name(acting.agent))
    while True:
        held = [await opened.enter_async_context(credentials.secret(name)) for name in names]
        try:
            token = await exchange(server, tool, agent=acting.agent, subject=held[0], secret=held[1])
        except (SubjectRefused, ExchangeRefused):
            # Replaced after they were fetched? Nothing was called yet.
            if not any([await credentials.is_replaced(*one) for one in zip(names, held, strict=True)]):
                raise
        else:
            opened.callback(token.forget)
            return [token, *held]
