"""Temporal's pages show what crossed an endpoint to readers of its two sides, and to nobody else."""

from __future__ import annotations

import pytest
from pytest_django import Settings
from temporalio.api.common.v1 import Payload

from accounts.namespaces.contracts import Namespace
from accounts.roles.contracts import Role
from audit.keys.contracts import Purpose
from audit.keys.services import ensure_service_key
from audit.rings.queries import ring_of
from audit.rings.services import ensure_ring
from tests import people
from workers.codec.codec import _seal
from workers.codec_server.errors import UnreadablePayload
from workers.codec_server.services import Caller, decode
from workers.nexus.exchange import exchange_ring_of
from workers.payments.contracts import AGENT_TASK_QUEUE, ENDPOINT, PAYMENTS_TASK_QUEUE

SIDES, STRANGER = ("finance-ai-prd", "finance-payments-prd"), "finance-ai-research"


@pytest.fixture
def crossed(db: None, settings: Settings) -> Payload:
    """A payload as it stands in the histories of both sides."""
    settings.NAMESPACES = (
        Namespace(SIDES[0], task_queues=(AGENT_TASK_QUEUE,)),
        Namespace(SIDES[1], task_queues=(PAYMENTS_TASK_QUEUE,)),
        Namespace(STRANGER),
    )
    for purpose in Purpose:
        ensure_service_key(purpose=purpose)
    for name in (*SIDES, STRANGER, exchange_ring_of(ENDPOINT)):
        ensure_ring(namespace=name)
    ring = ring_of(exchange_ring_of(ENDPOINT))
    return _seal(ring, Payload(data=b"12 pumps"), {"encryption-ring": ring.namespace})


@pytest.mark.parametrize("namespace", SIDES)
def test_both_sides_read_what_crossed(crossed: Payload, namespace: str) -> None:
    reader = people.person("rea", Role.PAYLOAD_READER, namespace=namespace)
    (opened,) = decode(caller=Caller(reader), namespace=namespace, payloads=[crossed])
    assert opened.data == b"12 pumps"


def test_another_namespace_does_not(crossed: Payload) -> None:
    reader = people.person("rea", Role.PAYLOAD_READER, namespace=STRANGER)
    with pytest.raises(UnreadablePayload):
        decode(caller=Caller(reader), namespace=STRANGER, payloads=[crossed])
