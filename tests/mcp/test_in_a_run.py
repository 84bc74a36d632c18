"""The incident agent uses MCP tools: with the authority of whom its warrant names, whatever model and workflow say."""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from pytest_django import Settings
from temporalio.client import WorkflowHandle
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker
from tenuo.temporal import start_workflow_authorized

from approvals.contracts import APPROVALS_TASK_QUEUE
from audit.statements.acting import Acting
from tests.gates.closing import ClosingReportDesk
from tests.gates.people import Desk, Keys, approve, decision, send
from tests.incident.agents import BRIEF, ScriptedModel, call, done
from tests.mcp.servers import AGENT, PERSON, Loopback, loopback
from warrants.minting.compilation import approval_gates, capabilities
from warrants.minting.contracts import Incident
from warrants.policies.release import shipped
from workers.client import with_plugins
from workers.credentials.secret import Secret
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS
from workers.incident.contracts import (
    MODEL_TASK_QUEUE,
    POLICY_FOR_A_PERSON,
    IncidentReport,
    ModelAnswer,
    OutcomeKind,
    Step,
)
from workers.incident.workflow import IncidentWorkflow
from workers.mcp import calling
from workers.mcp.contracts import client_secret_name, subject_token_name

pytestmark = [pytest.mark.temporal, pytest.mark.asyncio(loop_scope="session")]
ACTING = Acting(AGENT, PERSON)
READ = call("read_calendar", day="today")
OPEN = call("open_ticket", queue="platform", title="The pool of payment-service is too small, says local:grace")


@pytest.fixture(scope="module")
def there() -> Iterator[Loopback]:
    with loopback() as found:
        yield found


@dataclass
class Agents:
    """Workers under both plugins, and every token that an exchange gave them."""

    environment: WorkflowEnvironment
    keys: Keys
    desk: Desk
    settings: GateSettings
    tokens: list[str] = field(default_factory=list)

    async def run(
        self, *answers: ModelAnswer, acting: Acting | None = ACTING, answer: Callable[..., Any] | None = None
    ) -> tuple[WorkflowHandle[Any, Any], list[Step]]:
        """Run one incident to its end; return its handle and steps. ``answer`` decides what stops at a gate."""
        async with self.working(ScriptedModel([*answers, done()]).call_model) as start:
            handle = await start(acting)
            if answer is not None:
                request = await asyncio.wait_for(self.desk.requests.get(), 30)
                await send(self.environment.client, request, answer(request))
            report: IncidentReport = await handle.result()
        return self.environment.client.get_workflow_handle(handle.id), report.steps

    @asynccontextmanager
    async def working(self, call_model: Callable[..., Any]) -> AsyncIterator[Callable[[Acting | None], Any]]:
        """Run the workers with that model; yield what starts an incident and returns its handle."""
        queue, plain = f"incident-agents-{uuid.uuid4().hex[:8]}", self.environment.client
        tenuo_plugin, gate_plugin = build_plugins(
            activities=TOOLS,
            holder_keys={"agent": bytes(self.keys.holder.secret_key_bytes())},
            trusted_roots=[self.keys.root],
            receipts=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=b"\x07" * 32, worker=f"test-{queue}"),
            nonces=InMemoryNonceStore(),
            settings=self.settings,
        )
        guarded = with_plugins(plain, [tenuo_plugin, gate_plugin])
        async with (
            Worker(guarded, task_queue=queue, workflows=[IncidentWorkflow], activities=TOOLS),
            Worker(plain, task_queue=MODEL_TASK_QUEUE, activities=[call_model]),
            Worker(
                plain,
                task_queue=self.settings.approvals_task_queue,
                workflows=[ClosingReportDesk],
                activities=self.desk.activities,
            ),
        ):
            yield partial(self._start, guarded, tenuo_plugin, queue)

    async def _start(self, guarded: Any, tenuo_plugin: Any, queue: str, acting: Acting | None) -> Any:
        policy = shipped(POLICY_FOR_A_PERSON)
        brief = replace(BRIEF, incident_id=f"P{uuid.uuid4().hex[:8]}")
        incident = Incident(brief.incident_id, brief.title, brief.severity, brief.service, "default")
        gates = approval_gates(policy, incident)
        return await start_workflow_authorized(
            client=guarded,
            client_interceptor=tenuo_plugin.client_interceptor,
            workflow_run_fn=IncidentWorkflow.run,
            args=[brief],
            warrant=self.keys.warrant(capabilities(policy, incident), gates, acting=acting),
            key_id="agent",
            workflow_id=f"incident-{brief.incident_id}",
            task_queue=queue,
        )


