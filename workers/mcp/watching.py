"""The HTTP under an MCP session: one server, no redirect, so many bytes, and what went wrong as one of our errors.

The SDK turns every failure into a message of its own and goes on; here the first fault ends the call.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable
from contextvars import ContextVar

import httpx2

from workers.mcp.contracts import Limits
from workers.mcp.errors import McpAnswerInvalid, McpAnswerTooLarge, McpError, McpRedirected, McpRefused, McpUnavailable

# The SDK logs what a server answers, which may repeat the token that it was sent.
calling: ContextVar[bool] = ContextVar("countersign_mcp_calling", default=False)
_LOGGERS = ("client", "mcp.client.streamable_http", "mcp.shared.jsonrpc_dispatcher", "mcp.shared.dispatcher")


class Watch(httpx2.AsyncBaseTransport):
    """Carries one call's requests. ``end`` is called when ``fault`` was found; ``was_called``: the tool itself."""

    def __init__(self, limits: Limits, inner: httpx2.AsyncBaseTransport) -> None:
        self.fault: McpError | None = None
        self.was_called = False
        self.end: Callable[[], None] = lambda: None
        self._inner, self._left = inner, limits.answer_bytes

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        try:
            response = await self._inner.handle_async_request(request)
        except httpx2.TransportError as error:
            # Servers need not offer the stream of their own messages, nor the end of a session.
            if request.method == "POST":
                self.found(McpUnavailable(f"The MCP server cannot be reached ({type(error).__name__})."))
            raise
        fault = _fault_of(response, request)
        if fault is not None:
            await response.aclose()
            raise self.found(fault)
        return httpx2.Response(
            response.status_code,
            headers=response.headers,
            stream=_Counted(response, self),
            extensions=response.extensions,
        )

    async def aclose(self) -> None:
        await self._inner.aclose()

    def found(self, fault: McpError) -> httpx2.TransportError:
        """Remember the first fault and end the call; return what the SDK gets to see."""
        if self.fault is None:
            self.fault = fault
            self.end()
        return httpx2.ReadError("The call was ended.")

    def count(self, chunk: bytes) -> None:
        self._left -= len(chunk)
        if self._left < 0:
            raise self.found(McpAnswerTooLarge("The MCP server answers with more than this worker reads."))


class _Counted(httpx2.AsyncByteStream):
    def __init__(self, response: httpx2.Response, watch: Watch) -> None:
        self._response, self._watch = response, watch

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._response.aiter_raw():
            self._watch.count(chunk)
            yield chunk

    async def aclose(self) -> None:
        await self._response.aclose()


def _fault_of(response: httpx2.Response, request: httpx2.Request) -> McpError | None:
    status = response.status_code
    if 300 <= status < 400:
        return McpRedirected("The MCP server sends the call to another address. The token is for this one alone.")
    if response.headers.get("content-encoding", "identity") != "identity":
        return McpAnswerInvalid("The MCP server compresses its answers, which was not asked for.")
    if request.method != "POST" or status < 400:
        return None
    if status == 401:
        return McpRefused("The MCP server does not accept the token: 401.")
    if status == 403:
        return McpRefused("The MCP server does not let this token use the tool: 403.")
    if status >= 500 or status in (408, 429):
        return McpUnavailable(f"The MCP server answered {status}.")
    return None


class _WhileCalling(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return not calling.get()


_silence = _WhileCalling()


def keep_answers_out_of_logs() -> None:
    """Keep the SDK from logging what servers answer to calls of ours. Doing it twice is harmless."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_silence)
