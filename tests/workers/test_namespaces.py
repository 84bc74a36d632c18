"""``manage.py setup_namespaces`` against the real server, and one process that serves several namespaces."""

from __future__ import annotations

import asyncio
import io
import signal
import sqlite3
import uuid
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections
from pytest_django import Settings
from temporalio.api.operatorservice.v1 import DeleteNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError
from temporalio.testing import WorkflowEnvironment

from accounts.namespaces.contracts import GroupRole, Namespace, SearchAttribute
from accounts.roles.contracts import Role
from audit.rings.queries import ring_of
from tests.prepared import prepare
from tests.workers.processes import Installation, lines_until, stop
from workers.development_server import development_flags
from workers.incident.contracts import AGENT_TASK_QUEUE
from workers.namespaces.registration import describe

pytestmark = pytest.mark.temporal
of_the_command = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> str:
    """Return what the command wrote. Raises ``CommandError``, whose message then ends it."""
    written = io.StringIO()
    try:
        call_command("setup_namespaces", *arguments, stdout=written)
    except CommandError as error:
        raise CommandError(f"{written.getvalue()}{error}") from None
    finally:
        connections.close_all()
    return written.getvalue()


async def command(*arguments: str) -> str:
    return await asyncio.to_thread(run, *arguments)


@pytest.fixture
def wanted(settings: Settings, live_temporal: WorkflowEnvironment) -> Namespace:
    """A namespace that the server does not have."""
    settings.TEMPORAL_ADDRESS = live_temporal.client.service_client.config.target_host
    return Namespace(
        f"finance-ai-{uuid.uuid4().hex[:8]}",
        retention_days=30,
        search_attributes=(SearchAttribute("IncidentId", "Keyword"),),
        deletion_protection=True,
        task_queues=("payments",),
        group_roles=(GroupRole("sre", Role.APPROVER),),
    )


@of_the_command
async def test_a_check_changes_nothing_and_says_what_is_otherwise(
    settings: Settings, wanted: Namespace, live_temporal: WorkflowEnvironment
) -> None:
    settings.NAMESPACES = (wanted,)
    with pytest.raises(CommandError) as told:
        await command("--check")
    assert str(told.value).splitlines() == [
        f"{wanted.name}: It has no keys to encrypt with.",
        f"{wanted.name}: It is not on the Temporal server.",
        "Not as the file says: 2.",
    ]
    assert await describe(live_temporal.client, wanted.name) is None


@of_the_command
async def test_a_namespace_is_made_once_and_brought_up_to_date(
    settings: Settings, wanted: Namespace, live_temporal: WorkflowEnvironment
) -> None:
    settings.NAMESPACES = (wanted,)
    made = (await command()).splitlines()
    assert made[:3] == [
        f"{wanted.name}: made its keys",
        f"{wanted.name}: registered it on the server",
        f"{wanted.name}: added the search attribute IncidentId (Keyword)",
    ]
    # What no API sets, and what people do, is said every time.
    notes = [line for line in made if ": note: " in line]
    for words in ("worker.protectedNamespaces", "Nobody gets a role", "Nobody can approve", "queue payments"):
        assert any(words in note for note in notes), words
    ring = await sync_to_async(ring_of)(wanted.name)
    assert await command("--check") == await command()
    assert (await command()).startswith(f"{wanted.name}: as the file says")
    assert await sync_to_async(ring_of)(wanted.name) == ring

    shorter = Namespace(wanted.name, retention_days=7, search_attributes=(SearchAttribute("IncidentId", "Int"),))
    settings.NAMESPACES = (shorter,)
    with pytest.raises(CommandError, match="Closed histories are kept for 30 days, not 7"):
        await command("--check")
    with pytest.raises(CommandError) as told:
        await command()
    kept, type_, _, left = str(told.value).splitlines()
    assert kept == f"{wanted.name}: closed histories are kept for 7 days (before: 30)"
    assert "IncidentId is of another type there than Int" in type_
    assert left == "Not as the file says: 1."
    found = await describe(live_temporal.client, wanted.name)
    assert found is not None
    assert found.config.workflow_execution_retention_ttl.ToSeconds() == 7 * 86_400