@pytest_asyncio.fixture(loop_scope="session")
async def agents(
    live_temporal: WorkflowEnvironment,
    there: Loopback,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[Agents]:
    queue = f"{APPROVALS_TASK_QUEUE}-{uuid.uuid4().hex[:8]}"
    found = Agents(live_temporal, Keys(), Desk(), GateSettings(approvals_task_queue=queue))
    settings.MCP_URL, settings.MCP_TOKEN_ENDPOINT = there.url, there.authorization.token_endpoint
    settings.CREDENTIALS = tmp_path.as_uri()
    keep(tmp_path, client_secret_name(AGENT), there.authorization.secret)
    keep(tmp_path, subject_token_name(PERSON), there.authorization.subject_token())
    exchange = calling.exchange

    async def noting(*args: Any, **options: Any) -> Secret:
        token = await exchange(*args, **options)
        found.tokens.append(token.reveal())
        return token

    monkeypatch.setattr(calling, "exchange", noting)
    yield found


def keep(directory: Path, name: str, text: str) -> None:
    path = directory / name
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.touch(0o600)
    partial.write_text(text)
    partial.replace(path)


def approving(keys: Keys) -> Callable[[Any], Any]:
    return lambda request: decision(request, approvals=(approve(request, keys.approver),))


async def test_the_tools_act_for_the_person_of_the_warrant_and_no_token_is_anywhere(
    agents: Agents, there: Loopback, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    handle, steps = await agents.run(READ, OPEN, answer=approving(agents.keys))
    assert [(step.outcome, step.text) for step in steps] == [
        (OutcomeKind.OK, "09:30 stand-up"),
        (OutcomeKind.OK, f"PLATFORM-{len(there.desk.tickets)} was opened by local:ada through incident-agent."),
    ]
    assert len(agents.tokens) == 2
    history = await handle.fetch_history()
    written = b"".join(event.SerializeToString() for event in history.events)
    assert b"09:30 stand-up" in written, "payloads are searched as they are"
    subject = (tmp_path / subject_token_name(PERSON)).read_text()
    for secret in [*agents.tokens, subject, there.authorization.secret]:
        assert secret.encode() not in written
        assert secret not in history.to_json() + caplog.text


async def test_without_a_person_in_the_warrant_nobodys_authority_is_used(agents: Agents) -> None:
    _, steps = await agents.run(READ, acting=None)
    assert [(step.outcome, step.code) for step in steps] == [(OutcomeKind.FAILED, "ACTING_FOR_NOBODY")]
    assert agents.tokens == []


async def test_a_person_who_gave_this_agent_no_token_is_not_acted_for(agents: Agents) -> None:
    _, steps = await agents.run(READ, acting=Acting(AGENT, "local:grace"))
    assert [(step.outcome, step.code) for step in steps] == [(OutcomeKind.FAILED, "CREDENTIAL_MISSING")]


async def test_a_token_that_was_taken_back_is_told_as_such(agents: Agents, tmp_path: Path) -> None:
    keep(tmp_path, subject_token_name(PERSON), "taken-back-by-ada")
    _, steps = await agents.run(READ)
    assert [step.code for step in steps] == ["MCP_SUBJECT_REFUSED"]
    assert "taken-back-by-ada" not in steps[0].text


async def test_an_authorization_server_that_is_down_is_asked_again(agents: Agents, settings: Settings) -> None:
    settings.MCP_TOKEN_ENDPOINT = "http://127.0.0.1:9/token"
    handle, steps = await agents.run(READ)
    assert [step.code for step in steps] == ["MCP_IDENTITY_UNAVAILABLE"]
    attempts = [event.activity_task_started_event_attributes.attempt async for event in handle.fetch_history_events()]
    assert max(attempts) == 3


async def test_an_installation_without_an_mcp_server_says_so(agents: Agents, settings: Settings) -> None:
    settings.MCP_URL = settings.MCP_TOKEN_ENDPOINT = ""
    _, steps = await agents.run(READ)
    assert [step.code for step in steps] == ["MCP_NOT_CONFIGURED"]
