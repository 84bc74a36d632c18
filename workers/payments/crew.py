"""The two workers of payments, each with the keys and the namespace of its own side; and all that is behind Nexus."""

from __future__ import annotations

from temporalio.client import Client
from temporalio.worker import Worker

from warrants.agents.services import ensure_agent
from workers.client import in_namespace
from workers.crew import load_keys
from workers.database import in_thread
from workers.nexus.admission import Asker
from workers.nexus.crew import GRACEFUL, NexusCrew, Shared, assemble_nexus, guarded_client, keys_for
from workers.nexus.exchange import paying_namespaces, payments_namespaces
from workers.payments.activities import TOOLS
from workers.payments.contracts import (
    AGENT,
    AGENT_TASK_QUEUE,
    ENDPOINT,
    PAYMENTS_TASK_QUEUE,
    POLICY,
)
from workers.payments.service import PaymentsHandler
from workers.payments.workflow import PaymentAgentWorkflow, PaymentWorkflow


async def assemble_endpoints(client: Client, shared: Shared) -> NexusCrew:
    """Return the workers behind every Nexus endpoint of this installation, and of the agents that ask for payments.

    ``client`` is a plain one of the namespace where incidents start by default.
    """
    crew = await assemble_nexus(client, shared)
    for namespace in payments_namespaces():
        crew += await assemble_payments(in_namespace(client, namespace), shared)
    for namespace in paying_namespaces():
        crew += await assemble_agents(in_namespace(client, namespace), shared)
    return crew


async def assemble_payments(client: Client, shared: Shared) -> NexusCrew:
    """Return the worker that takes orders and makes payments; ``client`` is a plain one of the payments namespace."""
    asker = Asker(ENDPOINT, POLICY, client.namespace)
    keys = await in_thread(keys_for, [asker])
    guarded, gate_plugin = guarded_client(client, TOOLS, keys, shared, nexus_endpoint=ENDPOINT)
    worker = Worker(
        guarded,
        task_queue=PAYMENTS_TASK_QUEUE,
        workflows=[PaymentWorkflow],
        activities=TOOLS,
        nexus_service_handlers=[PaymentsHandler(asker, callers=paying_namespaces())],
        graceful_shutdown_timeout=GRACEFUL,
    )
    return NexusCrew([worker], [(client.namespace, gate_plugin)])


async def assemble_agents(client: Client, shared: Shared) -> NexusCrew:
    """Return the finance agent's worker; ``client`` is a plain one of the agent's namespace."""
    await in_thread(ensure_agent, name=AGENT)
    keys = await in_thread(load_keys)
    guarded, gate_plugin = guarded_client(client, [], keys, shared)
    worker = Worker(
        guarded,
        task_queue=AGENT_TASK_QUEUE,
        workflows=[PaymentAgentWorkflow],
        graceful_shutdown_timeout=GRACEFUL,
    )
    return NexusCrew([worker], [(client.namespace, gate_plugin)])
