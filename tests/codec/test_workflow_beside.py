"""A payload says whose it is, in plain and beyond change: the codec server's ledger says whose payload was read."""

from __future__ import annotations

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    NexusSerializationContext,
    SerializationContext,
    WorkflowSerializationContext,
)

from audit.sealing import NotGenuine, Ring
from workers.codec.codec import RING_FIELD, WORKFLOW_FIELD, PayloadEncryption
from workers.codec.converter import ADDED_BYTES
from workers.codec.exchanges import Exchanges
from workers.codec.rings import FixedRings

PRD = Ring(namespace="prd", current="p1", keys={"p1": b"p" * 32})
EXCHANGE = Ring(namespace="nexus:payments", current="x1", keys={"x1": b"x" * 32})
PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"canary"')
EXCHANGES = Exchanges(endpoints={"payments": EXCHANGE.namespace}, workflow_prefixes={"payment-": EXCHANGE.namespace})


def codec(context: SerializationContext | None = None) -> PayloadEncryption:
    plain = PayloadEncryption(FixedRings(PRD, EXCHANGE), "prd", exchanges=EXCHANGES)
    return plain.with_context(context) if context else plain


def of_workflow(workflow_id: str) -> WorkflowSerializationContext:
    return WorkflowSerializationContext(namespace="prd", workflow_id=workflow_id)


def of_activity(workflow_id: str | None) -> ActivitySerializationContext:
    return ActivitySerializationContext(
        namespace="prd",
        workflow_id=workflow_id,
        workflow_type=None,
        activity_id=None,
        activity_type=None,
        activity_task_queue=None,
        is_local=False,
    )


async def sealed(context: SerializationContext | None) -> Payload:
    return (await codec(context).encode([PAYLOAD]))[0]


@pytest.mark.parametrize("context", [of_workflow("incident-é"), of_activity("incident-é")])
async def test_a_workflows_payload_names_it_and_opens_anywhere(context: SerializationContext) -> None:
    payload = await sealed(context)
    assert payload.metadata[WORKFLOW_FIELD].decode() == "incident-é"
    for reader in (codec(), codec(context), codec(of_workflow("another"))):
        assert await reader.decode([payload]) == [PAYLOAD]


@pytest.mark.parametrize(
    "context",
    [None, of_activity(None), of_workflow("payment-7"), NexusSerializationContext("payments", "service", "operation")],
)
async def test_no_workflow_is_named_where_there_is_none_or_another_namespace_reads(
    context: SerializationContext | None,
) -> None:
    payload = await sealed(context)
    assert WORKFLOW_FIELD not in payload.metadata
    assert (RING_FIELD in payload.metadata) == (context not in (None, of_activity(None)))
    assert await codec().decode([payload]) == [PAYLOAD]


async def test_one_codec_serves_one_workflow_after_the_other() -> None:
    first = codec(of_workflow("first"))
    (second,) = await first.with_context(of_workflow("second")).encode([PAYLOAD])
    assert second.metadata[WORKFLOW_FIELD] == b"second"
    assert (await first.encode([PAYLOAD]))[0].metadata[WORKFLOW_FIELD] == b"first"


async def test_a_payload_cannot_be_passed_off_as_another_workflows() -> None:
    named, unnamed = await sealed(of_workflow("incident-P1")), await sealed(None)
    renamed = Payload(metadata={**named.metadata, WORKFLOW_FIELD: b"incident-P2"}, data=named.data)
    bare = Payload(
        metadata={key: value for key, value in named.metadata.items() if key != WORKFLOW_FIELD}, data=named.data
    )
    claimed = Payload(metadata={**unnamed.metadata, WORKFLOW_FIELD: b"incident-P1"}, data=unnamed.data)
    for payload in (renamed, bare, claimed):
        with pytest.raises(NotGenuine):
            await codec().decode([payload])


async def test_the_longest_workflow_id_adds_no_more_than_is_reckoned_with() -> None:
    payload = await sealed(of_workflow("x" * 1000))
    assert payload.ByteSize() - PAYLOAD.ByteSize() <= ADDED_BYTES