@of_the_command
async def test_a_server_that_refuses_is_named_with_its_reason(settings: Settings, wanted: Namespace) -> None:
    settings.NAMESPACES = (Namespace("x" * 2000),)
    with pytest.raises(CommandError, match=r"xx: the Temporal server refuses \(\w+: .+can be run again"):
        await command()


@of_the_command
async def test_a_server_that_is_away_is_one_sentence(settings: Settings) -> None:
    settings.TEMPORAL_ADDRESS = "127.0.0.1:1"
    with pytest.raises(CommandError, match=r"No Temporal server answers at 127\.0\.0\.1:1 .*then try again"):
        await command("--check")


def test_the_development_server_begins_with_them() -> None:
    namespaces = [
        Namespace("stg", search_attributes=(SearchAttribute("IncidentId", "Keyword"),)),
        Namespace("prd", deletion_protection=True, search_attributes=(SearchAttribute("IncidentId", "Keyword"),)),
    ]
    assert development_flags(namespaces) == [
        "--namespace", "stg", "--namespace", "prd", "--search-attribute", "IncidentId=Keyword",
        "--dynamic-config-value", 'worker.protectedNamespaces=["prd"]',
    ]  # fmt: skip


FILE = """
namespaces:
  finance-ai-prd:
    retention_days: 30
    approvers: [sre]
    task_queues: [incident-agents, incident-models]
  finance-ai-stg:
    retention_days: 7
    approvers: [sre]
    deletion_protection: false
    task_queues: [incident-agents, incident-models]
    alerts: [payment-service-prod]
  finance-ai-research:
    retention_days: 7
    approvers: [research]
"""


@pytest.mark.timeout(240)
async def test_one_process_serves_them_all(tmp_path: Path) -> None:
    """An alert starts its incident where the file says; restarted, the same server goes on with what it has."""
    file = tmp_path / "namespaces.yaml"
    file.write_text(FILE)
    prepare(tmp_path)
    installation = Installation(tmp_path, NAMESPACES_FILE=str(file), TEMPORAL_NAMESPACE="finance-ai-prd")
    code, output = await asyncio.to_thread(installation.run, "demo", "--auto", timeout=150)
    assert code == 0, output
    with sqlite3.connect(tmp_path / "countersign.sqlite3") as database:
        asked = database.execute("SELECT DISTINCT namespace, state FROM approvals_approvalrequest").fetchall()
        tools = database.execute("SELECT namespace, task_queue, name FROM warrants_reportedtool").fetchall()
    assert asked == [("finance-ai-stg", "executed")]
    places = {(namespace, queue) for namespace, queue, name in tools if name == "restart_service"}
    assert places == {("finance-ai-prd", AGENT_TASK_QUEUE), ("finance-ai-stg", AGENT_TASK_QUEUE)}

    process = installation.start("demo")
    await asyncio.to_thread(lines_until, process, "Sign in once as")
    code, output = await asyncio.to_thread(installation.run, "setup_namespaces")
    assert code == 0, output
    assert "finance-ai-prd: closed histories are kept for 30 days (before: 1)" in output
    assert "finance-ai-stg: note: No worker listens" not in output
    client = await Client.connect(f"127.0.0.1:{installation.environment['TEMPORAL_DEVELOPMENT_PORT']}")
    with pytest.raises(RPCError, match="finance-ai-prd is protected from deletion"):
        await client.operator_service.delete_namespace(DeleteNamespaceRequest(namespace="finance-ai-prd"))
    code, output = await asyncio.to_thread(stop, process, signal.SIGTERM)
    assert (code, "Traceback" in output) == (0, False)
    assert installation.processes() == []
