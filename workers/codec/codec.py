"""The payload codec: what leaves this client is sealed, what comes is opened.

    metadata  "encoding" = "binary/encrypted", "encryption-cipher" = "AES-256-GCM", "encryption-key-id" = the key's id,
              and "encryption-ring" = the ring's name if it is an exchange ring
    data      audit.sealing's bytes of the whole original payload, protobuf

The additional data holds the key's id and the ring's name, and nothing that a codec server cannot know.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
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
        self._ring = (self.exchanges.ring_for(context) if context else "") or namespace

    def with_context(self, context: SerializationContext) -> PayloadEncryption:
        """Return the codec for ``context``, whose namespace counts where it has one."""
        namespace = self.namespace
        if isinstance(context, WorkflowSerializationContext | ActivitySerializationContext):
            namespace = context.namespace
        ring = self.exchanges.ring_for(context) or namespace
        if (namespace, ring) == (self.namespace, self._ring):
            return self
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
        foreign = self._ring != self.namespace
        return [await _by_size(partial(_seal, ring, payload, foreign), len(payload.data)) for payload in payloads]

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


def _seal(ring: Ring, payload: Payload, is_exchange: bool) -> Payload:
    key_id, sealed = seal(ring, payload.SerializeToString(), context=CONTEXT)
    metadata = {"encoding": ENCODING, CIPHER_FIELD: CIPHER, KEY_FIELD: key_id.encode()}
    if is_exchange:
        metadata[RING_FIELD] = ring.namespace.encode()
    return Payload(metadata=metadata, data=sealed)


def _unseal(ring: Ring, payload: Payload, key_id: str) -> Payload:
    try:
        return Payload.FromString(unseal(ring, key_id, payload.data, context=CONTEXT))
    except DecodeError:
        raise NotGenuine(key_id=key_id, namespace=ring.namespace) from None


async def _by_size(work: Callable[[], Payload], size: int) -> Payload:
    """Do ``work`` at once, or in a thread if it is much: the loop serves others meanwhile."""
    return work() if size < IN_THREAD_BYTES else await asyncio.to_thread(work)
