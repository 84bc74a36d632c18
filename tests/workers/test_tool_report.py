"""Real workers say which tools they have, and nothing keeps them from their work."""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from temporalio import activity
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode
from temporalio.testing import ActivityEnvironment, WorkflowEnvironment
from temporalio.worker import Worker

from approvals.contracts import ToolRecord, ToolReport
from tests.gates import agents
from tests.gates.people import Keys
from warrants.catalogue import queries
from warrants.catalogue.contracts import Parameter
from warrants.policies import linting
from warrants.policies.release import shipped, shipped_names, shipped_text
from workers import activities, catalogue
from workers.catalogue import DatabaseToolSink
from workers.client import with_plugins
from workers.database import in_thread
from workers.gates import catalogue as gate_catalogue
from workers.gates.catalogue import ToolSink, reports_of
from workers.gates.checks import functions_by_name
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptSink, ReceiptWriter
from workers.gates.reporting import TemporalReceiptSink
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS
from workers.nexus.actions import activities_of
from workers.payments.activities import TOOLS as PAYMENT_TOOLS


def guarded_worker(client: Client, receipts: ReceiptSink, queue: str, tools: ToolSink | None = None) -> Worker:
    keys = Keys()
    plugins = build_plugins(
        activities=agents.ACTIVITIES,
        holder_keys={"agent": bytes(keys.holder.secret_key_bytes())},
        trusted_roots=[keys.root],
        receipts=ReceiptWriter(sink=receipts, signing_key=b"\x07" * 32, worker=f"test-{uuid.uuid4().hex}"),
        nonces=InMemoryNonceStore(),
        settings=GateSettings(approvals_task_queue=f"{queue}-approvals"),
        tools=tools,
    )
    return Worker(
        with_plugins(client, list(plugins)), task_queue=queue, workflows=agents.WORKFLOWS, activities=agents.ACTIVITIES
    )


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Is set when a report is in the database."""
    heard, record = threading.Event(), catalogue.record_tools

    def record_and_tell(namespace: str, report: ToolReport) -> None:
        record(namespace, report)
        heard.set()

    monkeypatch.setattr(catalogue, "record_tools", record_and_tell)
    monkeypatch.setattr(activities, "record_tools", record_and_tell)
    return heard


@pytest.mark.temporal
@pytest.mark.django_db(transaction=True)
async def test_a_worker_elsewhere_reports_its_tools_over_temporal(
    live_temporal: WorkflowEnvironment, recorded: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, queue = live_temporal.client, f"team-{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr(activities, "APPROVALS_TASK_QUEUE", f"{queue}-approvals")
    async with (
        activities.build_approvals_worker(client, threads=1, sweeps=False),
        guarded_worker(client, TemporalReceiptSink(client), queue),
    ):
        assert await asyncio.to_thread(recorded.wait, 20)
    found = {tool.name: tool for tool in await in_thread(queries.tools)}
    assert found["restart_service"].parameters == (Parameter("service", "str"), Parameter("environment", "str"))
    assert found["restart_service"].places == (f"{client.namespace}/{queue}",)
    assert len(found) == len(agents.ACTIVITIES)


@pytest.mark.temporal
@pytest.mark.django_db(transaction=True)
async def test_a_worker_beside_the_database_writes_there(
    live_temporal: WorkflowEnvironment, recorded: threading.Event
) -> None:
    queue = f"ours-{uuid.uuid4().hex[:8]}"
    async with guarded_worker(live_temporal.client, InMemoryReceiptSink(), queue, DatabaseToolSink()):
        assert await asyncio.to_thread(recorded.wait, 20)
    assert {place for tool in await in_thread(queries.tools) for place in tool.places} == {
        f"{live_temporal.client.namespace}/{queue}"
    }


async def test_what_cannot_be_reported_is_tried_again_and_keeps_the_worker_from_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gate_catalogue, "FIRST_DELAY_SECONDS", 0.001)
    arrived, failures = asyncio.Event(), [RPCError("away", RPCStatusCode.UNAVAILABLE, b""), ValueError("odd")]

    class Flaky:
        async def report(self, namespace: str, report: ToolReport) -> None:
            if failures:
                raise failures.pop()
            arrived.set()

    functions = {"read_logs": agents.ACTIVITIES[0]}
    async with gate_catalogue.reporting(Flaky(), "default", "agents", functions):
        await asyncio.wait_for(arrived.wait(), 5)
    assert caplog.text.count("It is tried again") == 2


async def test_a_sink_that_hangs_does_not_keep_a_worker_from_stopping() -> None:
    hanging = asyncio.Event()

    class Hanging:
        async def report(self, namespace: str, report: ToolReport) -> None:
            hanging.set()
            await asyncio.Event().wait()

    async with asyncio.timeout(5):
        async with gate_catalogue.reporting(Hanging(), "default", "agents", {"read_logs": agents.ACTIVITIES[0]}):
            await hanging.wait()


def _named(name: str) -> Callable[..., Any]:
    @activity.defn(name=name)
    async def function(service: str, tags: list[str]) -> None:
        """Do it.

        At length.
        """

    return function


def test_a_report_has_types_and_the_first_paragraph_and_is_small() -> None:
    functions = {f"tool_{number}": _named(f"tool_{number}") for number in range(10_000)}
    reports = list(reports_of("agents", functions))
    assert reports[0].tools[0] == ToolRecord(
        "tool_0", ["service", "tags"], ["str", "list[str]"], [True, True], "Do it."
    )
    assert sum(len(one.tools) for one in reports) == gate_catalogue.MAXIMUM_TOOLS
    assert max(len(one.tools) for one in reports) == gate_catalogue.BATCH


@pytest.mark.django_db(transaction=True)
def test_the_releases_policies_fit_the_workers_that_it_comes_with() -> None:
    tools = [*TOOLS, *PAYMENT_TOOLS, *activities_of(shipped("team-actions"))]
    for report in reports_of("agents", functions_by_name(tools)):
        catalogue.record_tools("default", report)
    about_tools = {"unknown_tool", "unknown_argument", "argument_forgotten", "never_matches"}
    for name in shipped_names():
        found = {finding.code for finding in linting.findings(name, shipped_text(name), [])}
        assert not found & about_tools


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "hostile",
    [
        ToolRecord("pay", ["a", "b"], ["str"], [], "x" * 100_000),
        ToolRecord("pay", [], ["str"] * 100_000, [True], "\0"),
        ToolRecord("pay", ["a" * 201], [], [], ""),
        ToolRecord("\0", [], [], [], ""),
    ],
)
def test_a_report_is_of_the_namespace_that_its_task_came_from(hostile: ToolRecord) -> None:
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(environment.info, namespace="staging")
    environment.run(activities.report_tools, ToolReport("prd/agents", [hostile, ToolRecord("fine", [], [], [], "")]))
    found = queries.tools()
    assert "fine" in [tool.name for tool in found]
    assert all(place.startswith("staging/") for tool in found for place in tool.places)
