"""Which tokens there are, and which are taken: a certified authorization server and the official SDK's MCP server."""

from __future__ import annotations

import base64
import json
import secrets
import socket
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.mcp.servers import AGENT, ELSEWHERE, PERSON, Loopback, loopback, serving
from workers.credentials.secret import Secret
from workers.incident.for_a_person import OPEN_TICKET, READ_CALENDAR
from workers.mcp.contracts import Limits, McpServer, McpTool
from workers.mcp.errors import (
    ExchangeRefused,
    IdentityUnavailable,
    McpError,
    McpRefused,
    McpSettingsWrong,
    ScopeRefused,
    SubjectRefused,
)
from workers.mcp.exchange import exchange
from workers.mcp.session import call_with

PAST = 1_700_000_000
PLANTED = "planted-token-7f31c09a5e"


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback() as found:
        yield found


def server_at(there: Loopback, **changes: Any) -> McpServer:
    return replace(McpServer(there.url, there.authorization.token_endpoint, Limits(exchange_seconds=5)), **changes)


async def exchanged(
    there: Loopback, tool: McpTool = READ_CALENDAR, *, subject: str = "", agent: str = AGENT, **changes: Any
) -> str:
    token = await exchange(
        server_at(there, **changes),
        tool,
        agent=agent,
        secret=Secret(there.authorization.secret),
        subject=Secret(subject or there.authorization.subject_token()),
    )
    return token.reveal()


async def test_a_token_is_for_this_person_this_agent_this_server_and_this_tool(there: Loopback) -> None:
    claims = jwt.decode(await exchanged(there), options={"verify_signature": False})
    assert (claims["sub"], claims["act"], claims["aud"]) == (PERSON, {"sub": AGENT}, there.url)
    assert claims["scope"] == "calendar.read"
    assert claims["exp"] - claims["iat"] <= 60


async def test_a_tool_is_called_as_that_person(there: Loopback) -> None:
    server = server_at(there)
    assert (
        await call_with(server, READ_CALENDAR, {"day": "today"}, token=Secret(await exchanged(there)))
        == "09:30 stand-up"
    )
    grace = await exchanged(there, subject=there.authorization.subject_token(person="local:grace"))
    assert await call_with(server, READ_CALENDAR, {"day": "today"}, token=Secret(grace)) == "10:00 dentist"
    ticket = Secret(await exchanged(there, OPEN_TICKET))
    said = await call_with(server, OPEN_TICKET, {"queue": "platform", "title": "Pool"}, token=ticket)
    assert said == "PLATFORM-1 was opened by local:ada through incident-agent."
    assert there.desk.tickets[-1]["by"] == PERSON


def tampered(token: str) -> str:
    """Return the token as grace's, under the old signature."""
    head, body, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed = base64.urlsafe_b64encode(json.dumps({**claims, "sub": "local:grace"}).encode()).rstrip(b"=").decode()
    return f"{head}.{changed}.{signature}"


def unsigned(token: str) -> str:
    claims = jwt.decode(token, options={"verify_signature": False})
    return jwt.encode(claims, "", algorithm="none", headers={"typ": "at+jwt"})


BAD_TOKENS = {
    "none": lambda there: "",
    "expired": lambda there: there.authorization.access_token(expires_at=PAST),
    "tampered": lambda there: tampered(there.authorization.access_token()),
    "unsigned": lambda there: unsigned(there.authorization.access_token()),
    "for-another-audience": lambda there: there.authorization.access_token(resource=ELSEWHERE),
    "an-id-token": lambda there: there.authorization.id_token(),
    "a-refresh-token": lambda there: there.authorization.subject_token(),
    "nonsense": lambda there: "nonsense",
}


