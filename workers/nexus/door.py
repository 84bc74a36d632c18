"""How a worker reads what comes through Nexus, and what it says to those whose questions it cannot read.

Everything there is sealed with the endpoint's exchange ring. That a question opens says that its sender holds the
endpoint's key, so nothing that was not sealed is read. Who has no key, or comes through an endpoint that is not known,
is told so in plaintext: sealed, they could not read it, and their workflow would wait for a key for ever.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import nexusrpc
from temporalio import nexus
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.converter import (
    NexusSerializationContext,
    PayloadCodec,
    SerializationContext,
    WithSerializationContext,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import Interceptor, NexusOperationInboundInterceptor

from audit.sealing import SealingError
from workers.client import options_for
from workers.codec.errors import RingUnavailable

# By this type the SDK knows that the caller has to change something: asking again is of no use.
UNREADABLE = "PayloadValidationError"


class Door(PayloadCodec, WithSerializationContext):
    """``strict`` for what comes through Nexus, ``ordinary`` for all else."""

    def __init__(self, strict: PayloadCodec, ordinary: PayloadCodec) -> None:
        self._strict, self._ordinary = strict, ordinary

    def with_context(self, context: SerializationContext) -> PayloadCodec:  # type: ignore[override]
        if isinstance(context, NexusSerializationContext):
            return _OneQuestion(_within(self._strict, context))
        return _within(self._ordinary, context)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await self._ordinary.encode(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await self._ordinary.decode(payloads)


class _OneQuestion(PayloadCodec):
    """Of one Nexus task: what goes back is sealed if what came could be opened."""

    def __init__(self, codec: PayloadCodec) -> None:
        self._codec, self._is_opened = codec, False

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return await self._codec.encode(payloads) if self._is_opened else list(payloads)

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        try:
            opened = await self._codec.decode(payloads)
        except RingUnavailable:
            raise  # Our own trouble: Temporal asks again.
        except SealingError as error:
            raise ApplicationError(str(error), type=UNREADABLE, non_retryable=True) from None
        self._is_opened = True
        return opened


class KnownEndpoints(Interceptor):
    """Refuses, before anything is read, what comes through another endpoint than ``names``."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)

    def intercept_nexus_operation(self, next: NexusOperationInboundInterceptor) -> NexusOperationInboundInterceptor:
        endpoint = nexus.info().endpoint
        if endpoint not in self._names:
            raise nexusrpc.HandlerError(
                f"The endpoint {endpoint!r} may not ask here. Let Countersign's operator add it, with the policy of "
                "what it may ask.",
                type=nexusrpc.HandlerErrorType.UNAUTHORIZED,
                retryable_override=False,
            )
        return next


def behind_door(client: Client) -> Client:
    """Return a client on the same connection for a worker that handles Nexus operations."""
    config = client.config()
    strict = options_for(client.namespace, refuses_plaintext=True)["data_converter"].payload_codec
    ordinary = client.data_converter.payload_codec
    if strict is not None and ordinary is not None:
        config["data_converter"] = dataclasses.replace(client.data_converter, payload_codec=Door(strict, ordinary))
    return Client(**config)


def _within(codec: PayloadCodec, context: SerializationContext) -> PayloadCodec:
    return codec.with_context(context) if isinstance(codec, WithSerializationContext) else codec
