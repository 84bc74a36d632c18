"""One session with an MCP server, through the official SDK: so long, so many bytes, one tool, one call."""

from __future__ import annotations

from collections.abc import Mapping

import anyio
import httpx2
import mcp_types as types
from mcp.client.session import ClientSession
from mcp.client.streamable_http import streamable_http_client

from workers.credentials.secret import Secret
from workers.mcp.answers import require_same_tool, text_of
from workers.mcp.contracts import McpServer, McpTool, Scalar
from workers.mcp.errors import McpAnswerInvalid, McpError, McpOutcomeUnknown, McpToolChanged, McpUnavailable
from workers.mcp.watching import Watch, calling, keep_answers_out_of_logs

_MAXIMUM_PAGES = 5


async def call_with(server: McpServer, tool: McpTool, arguments: Mapping[str, Scalar], *, token: Secret) -> str:
    """Return the text that ``tool`` answers to whoever has ``token``. Raises ``McpError``, without cause or context."""
    watch = Watch(server.limits, httpx2.AsyncHTTPTransport(trust_env=False))
    failure: McpError | None = None
    text = ""
    keep_answers_out_of_logs()
    is_calling = calling.set(True)
    try:
        with anyio.move_on_after(server.limits.call_seconds) as within:
            watch.end = within.cancel
            text = await _session(server, tool, arguments, token, watch)
        if within.cancelled_caught and watch.fault is None:
            failure = McpUnavailable(f"The MCP server did not answer within {server.limits.call_seconds:.0f} s.")
    except Exception as error:
        failure = _found_in(error) or McpAnswerInvalid(
            f"The MCP server's answer is not what its protocol promises ({_kind(error)})."
        )
    finally:
        calling.reset(is_calling)
    failure = watch.fault or failure
    if isinstance(failure, McpUnavailable) and watch.was_called and tool.changes_things:
        failure = McpOutcomeUnknown(f"{failure.message} {tool.name} may or may not have had its effect.")
    if failure is not None:
        if token.is_in(failure):
            failure = type(failure)("The MCP server's answer repeats a secret, and is not told.")
        failure.__cause__ = failure.__context__ = None
        raise failure
    return text


async def _session(
    server: McpServer, tool: McpTool, arguments: Mapping[str, Scalar], token: Secret, watch: Watch
) -> str:
    limits = server.limits
    async with (
        httpx2.AsyncClient(
            transport=watch,
            timeout=httpx2.Timeout(limits.call_seconds, connect=limits.connect_seconds),
            headers={"authorization": f"Bearer {token.reveal()}", "accept-encoding": "identity"},
            follow_redirects=False,
            max_redirects=0,
        ) as http,
        streamable_http_client(server.url, http_client=http, max_sse_event_size=limits.answer_bytes) as streams,
        ClientSession(*streams[:2]) as session,
    ):
        await session.initialize()
        require_same_tool(await _listed(session, tool.name), tool)
        # Not ``call_tool``, which would have the server's own schemas, whatever they are, judge its answer.
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=tool.name, arguments=dict(arguments)))
        watch.was_called = True
        return text_of(await session.send_request(request, types.CallToolResult), tool, limits.characters)


async def _listed(session: ClientSession, name: str) -> types.Tool:
    """Return the server's description of the tool ``name``."""
    params: types.PaginatedRequestParams | None = None
    for _page in range(_MAXIMUM_PAGES):
        answer = await session.send_request(types.ListToolsRequest(params=params), types.ListToolsResult)
        for tool in answer.tools:
            if tool.name == name:
                return tool
        if not answer.next_cursor:
            break
        params = types.PaginatedRequestParams(cursor=answer.next_cursor)
    raise McpToolChanged(f"The MCP server has no tool {name}.")


def _found_in(error: BaseException) -> McpError | None:
    """Return the error of ours in ``error``, which may be a group of groups."""
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_found_in, error.exceptions)), None)
    return error if isinstance(error, McpError) else None


def _kind(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return type(error).__name__