@pytest.mark.parametrize("fault", BAD_TOKENS)
async def test_a_token_that_is_not_good_here_is_answered_with_401(there: Loopback, fault: str) -> None:
    token = BAD_TOKENS[fault](there)
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "read_calendar", "arguments": {"day": "today"}},
    }
    headers = {
        "accept": "application/json, text/event-stream",
        **({"authorization": f"Bearer {token}"} if token else {}),
    }
    async with httpx.AsyncClient() as http:
        answer = await http.post(there.url, json=call, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    with pytest.raises(McpRefused, match="401") as refused:
        await call_with(server_at(there), READ_CALENDAR, {"day": "today"}, token=Secret(token or "no token"))
    assert refused.value.non_retryable
    assert not token or token not in "".join(traceback.format_exception(refused.value))


async def test_a_token_without_the_tools_scope_is_answered_with_403(there: Loopback) -> None:
    token = await exchanged(there)
    before = len(there.desk.tickets)
    with pytest.raises(McpRefused, match="403"):
        await call_with(server_at(there), OPEN_TICKET, {"queue": "platform", "title": "x"}, token=Secret(token))
    assert len(there.desk.tickets) == before


async def test_a_scope_that_the_person_lacks_is_refused_at_the_exchange(there: Loopback) -> None:
    subject = there.authorization.subject_token(scope="calendar.read")
    with pytest.raises(ScopeRefused, match="open_ticket") as refused:
        await exchanged(there, OPEN_TICKET, subject=subject)
    assert (refused.value.type, refused.value.non_retryable) == ("MCP_SCOPE_REFUSED", True)


BAD_SUBJECTS = {
    "expired": lambda there: there.authorization.subject_token(expires_at=PAST),
    "another-agents": lambda there: there.authorization.subject_token(agent="another-agent"),
    "an-access-token": lambda there: there.authorization.access_token(),
    "an-id-token": lambda there: there.authorization.id_token(),
    "another-servers": lambda there: secrets.token_urlsafe(32),
}


@pytest.mark.parametrize("fault", BAD_SUBJECTS)
async def test_a_subject_token_that_is_not_the_persons_for_this_agent_is_refused(there: Loopback, fault: str) -> None:
    subject = BAD_SUBJECTS[fault](there)
    with pytest.raises(SubjectRefused, match="must sign in there again") as refused:
        await exchanged(there, subject=subject)
    assert refused.value.non_retryable
    assert subject not in "".join(traceback.format_exception(refused.value))


async def test_no_token_is_given_for_another_server_or_to_an_agent_that_is_not_known(there: Loopback) -> None:
    with pytest.raises(ExchangeRefused, match="invalid_target"):
        await exchanged(there, url="https://third.example.com/mcp")
    with pytest.raises(ExchangeRefused, match="invalid_client"):
        await exchanged(there, agent="stranger")


async def told(there: Loopback, response: Response) -> McpError:
    """Return the error when the authorization server answers so."""

    async def answer(request: Any) -> Response:
        return response

    routes = [Route("/token", answer, methods=["POST", "GET"]), Route("/elsewhere", answer, methods=["POST", "GET"])]
    with serving(Starlette(routes=routes)) as origin, pytest.raises(McpError) as failed:
        await exchanged(there, subject=PLANTED, token_endpoint=f"{origin}/token")
    assert PLANTED not in "".join(traceback.format_exception(failed.value))
    assert failed.value.__cause__ is failed.value.__context__ is None
    return failed.value


GOOD = {"access_token": "a-token-like-any-other", "token_type": "Bearer", "scope": "calendar.read"}


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response(status_code=503, content=PLANTED), IdentityUnavailable),
        (Response(status_code=429), IdentityUnavailable),
        (Response(content=b"<html>"), IdentityUnavailable),
        (Response(content=b"[" * 60_000), IdentityUnavailable),
        (Response(content=b" " * 5_000_000), IdentityUnavailable),
        (JSONResponse({"access_token": "two words", "token_type": "Bearer"}), IdentityUnavailable),
        (JSONResponse({"access_token": "line\nbreak-in-a-token", "token_type": "Bearer"}), IdentityUnavailable),
        (JSONResponse({"access_token": ["a"], "token_type": "Bearer"}), IdentityUnavailable),
        (JSONResponse({**GOOD, "token_type": "DPoP"}), ExchangeRefused),
        (JSONResponse({**GOOD, "scope": "calendar.read tickets.write"}), ScopeRefused),
        (JSONResponse({**GOOD, "scope": ""}), ScopeRefused),
        (JSONResponse({"error": PLANTED, "error_description": PLANTED}, 400), ExchangeRefused),
        (JSONResponse({"error": "access_denied", "error_description": PLANTED}, 403), ExchangeRefused),
        (RedirectResponse("/elsewhere", 307), ExchangeRefused),
    ],
)  # fmt: skip
async def test_what_an_authorization_server_may_answer_is_a_typed_error(
    there: Loopback, answer: Response, expected: type[McpError]
) -> None:
    error = await told(there, answer)
    assert type(error) is expected
    assert error.non_retryable is not expected.retryable


async def test_an_authorization_server_that_is_away_or_hangs_is_unavailable(there: Loopback) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/token"
        limits = Limits(exchange_seconds=0.3)
        for _ in range(2):  # first away, then silent
            with pytest.raises(IdentityUnavailable, match="cannot be reached") as down:
                await exchanged(there, subject=PLANTED, token_endpoint=address, limits=limits)
            assert not down.value.non_retryable
            silent.listen()


@pytest.mark.parametrize(
    "url",
    [
        "http://mcp.example.com/mcp",
        "ftp://localhost/mcp",
        "https://u:p@example.com/mcp",
        "https:///mcp",
        "https://a.example/mcp?b",
    ],
)
def test_no_token_is_sent_where_others_could_read_it(url: str) -> None:
    for addresses in ((url, "https://id.example.com/token"), ("https://mcp.example.com/mcp", url)):
        with pytest.raises(McpSettingsWrong):
            McpServer(*addresses)
