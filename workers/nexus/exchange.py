"""Which exchange rings this application's clients hold: one for each endpoint, known to its two sides only.

What people ask and are told through an endpoint is sealed with that endpoint's ring, so that the one who asks needs no
key of ours, and we none of theirs.
"""

from __future__ import annotations

from django.conf import settings

from workers.answers.contracts import NEXUS_TASK_QUEUE, workflow_id_of
from workers.codec.exchanges import Exchanges
from workers.nexus.endpoints import Endpoint
from workers.payments.contracts import AGENT_TASK_QUEUE, ENDPOINT, PAYMENTS_TASK_QUEUE


def exchange_ring_of(endpoint: str) -> str:
    """Return the name of an endpoint's exchange ring: no namespace can have it."""
    return f"nexus:{endpoint}"


def exchanges_of(namespace: str) -> Exchanges:
    """Return the exchange rings of a client in ``namespace``."""
    handled = list(settings.NEXUS_APPROVALS) if namespace == settings.TEMPORAL_NAMESPACE else []
    if namespace in payments_namespaces():
        handled.append(ENDPOINT)
    called = [ENDPOINT] if namespace in paying_namespaces() else []
    return Exchanges(
        endpoints={endpoint: exchange_ring_of(endpoint) for endpoint in [*handled, *called]},
        workflow_prefixes={workflow_id_of(endpoint, ""): exchange_ring_of(endpoint) for endpoint in handled},
    )


def payments_namespaces() -> list[str]:
    """Return where payments are made: the namespaces with their task queue. More than one has no endpoint."""
    return [one.name for one in settings.NAMESPACES if PAYMENTS_TASK_QUEUE in one.task_queues]


def paying_namespaces() -> list[str]:
    """Return whose agents may ask for payments: the namespaces with the agents' task queue."""
    return [one.name for one in settings.NAMESPACES if AGENT_TASK_QUEUE in one.task_queues]


def wanted_endpoints() -> list[Endpoint]:
    """Return the endpoints that this installation answers through."""
    approvals = [Endpoint(name, settings.TEMPORAL_NAMESPACE, NEXUS_TASK_QUEUE) for name in settings.NEXUS_APPROVALS]
    return approvals + [Endpoint(ENDPOINT, namespace, PAYMENTS_TASK_QUEUE) for namespace in payments_namespaces()[:1]]
