"""Promise 6: the model's key, an agent's secret and a person's refresh token are replaced while agents use them.

``make rotation`` does the same for longer.
"""

from __future__ import annotations

import asyncio
import secrets
from itertools import count
from pathlib import Path
from threading import Lock
from typing import Any

import httpx
import pytest
from pytest_django import Settings
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tests.incident.fake_provider import anthropic_call, anthropic_words
from tests.mcp.servers import AGENT, PERSON, AuthorizationServer, Loopback, serving
from tests.mcp.test_in_a_run import ACTING, Agents, agents, keep, there
from tests.turning import RUNS
from workers.incident.contracts import MAXIMUM_TURNS, OutcomeKind
from workers.incident.models.activity import call_model
from workers.mcp import calling
from workers.mcp.contracts import client_secret_name, subject_token_name

__all__ = ["agents", "there"]

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(900)]

CALLS = min(RUNS - 2, MAXIMUM_TURNS - 1)
INCIDENTS = max(2, RUNS // 10)
# One time in so many a credential is replaced just when somebody has fetched it and is about to use it.
OFTEN = 3


class Credentials:
    """What counts elsewhere, and the directory that the workers read. Old ones are withdrawn as soon as possible."""

    def __init__(self, directory: Path, authorization: AuthorizationServer) -> None:
        self.model_keys: set[str] = set()
        self.replaced: dict[str, list[str]] = {"model key": [], "secret": [], "refresh token": []}
        self.refused = 0
        self._directory, self._authorization = directory, authorization
        self._replacing = Lock()
        self._requests = count()
        self._model_key, self._token = "", (directory / subject_token_name(PERSON)).read_text()
        self.replace_model_key()

    def replace_model_key(self) -> None:
        old, self._model_key = self._model_key, f"planted-model-{secrets.token_hex(8)}"
        self.model_keys.add(self._model_key)
        keep(self._directory, "anthropic-api-key", self._model_key)
        self.model_keys.discard(old)
        self.replaced["model key"].append(old)

    def replace_what_the_agent_has(self) -> None:
        with self._replacing:
            self._replace_secret()
            self._replace_token()

    def _replace_secret(self) -> None:
        old, new = self._authorization.secret, f"planted-client-{secrets.token_hex(8)}"
        self._authorization.accept(old, new)
        keep(self._directory, client_secret_name(AGENT), new)
        self._authorization.accept(new)
        self.replaced["secret"].append(old)

    def _replace_token(self) -> None:
        old, self._token = self._token, self._authorization.subject_token()
        keep(self._directory, subject_token_name(PERSON), self._token)
        self._authorization.withdraw(old)
        self.replaced["refresh token"].append(old)

    async def answer(self, request: Request) -> Response:
        """Be the model's provider: read the calendar so many times, and be done."""
        if next(self._requests) % OFTEN == 1:
            self.replace_model_key()
        if request.headers["x-api-key"] not in self.model_keys:
            self.refused += 1
            return JSONResponse({"error": {"type": "authentication_error"}}, 401)
        messages = (await request.json())["messages"]
        calls = sum(message["role"] == "assistant" for message in messages)
        done = calls >= CALLS
        return JSONResponse(anthropic_words("Done.") if done else anthropic_call("read_calendar", {"day": "today"}))


async def test_no_call_is_lost_or_refused_while_credentials_are_replaced(
    agents: Agents, there: Loopback, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    credentials, exchange, exchanges = Credentials(tmp_path, there.authorization), calling.exchange, count()

    async def exchange_late(*args: Any, **options: Any) -> Any:
        if next(exchanges) % OFTEN == 1:
            await asyncio.to_thread(credentials.replace_what_the_agent_has)
        return await exchange(*args, **options)

    monkeypatch.setattr(calling, "exchange", exchange_late)
    with serving(Starlette(routes=[Route("/v1/messages", credentials.answer, methods=["POST"])])) as origin:
        settings.MODEL_PROVIDER, settings.MODEL_NAME, settings.MODEL_BASE_URL = "anthropic", "test-model", origin
        async with agents.working(call_model) as start:
            runs = [await start(ACTING) for _ in range(INCIDENTS)]
            reports = await asyncio.gather(*[run.result() for run in runs])
    outcomes = [(step.outcome, step.text) for report in reports for step in report.steps]
    assert outcomes == [(OutcomeKind.OK, "09:30 stand-up")] * (CALLS * INCIDENTS)
    assert len(agents.tokens) == len(outcomes)
    assert credentials.refused
    assert all(len(old) > 1 for old in credentials.replaced.values())
    # Tried once: nothing was left to Temporal, which repeats no call that changes something.
    histories = [await agents.environment.client.get_workflow_handle(run.id).fetch_history() for run in runs]
    attempts = {event.activity_task_started_event_attributes.attempt for one in histories for event in one.events}
    assert attempts <= {0, 1}
    no_more_than_the_new_ones_count(credentials, there.authorization)


def no_more_than_the_new_ones_count(credentials: Credentials, authorization: AuthorizationServer) -> None:
    assert not credentials.model_keys & set(credentials.replaced["model key"])
    form = {"grant_type": "refresh_token", "scope": "openid"}
    for secret, token in [
        (credentials.replaced["secret"][-1], authorization.subject_token()),
        (authorization.secret, credentials.replaced["refresh token"][-1]),
    ]:
        answer = httpx.post(
            authorization.token_endpoint, data={**form, "refresh_token": token}, auth=(AGENT, secret), timeout=30
        )
        assert answer.json()["error"] in ("invalid_client", "invalid_grant")
