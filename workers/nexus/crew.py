"""The workers behind the Nexus endpoints of this installation, put together from settings and stores.

One worker takes questions, with no warrant and no plugin. One guarded worker for each endpoint asks them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.conf import settings
from temporalio.client import Client, Interceptor
from temporalio.worker import Worker
from tenuo.temporal import TenuoClientInterceptor

from audit.rings.services import ensure_ring
from warrants.agents.services import ensure_agent
from warrants.errors import PolicyError
from warrants.policies.release import shipped
from warrants.revocation.contracts import Held
from workers.answers.contracts import NEXUS_TASK_QUEUE, action_queue_of
from workers.catalogue import DatabaseToolSink
from workers.client import with_plugins
from workers.crew import Keys, load_keys, worker_name
from workers.database import in_thread
from workers.errors import StartFailed
from workers.gates.nonces import NonceStore
from workers.gates.plugin import GatePlugin
from workers.gates.receipts import ReceiptSink, ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.setup import build_plugins
from workers.known_policies import KnownPolicies
from workers.nexus.actions import activities_of
from workers.nexus.admission import Asker
from workers.nexus.door import KnownEndpoints, behind_door
from workers.nexus.exchange import exchange_ring_of
from workers.nexus.service import CountersignHandler
from workers.nexus.workflow import ApprovalWorkflow
from workers.revocation import held_list

GRACEFUL = timedelta(seconds=5)


@dataclass(frozen=True)
class Shared:
    """What all guarded workers of a process have in common."""

    receipts: ReceiptSink
    nonces: NonceStore
    policies: KnownPolicies


@dataclass(frozen=True)
class NexusCrew:
    """Workers, and by namespace the gate plugins whose revocation lists have to be kept fresh."""

    workers: list[Worker] = field(default_factory=list)
    gate_plugins: list[tuple[str, GatePlugin]] = field(default_factory=list)

    def __add__(self, other: NexusCrew) -> NexusCrew:
        return NexusCrew([*self.workers, *other.workers], [*self.gate_plugins, *other.gate_plugins])

    def held_lists(self) -> list[Held]:
        """Return what every worker holds."""
        return [held_list(plugin, namespace) for namespace, plugin in self.gate_plugins]

    def apply_trusted_roots(self, sets: Sequence[bytes]) -> bool:
        """Give the sets to every worker; see ``GatePlugin``."""
        news = [plugin.apply_trusted_roots(sets) for _, plugin in self.gate_plugins]
        return any(news)

    def apply_revocation_list(self, data: bytes) -> bool:
        """Give the list to every worker; see ``GatePlugin``."""
        news = [plugin.apply_revocation_list(data) for _, plugin in self.gate_plugins]
        return any(news)

    def apply_key_revocations(self, data: bytes) -> bool:
        """Give the list to every worker; see ``GatePlugin``."""
        news = [plugin.apply_key_revocations(data) for _, plugin in self.gate_plugins]
        return any(news)


async def assemble_nexus(client: Client, shared: Shared) -> NexusCrew:
    """Return the workers of every endpoint in ``settings.NEXUS_APPROVALS``; none if there is none.

    ``client`` is a plain one of the namespace in which people are asked. Raises ``StartFailed`` for a policy whose
    arguments have no type.
    """
    askers = askers_of(settings.NEXUS_APPROVALS, client.namespace)
    crew = NexusCrew()
    if not askers:
        return crew
    keys = await in_thread(keys_for, list(askers.values()))
    crew.workers.append(build_nexus_worker(client, askers))
    for asker in askers.values():
        try:
            actions = activities_of(shipped(asker.policy))
        except PolicyError as error:
            raise StartFailed(f"The policy {asker.policy} cannot be asked about through Nexus: {error}") from error
        guarded, gate_plugin = guarded_client(client, actions, keys, shared)
        crew.gate_plugins.append((client.namespace, gate_plugin))
        crew.workers.append(
            Worker(
                guarded,
                task_queue=action_queue_of(asker.endpoint),
                workflows=[ApprovalWorkflow],
                activities=actions,
                graceful_shutdown_timeout=GRACEFUL,
            )
        )
    return crew


def askers_of(endpoints: Mapping[str, str], namespace: str) -> dict[str, Asker]:
    """Return who may ask, by endpoint, from ``{endpoint: policy}``. Raises ``PolicyError``."""
    for policy in endpoints.values():
        shipped(policy)
    return {endpoint: Asker(endpoint, policy, namespace) for endpoint, policy in endpoints.items()}


def keys_for(askers: Sequence[Asker]) -> Keys:
    """Return the keys of a guarded worker, after making those of ``askers`` and of their endpoints if need be."""
    for asker in askers:
        ensure_agent(name=asker.agent)
        ensure_ring(namespace=exchange_ring_of(asker.endpoint))
    return load_keys()


def build_nexus_worker(client: Client, askers: Mapping[str, Asker]) -> Worker:
    """Return the worker that takes questions. It holds no warrant; the workflows that it starts get theirs.

    It reads nothing that was not sealed: that a question is sealed with its endpoint's key says who asks.
    """
    return Worker(
        behind_door(with_interceptors(client, [TenuoClientInterceptor()])),
        interceptors=[KnownEndpoints(askers)],
        task_queue=NEXUS_TASK_QUEUE,
        nexus_service_handlers=[CountersignHandler(askers)],
        graceful_shutdown_timeout=GRACEFUL,
    )


def guarded_client(
    client: Client,
    activities: Sequence[Callable[..., Any]],
    keys: Keys,
    shared: Shared,
    *,
    nexus_endpoint: str | None = None,
) -> tuple[Client, GatePlugin]:
    """Return a client for a guarded worker, and its gate."""
    tenuo_plugin, gate_plugin = build_plugins(
        activities=activities,
        holder_keys=keys.holders,
        trusted_roots=keys.roots,
        roots_number=keys.roots_number,
        receipts=ReceiptWriter(sink=shared.receipts, signing_key=keys.receipts, worker=worker_name()),
        nonces=shared.nonces,
        settings=GateSettings(
            request_lifetime_seconds=settings.REQUEST_LIFETIME_SECONDS,
            signature_lifetime_seconds=settings.SIGNATURE_LIFETIME_SECONDS,
        ),
        people_roots=shared.policies.roots,
        floors=shared.policies,
        nexus_endpoint=nexus_endpoint,
        tools=DatabaseToolSink(),
    )
    if nexus_endpoint is not None:
        client = behind_door(client)
    return with_plugins(client, [tenuo_plugin, gate_plugin]), gate_plugin


def with_interceptors(client: Client, interceptors: Sequence[Interceptor]) -> Client:
    """Return a client on the same connection with ``interceptors`` and no plugin."""
    config = client.config()
    config["interceptors"] = list(interceptors)
    return Client(**config)
