"""Token exchange (RFC 8693): a person's own token becomes one for one agent, one MCP server and one tool's scopes.

    POST token_endpoint                     as the agent: HTTP Basic with its name and secret
      grant_type            urn:ietf:params:oauth:grant-type:token-exchange
      subject_token         the person's refresh token      subject_token_type  …:refresh_token
      requested_token_type  …:access_token
      resource, audience    the MCP server                  scope               exactly the tool's

The answer's token has ``sub`` (the person), ``act`` (the agent) and ``aud`` (the MCP server); to us it is opaque. What
the authorization server says beside that is never quoted: only error codes that the standard knows are understood.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote_plus

import httpx

from workers.credentials.secret import Secret
from workers.mcp.contracts import McpServer, McpTool
from workers.mcp.errors import ExchangeRefused, IdentityUnavailable, McpError, ScopeRefused, SubjectRefused

_TYPES = "urn:ietf:params:oauth:token-type"
_GRANT = "urn:ietf:params:oauth:grant-type:token-exchange"
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{8,16384}")
_MAXIMUM_BYTES = 64 * 1024


async def exchange(server: McpServer, tool: McpTool, *, agent: str, secret: Secret, subject: Secret) -> Secret:
    """Return a token for ``tool``. Raises ``McpError``."""
    form = {
        "grant_type": _GRANT,
        "subject_token": subject.reveal(),
        "subject_token_type": f"{_TYPES}:refresh_token",
        "requested_token_type": f"{_TYPES}:access_token",
        "resource": server.url,
        "audience": server.url,
        "scope": " ".join(tool.scopes),
    }
    # RFC 6749, 2.3.1: both are encoded like a form's values.
    identity = httpx.BasicAuth(quote_plus(agent), quote_plus(secret.reveal()))
    status, content = await _post(server, form, identity)
    if status != 200:
        raise _refusal(status, content, tool)
    return Secret(_token(_object(content), tool))


async def _post(server: McpServer, form: Mapping[str, str], identity: httpx.BasicAuth) -> tuple[int, bytes]:
    limits = server.limits
    failed = ""
    try:
        # The overall limit is for a server that drips.
        async with (
            asyncio.timeout(limits.exchange_seconds),
            httpx.AsyncClient(
                timeout=httpx.Timeout(limits.exchange_seconds, connect=limits.connect_seconds), trust_env=False
            ) as client,
            client.stream(
                "POST",
                server.token_endpoint,
                data=form,
                auth=identity,
                headers={"accept": "application/json", "accept-encoding": "identity"},
                follow_redirects=False,
            ) as response,
        ):
            content = bytearray()
            async for chunk in response.aiter_raw():
                content += chunk
                if len(content) > _MAXIMUM_BYTES:
                    break
            return response.status_code, bytes(content)
    except (httpx.HTTPError, TimeoutError) as error:
        failed = type(error).__name__
    # Out here, without the cause, which may hold the request.
    raise IdentityUnavailable(f"The authorization server cannot be reached ({failed}).")


def _refusal(status: int, content: bytes, tool: McpTool) -> McpError:
    if status >= 500 or status in (408, 429):
        return IdentityUnavailable(f"The authorization server answered {status}.")
    code = _error_code(content)
    if code == "invalid_grant":
        return SubjectRefused(
            "The person's token for this agent has expired, was taken back or is not of this authorization server. "
            "They must sign in there again."
        )
    if code == "invalid_scope":
        return ScopeRefused(f"The person may not do what {tool.name} needs, or not through this agent.")
    told = f" ({code})" if code else ""
    return ExchangeRefused(f"The authorization server exchanges no token for this agent: it answered {status}{told}.")


def _error_code(content: bytes) -> str:
    known = {
        "invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type",
        "invalid_scope", "invalid_target", "access_denied",
    }  # fmt: skip
    code = _object(content).get("error")
    return code if isinstance(code, str) and code in known else ""


def _token(answer: dict[str, Any], tool: McpTool) -> str:
    token, kind, granted = answer.get("access_token"), answer.get("token_type"), answer.get("scope")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise IdentityUnavailable("The authorization server's answer has no usable token.")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise ExchangeRefused("The authorization server gives a token of a kind that cannot be used.")
    # Left out, it is what was asked for.
    if granted is not None and (not isinstance(granted, str) or set(granted.split()) != set(tool.scopes)):
        raise ScopeRefused(f"The authorization server gives other rights than exactly those that {tool.name} needs.")
    return token


def _object(content: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return answer if isinstance(answer, dict) else {}
