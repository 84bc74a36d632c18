"""The Temporal server behind the gateway: calls passed through, and the few questions that checks need answered."""

from __future__ import annotations

import time
from dataclasses import dataclass

import grpc
from temporalio.api.operatorservice.v1 import ListNexusEndpointsRequest, ListNexusEndpointsResponse
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeNamespaceResponse

from workers.gateway.errors import UpstreamAway
from workers.gateway.methods import OPERATOR_SERVICE, WORKFLOW_SERVICE

# The server's own limit for requests, and that of its clients for answers. Bytes.
MAXIMUM_REQUEST = 4 * 1024 * 1024
MAXIMUM_ANSWER = 128 * 1024 * 1024
# Seconds. A namespace that is deleted and made again has another id; an endpoint can be pointed elsewhere.
REMEMBERED = 30
_ASK_SECONDS = 5
_OPTIONS = [
    ("grpc.max_receive_message_length", MAXIMUM_ANSWER),
    ("grpc.max_send_message_length", -1),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 15_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    # A server that is back is found soon.
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    # What a call costs is for its caller to decide: nothing is repeated here.
    ("grpc.enable_retries", 0),
]
Metadata = list[tuple[str, str | bytes]]


@dataclass(frozen=True, slots=True)
class _Answer:
    value: str
    at: float


class Upstream:
    """The connection to the server. Open it in the event loop that uses it."""

    def __init__(self, address: str, *, credentials: grpc.ChannelCredentials | None) -> None:
        self._channel = (
            grpc.aio.secure_channel(address, credentials, _OPTIONS)
            if credentials
            else grpc.aio.insecure_channel(address, _OPTIONS)
        )
        self._ids: dict[str, _Answer] = {}
        self._targets: dict[str, _Answer] = {}

    def call(self, path: str, body: bytes, *, metadata: Metadata, seconds: float | None) -> grpc.aio.UnaryUnaryCall:
        """Begin the call and return it. Bytes go and come as they are."""
        method = self._channel.unary_unary(path)
        return method(body, metadata=grpc.aio.Metadata(*metadata), timeout=seconds)

    async def namespace_id(self, namespace: str, *, anew: bool = False) -> str:
        """Return the server's id of ``namespace``, empty if there is none. Raises ``UpstreamAway``."""
        known = self._ids.get(namespace)
        if known is None or anew or known.at < time.monotonic() - REMEMBERED:
            request = DescribeNamespaceRequest(namespace=namespace)
            body = await self._ask(f"/{WORKFLOW_SERVICE}/DescribeNamespace", request.SerializeToString())
            answer = DescribeNamespaceResponse.FromString(body) if body is not None else None
            known = _Answer(answer.namespace_info.id if answer else "", time.monotonic())
            self._ids[namespace] = known
        return known.value

    async def endpoint_target(self, endpoint: str) -> str:
        """Return the namespace that a Nexus endpoint leads to, empty if to none here. Raises ``UpstreamAway``."""
        known = self._targets.get(endpoint)
        if known is None or known.at < time.monotonic() - REMEMBERED:
            request = ListNexusEndpointsRequest(name=endpoint, page_size=1)
            body = await self._ask(f"/{OPERATOR_SERVICE}/ListNexusEndpoints", request.SerializeToString())
            found = ListNexusEndpointsResponse.FromString(body).endpoints if body is not None else []
            targets = [item.spec.target.worker.namespace for item in found if item.spec.name == endpoint]
            known = _Answer(targets[0] if targets else "", time.monotonic())
            if targets:
                self._targets[endpoint] = known
        return known.value

    async def close(self) -> None:
        await self._channel.close()

    async def _ask(self, path: str, request: bytes) -> bytes | None:
        """Return the answer, or None if there is no such thing."""
        try:
            return await self.call(path, request, metadata=[], seconds=_ASK_SECONDS)
        except grpc.aio.AioRpcError as error:
            if error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT):
                return None
            raise UpstreamAway(
                f"The Temporal server does not answer ({error.code().name}), so the call cannot be checked."
            ) from None
