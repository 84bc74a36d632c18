"""The payload codec: what it seals, what it opens, and how it refuses."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import NexusSerializationContext, WorkflowSerializationContext

from audit.sealing import NotGenuine, RetiredKey, Ring, UnknownKey
from workers.codec.codec import ENCODING, KEY_FIELD, RING_FIELD, PayloadEncryption
from workers.codec.converter import LARGEST_BYTES, client_options
from workers.codec.errors import ForeignRing, PayloadMalformed, PayloadTooLarge, PlaintextRefused, RingUnavailable
from workers.codec.exchanges import Exchanges
from workers.codec.rings import FixedRings

PRD = Ring(namespace="prd", current="p1", keys={"p1": b"p" * 32})
STG = Ring(namespace="stg", current="s1", keys={"s1": b"s" * 32})
PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"canary"')


def codec(ring: Ring = PRD, **options: object) -> PayloadEncryption:
    return PayloadEncryption(FixedRings(ring), ring.namespace, **options)  # type: ignore[arg-type]


async def sealed(payload: Payload = PAYLOAD, ring: Ring = PRD) -> Payload:
    return (await codec(ring).encode([payload]))[0]


async def test_a_payload_comes_back_as_it_was_and_is_unreadable_between() -> None:
    between = await sealed()
    assert b"canary" not in between.SerializeToString()
    assert b"json/plain" not in between.SerializeToString()
    assert dict(between.metadata) == {"encoding": ENCODING, "encryption-cipher": b"AES-256-GCM", KEY_FIELD: b"p1"}
    assert await codec().decode([between]) == [PAYLOAD]


async def test_the_same_payload_never_looks_the_same_twice() -> None:
    assert (await sealed()).data != (await sealed()).data


async def test_after_a_rotation_old_and_new_payloads_open() -> None:
    old = await sealed()
    rotated = replace(PRD, current="p2", keys={**PRD.keys, "p2": b"q" * 32})
    new = await sealed(ring=rotated)
    assert new.metadata[KEY_FIELD] == b"p2"
    assert await codec(rotated).decode([old, new]) == [PAYLOAD, PAYLOAD]


@pytest.mark.parametrize("at", [0, 12, -1])
async def test_a_changed_byte_is_refused(at: int) -> None:
    payload = await sealed()
    data = bytearray(payload.data)
    data[at] ^= 1
    payload.data = bytes(data)
    with pytest.raises(NotGenuine, match="was changed"):
        await codec().decode([payload])


async def test_a_truncated_payload_is_refused() -> None:
    payload = await sealed()
    payload.data = payload.data[:10]
    with pytest.raises(NotGenuine):
        await codec().decode([payload])


async def test_another_key_under_the_same_id_is_refused() -> None:
    with pytest.raises(NotGenuine):
        await codec(replace(PRD, keys={"p1": b"x" * 32})).decode([await sealed()])


async def test_a_payload_of_another_namespace_is_refused_even_if_the_key_is_the_same() -> None:
    twin = Ring(namespace="stg", current="p1", keys=PRD.keys)
    with pytest.raises(NotGenuine):
        await codec(twin).decode([await sealed()])


async def test_a_payload_sealed_as_something_else_is_refused() -> None:
    from audit.sealing import seal

    payload = await sealed()
    payload.data = seal(PRD, PAYLOAD.SerializeToString(), context=b"request-column")[1]
    with pytest.raises(NotGenuine):
        await codec().decode([payload])


async def test_an_unknown_key_is_named_with_what_to_do() -> None:
    with pytest.raises(UnknownKey, match=r"'prd' has no key 'p1'\. Give this process the whole ring"):
        await codec(Ring(namespace="prd", current="p9", keys={"p9": b"9" * 32})).decode([await sealed()])


async def test_a_retired_key_is_named_as_retired() -> None:
    ring = Ring(namespace="prd", current="p9", keys={"p9": b"9" * 32}, retired=frozenset({"p1"}))
    with pytest.raises(RetiredKey, match="was retired"):
        await codec(ring).decode([await sealed()])


@pytest.mark.parametrize("field", ["encryption-cipher", KEY_FIELD])
async def test_a_payload_that_another_codec_made_is_refused_and_the_field_named(field: str) -> None:
    payload = await sealed()
    del payload.metadata[field]
    with pytest.raises(PayloadMalformed, match=field):
        await codec().decode([payload])


async def test_a_key_id_that_is_no_text_is_refused() -> None:
    payload = await sealed()
    payload.metadata[KEY_FIELD] = b"\xff\xfe"
    with pytest.raises(PayloadMalformed, match=KEY_FIELD):
        await codec().decode([payload])


async def test_plaintext_passes_and_is_refused_where_it_must_not() -> None:
    assert await codec().decode([PAYLOAD]) == [PAYLOAD]
    with pytest.raises(PlaintextRefused, match="json/plain"):
        await codec(refuses_plaintext=True).decode([PAYLOAD])


async def test_with_encryption_off_nothing_is_sealed_and_what_was_opens() -> None:
    off = codec(seals=False)
    assert await off.encode([PAYLOAD]) == [PAYLOAD]
    assert await off.decode([await sealed()]) == [PAYLOAD]


async def test_no_error_holds_anything_of_the_payload() -> None:
    payload = await sealed()
    payload.data = payload.data[:-1] + bytes([payload.data[-1] ^ 1])
    with pytest.raises(NotGenuine) as refused:
        await codec().decode([payload])
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


async def test_the_namespace_of_the_context_decides() -> None:
    rings = FixedRings(PRD, STG)
    of_stg = PayloadEncryption(rings, "prd").with_context(WorkflowSerializationContext("stg", "w"))
    (payload,) = await of_stg.encode([PAYLOAD])
    assert payload.metadata[KEY_FIELD] == b"s1"
    with pytest.raises(UnknownKey):
        await PayloadEncryption(rings, "prd").decode([payload])


async def test_a_namespace_without_a_ring_is_refused_and_not_sent_in_plaintext() -> None:
    with pytest.raises(RingUnavailable, match="'prd'"):
        await PayloadEncryption(FixedRings(STG), "prd").encode([PAYLOAD])


EXCHANGE = Ring(namespace="exchange:payments", current="x1", keys={"x1": b"x" * 32})
OVER_NEXUS = Exchanges({"payments": "exchange:payments"}, {"payment-": "exchange:payments"})
AT_ENDPOINT = NexusSerializationContext("payments", "Payments", "pay")


async def test_what_goes_over_nexus_is_sealed_with_the_exchange_ring_and_opens_on_the_other_side() -> None:
    caller = PayloadEncryption(FixedRings(PRD, EXCHANGE), "prd", exchanges=OVER_NEXUS)
    handler = PayloadEncryption(FixedRings(STG, EXCHANGE), "stg", exchanges=OVER_NEXUS)
    (asked,) = await caller.with_context(AT_ENDPOINT).encode([PAYLOAD])
    assert asked.metadata[RING_FIELD] == b"exchange:payments"
    assert await handler.decode([asked]) == [PAYLOAD]
    behind = handler.with_context(WorkflowSerializationContext("stg", "payment-7"))
    (answer,) = await behind.encode([PAYLOAD])
    assert await caller.decode([answer]) == [PAYLOAD]
    (own,) = await handler.with_context(WorkflowSerializationContext("stg", "other")).encode([PAYLOAD])
    assert RING_FIELD not in own.metadata
    with pytest.raises(UnknownKey):
        await caller.decode([own])


async def test_a_ring_that_is_not_configured_is_not_used_whatever_a_payload_says() -> None:
    (payload,) = (
        await PayloadEncryption(FixedRings(EXCHANGE), "prd", exchanges=OVER_NEXUS)
        .with_context(AT_ENDPOINT)
        .encode([PAYLOAD])
    )
    with pytest.raises(ForeignRing, match="exchange:payments"):
        await PayloadEncryption(FixedRings(PRD, EXCHANGE), "prd").decode([payload])


async def test_many_large_payloads_leave_the_loop_to_others() -> None:
    large = [Payload(metadata={"encoding": b"binary/plain"}, data=bytes(1_900_000)) for _ in range(20)]
    longest, running = 0.0, True

    async def watch() -> None:
        nonlocal longest
        while running:
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - began)

    watching = asyncio.create_task(watch())
    assert await codec().decode(await codec().encode(large)) == large
    running = False
    await watching
    assert longest < 0.5  # all of it in one turn would be far more on any machine


async def test_a_small_payload_costs_next_to_nothing() -> None:
    own = codec()
    payloads = [PAYLOAD] * 1000
    began = time.perf_counter()
    for payload in payloads:
        await own.decode(await own.encode([payload]))
    assert (time.perf_counter() - began) / len(payloads) < 0.002  # some 40 us here; this finds only a blunder


def test_a_message_that_temporal_would_not_take_is_refused_with_its_size() -> None:
    converter = client_options(FixedRings(PRD), "prd")["data_converter"].payload_converter
    converter.to_payloads([b"x" * (LARGEST_BYTES - 2000)])
    with pytest.raises(PayloadTooLarge, match=r"2,098,\d\d\d bytes") as refused:
        converter.to_payloads([b"x" * LARGEST_BYTES])
    assert (refused.value.type, refused.value.non_retryable) == ("PAYLOAD_TOO_LARGE", True)
    with pytest.raises(PayloadTooLarge):
        converter.to_payloads([b"x" * (LARGEST_BYTES // 2), "y" * (LARGEST_BYTES // 2)])


async def test_the_largest_message_that_is_let_through_fits_when_encrypted() -> None:
    converter = client_options(FixedRings(PRD), "prd")["data_converter"].with_context(
        WorkflowSerializationContext(namespace="prd", workflow_id="x" * 1000)
    )
    (payload,) = await converter.encode([b"x" * (LARGEST_BYTES - 1600)])
    assert payload.ByteSize() < LARGEST_BYTES
