"""Finding a run in the archive, and running the workflow code on its history again."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from temporalio.api.history.v1 import History
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter, WorkflowSerializationContext
from temporalio.worker import Plugin, Replayer

from warrants.policies.release import shipped
from workers.answers.contracts import workflow_id_of
from workers.closing_report import ClosingReportWorkflow
from workers.codec.converter import ClientOptions, client_options
from workers.crew import Keys, load_keys
from workers.database import in_thread
from workers.export import histories, manifests
from workers.export.archives import Shelf
from workers.export.chain import Chain, naming, require_object
from workers.export.errors import RunUnknown
from workers.export.manifests import Entry
from workers.export.workflow import ExportWorkflow
from workers.gates.nonces import InMemoryNonceStore
from workers.gates.receipts import InMemoryReceiptSink, ReceiptWriter
from workers.gates.setup import build_plugins
from workers.incident.activities import TOOLS
from workers.incident.workflow import IncidentWorkflow
from workers.nexus.actions import activities_of
from workers.nexus.exchange import exchanges_of
from workers.nexus.workflow import ApprovalWorkflow
from workers.payments.activities import TOOLS as PAYMENT_TOOLS
from workers.payments.workflow import PaymentAgentWorkflow, PaymentWorkflow
from workers.rings import process_rings
from workers.sweep import SweepWorkflow
from workers.tool_report import ToolReportWorkflow

# What this installation runs without a warrant.
PLAIN: list[type] = [ClosingReportWorkflow, ToolReportWorkflow, SweepWorkflow, ExportWorkflow]
Activities = Sequence[Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """A run in the archive."""

    entry: Entry
    history: History


def find(shelf: Shelf, workflow_id: str, run_id: str = "") -> Found:
    """Return a run that the archive lists: without ``run_id`` the one of that workflow that was closed last.

    Raises ``RunUnknown``, and what reading the archive raises.
    """
    chain = Chain(shelf)
    newest = max((manifests.number_in(name) for name in shelf.names("manifests")), default=0)
    for manifest in chain.backwards(chain.read(newest) if newest else None):
        of_workflow = [run for run in manifest.runs if run.workflow_id == workflow_id and run_id in ("", run.run_id)]
        if of_workflow:
            return _read(shelf, max(of_workflow, key=lambda run: run.closed_at))
    which = f"run {run_id} of {workflow_id!r}" if run_id else f"run of {workflow_id!r}"
    raise RunUnknown(f"The archive lists no {which} in {shelf.namespace}. Is it closed, and its hour exported?")


def _read(shelf: Shelf, entry: Entry) -> Found:
    name = manifests.object_name(entry.object)
    with naming(f"{shelf.namespace}/{name}"):
        content = shelf.get(name)
        require_object(content, entry)
        return Found(entry, histories.read_one(content))


def converter_for(namespace: str, workflow_id: str) -> DataConverter:
    """Return what reads the payloads of a run: with this installation's ring of ``namespace``."""
    context = WorkflowSerializationContext(namespace=namespace, workflow_id=workflow_id)
    return _reading(namespace)["data_converter"].with_context(context)


def _reading(namespace: str) -> ClientOptions:
    # Opens what was encrypted, plain or not; what a replay would send goes nowhere, and needs no key.
    return client_options(process_rings, namespace, exchanges=exchanges_of(namespace), seals=False)


async def replay(found: Found, namespace: str) -> str:
    """Run the workflow code on the history; return why it does not do the same again, or nothing.

    Raises ``RunUnknown`` if this installation has no code for the run.
    """
    workflow, plugins = await _code_for(found.entry)
    replayer = Replayer(workflows=[workflow], plugins=plugins, namespace=namespace, **_reading(namespace))
    history = WorkflowHistory(found.entry.workflow_id, found.history.events)
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return str(result.replay_failure) if result.replay_failure else ""


async def _code_for(run: Entry) -> tuple[type, list[Plugin]]:
    for workflow in PLAIN:
        if run.type == _name(workflow):
            return workflow, []
    for workflow, activities in guarded(run.workflow_id).items():
        if run.type == _name(workflow):
            return workflow, _gates(activities, await in_thread(load_keys))
    raise RunUnknown(f"This installation has no workflow code for runs of type {run.type!r}.")


def guarded(workflow_id: str) -> dict[type, Activities]:
    """Return what this installation runs under a warrant, with the activities that such a worker knows.

    What an operation's workflow may do is its endpoint's policy, which its id names.
    """
    policies = [
        policy
        for endpoint, policy in settings.NEXUS_APPROVALS.items()
        if workflow_id.startswith(workflow_id_of(endpoint, ""))
    ]
    return {
        IncidentWorkflow: TOOLS,
        PaymentWorkflow: PAYMENT_TOOLS,
        PaymentAgentWorkflow: [],
        ApprovalWorkflow: [action for policy in policies for action in activities_of(shipped(policy))],
    }


def _name(workflow: Any) -> str:
    return str(workflow.__temporal_workflow_definition.name)


def _gates(activities: Activities, keys: Keys) -> list[Plugin]:
    """Return the guarded worker's plugins, with nothing behind them that a replay could write to."""
    return list(
        build_plugins(
            activities=activities,
            holder_keys=keys.holders,
            trusted_roots=keys.roots,
            receipts=ReceiptWriter(sink=InMemoryReceiptSink(), signing_key=secrets.token_bytes(32), worker="replay"),
            nonces=InMemoryNonceStore(),
        )
    )
