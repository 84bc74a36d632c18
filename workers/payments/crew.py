"""The two workers of payments, each with the keys and the namespace of its own side."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.worker import Worker

from warrants.agents.services import ensure_agent
from warrants.policies.queries import load
from workers.crew import load_keys
from workers.database import in_thread
from workers.gates.plugin import GatePlugin
from workers.gates.receipts import ReceiptSink
from workers.nexus.admission import Asker
from workers.nexus.crew import GRACEFUL, NexusCrew, guarded_client, keys_for
from workers.nexus.exchange import paying_namespaces
from workers.payments.activities import TOOLS
from workers.payments.contracts import (
    AGENT,
    AGENT_POLICY,
    AGENT_TASK_QUEUE,
    ENDPOINT,
    PAYMENTS_TASK_QUEUE,
    POLICY,
)
from workers.payments.service import PaymentsHandler
from workers.payments.workflow import PaymentAgentWorkflow, PaymentWorkflow


async def assemble_payments(client: Client, sink: ReceiptSink) -> NexusCrew:
    """Return the worker that takes orders and makes payments; ``client`` is a plain one of the payments namespace."""
    asker = Asker(ENDPOINT, POLICY, client.namespace)
    load(POLICY)
    keys = await in_thread(keys_for, [asker])
    guarded, gate_plugin = await guarded_client(client, POLICY, TOOLS, keys, sink, nexus_endpoint=ENDPOINT)
    worker = Worker(
        guarded,
        task_queue=PAYMENTS_TASK_QUEUE,
        workflows=[PaymentWorkflow],
        activities=TOOLS,
        nexus_service_handlers=[PaymentsHandler(asker, callers=paying_namespaces())],
        graceful_shutdown_timeout=GRACEFUL,
    )
    return NexusCrew([worker], [gate_plugin])


async def assemble_agents(client: Client, sink: ReceiptSink) -> tuple[Worker, Client, GatePlugin]:
    """Return the finance agent's worker, guarded client and gate; ``client`` is one of the agent's namespace."""
    await in_thread(ensure_agent, name=AGENT)
    keys = await in_thread(load_keys)
    guarded, gate_plugin = await guarded_client(client, AGENT_POLICY, [], keys, sink)
    worker = Worker(
        guarded,
        task_queue=AGENT_TASK_QUEUE,
        workflows=[PaymentAgentWorkflow],
        graceful_shutdown_timeout=GRACEFUL,
    )
    return worker, guarded, gate_plugin
