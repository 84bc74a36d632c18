"""The payload codec: what leaves this client is sealed, what comes is opened.

    metadata  "encoding" = "binary/encrypted", "encryption-cipher" = "AES-256-GCM", "encryption-key-id" = the key's id,
              "encryption-ring" = the ring's name if it is an exchange ring, and else
              "encryption-workflow" = the id of the workflow whose payload it is, where there is one
    data      audit.sealing's bytes of the whole original payload, protobuf

The additional data holds the key's id, the ring's name and that workflow id, and nothing that a codec server cannot
know: it reads the id beside the ciphertext, where nobody can change it, and records whose payload was read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ActivitySerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
    WorkflowSerializationContext,
)

from audit.sealing import NotGenuine, Ring, seal, unseal
from workers.codec.errors import ForeignRing, PayloadMalformed, PlaintextRefused
from workers.codec.exchanges import Exchanges
from workers.codec.rings import RingSource

ENCODING = b"binary/encrypted"
CIPHER = b"AES-256-GCM"
CIPHER_FIELD, KEY_FIELD, RING_FIELD = "encryption-cipher", "encryption-key-id", "encryption-ring"
WORKFLOW_FIELD = "encryption-workflow"
CONTEXT = b"temporal-payload"
# A message of this many bytes takes about as long as a turn of a busy loop; longer ones are done in a thread.
IN_THREAD_BYTES = 128 * 1024


class PayloadEncryption(PayloadCodec, WithSerializationContext):
    """Seals with the ring of ``namespace`` and opens what was sealed with it. Plaintext passes unless it is refused.

    Without ``seals`` it only opens, for a namespace whose encryption was turned off.

    Raises ``SealingError`` of several kinds; see ``workers.codec.errors``.
    """

    def __init__(
        self,
        rings: RingSource,
        namespace: str,
        *,
        exchanges: Exchanges | None = None,
        refuses_plaintext: bool = False,
        seals: bool = True,
        context: SerializationContext | None = None,
    ) -> None:
        self.rings, self.namespace = rings, namespace
        self.refuses_plaintext, self.seals = refuses_plaintext, seals
        self.exchanges = exchanges or Exchanges()
        exchange = self.exchanges.ring_for(context) if context else ""
        self._ring = exchange or namespace
        # What crosses to another namespace says nothing of workflows here.
        self._workflow = "" if exchange else _workflow_of(context)

    def with_context(self, context: SerializationContext) -> PayloadEncryption:
        """Return the codec for ``context``, whose namespace counts where it has one."""
        namespace = self.namespace
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            namespace = context.namespace
        return PayloadEncryption(
            self.rings,
            namespace,
            exchanges=self.exchanges,
            refuses_plaintext=self.refuses_plaintext,
            seals=self.seals,
            context=context,
        )

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return ``payloads``, each sealed with the ring's current key."""
        if not self.seals:
            return list(payloads)
        ring = await self.rings.ring(self._ring)
        beside = {RING_FIELD: self._ring} if self._ring != self.namespace else {WORKFLOW_FIELD: self._workflow}
        return [await _by_size(partial(_seal, ring, payload, beside), len(payload.data)) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return what was sealed; what was not passes through."""
        return [await self._open(payload) for payload in payloads]

    async def _open(self, payload: Payload) -> Payload:
        encoding = payload.metadata.get("encoding", b"")
        if encoding != ENCODING:
            if self.refuses_plaintext:
                raise PlaintextRefused(encoding=encoding.decode(errors="replace"), namespace=self.namespace)
            return payload
        if payload.metadata.get(CIPHER_FIELD) != CIPHER:
            raise PayloadMalformed(field=CIPHER_FIELD, namespace=self.namespace)
        key_id, name = self._text(payload, KEY_FIELD), self._text(payload, RING_FIELD) or self.namespace
        if not key_id:
            raise PayloadMalformed(field=KEY_FIELD, namespace=self.namespace)
        if name != self.namespace and name not in self.exchanges.names:
            raise ForeignRing(ring=name, namespace=self.namespace)
        ring = await self.rings.ring_with(name, key_id)
        return await _by_size(partial(_unseal, ring, payload, key_id), len(payload.data))

    def _text(self, payload: Payload, field: str) -> str:
        try:
            return payload.metadata.get(field, b"").decode()
        except UnicodeDecodeError:
            raise PayloadMalformed(field=field, namespace=self.namespace) from None


def _seal(ring: Ring, payload: Payload, beside: Mapping[str, str]) -> Payload:
    """Seal ``payload``, and write ``beside`` it what is not empty."""
    named = {field: text.encode() for field, text in beside.items() if text}
    key_id, sealed = seal(ring, payload.SerializeToString(), context=_context(named))
    metadata = {"encoding": ENCODING, CIPHER_FIELD: CIPHER, KEY_FIELD: key_id.encode(), **named}
    return Payload(metadata=metadata, data=sealed)


def _context(metadata: Mapping[str, bytes]) -> bytes:
    workflow = metadata.get(WORKFLOW_FIELD, b"")
    return CONTEXT + b" of " + workflow if workflow else CONTEXT


def _workflow_of(context: SerializationContext | None) -> str:
    if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
        return context.workflow_id or ""
    return ""


def _unseal(ring: Ring, payload: Payload, key_id: str) -> Payload:
    try:
        return Payload.FromString(unseal(ring, key_id, payload.data, context=_context(payload.metadata)))
    except DecodeError:
        raise NotGenuine(key_id=key_id, namespace=ring.namespace) from None


async def _by_size(work: Callable[[], Payload], size: int) -> Payload:
    """Do ``work`` at once, or in a thread if it is much: the loop serves others meanwhile."""
    return work() if size < IN_THREAD_BYTES else await asyncio.to_thread(work)
