"""A gateway under test, a server behind it that says what it is told, and calls as a client would send them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, DescribeNamespaceResponse

from tests.gateway.issuing import AUDIENCE, ISSUER
from workers.gateway.methods import METHODS
from workers.gateway.server import Gateway, GatewaySettings

Answer = Callable[[str, bytes, Any], Awaitable[bytes]]
PATHS = {method.name: path for path, method in METHODS.items()}
# The ids that the server behind gives its namespaces.
IDS = {"stg": "id-of-stg", "prd": "id-of-prd"}


class Behind(grpc.GenericRpcHandler):
    """A server that answers every call as ``answer`` does and remembers what reached it."""

    def __init__(self) -> None:
        self.answer: Answer = self.empty
        self.reached: list[str] = []
        self.metadata: dict[str, Any] = {}
        self.address = ""
        self._server: Any = None

    async def empty(self, path: str, body: bytes, context: Any) -> bytes:
        return b""

    def service(self, details: Any) -> Any:
        return grpc.unary_unary_rpc_method_handler(partial(self._answer, details.method))

    async def _answer(self, path: str, body: bytes, context: Any) -> bytes:
        if path.endswith("/DescribeNamespace"):
            answer = DescribeNamespaceResponse()
            answer.namespace_info.id = IDS.get(DescribeNamespaceRequest.FromString(body).namespace, "")
            return answer.SerializeToString()
        self.reached.append(path.rpartition("/")[2])
        self.metadata = dict(context.invocation_metadata())
        return await self.answer(path, body, context)

    async def start(self, *, address: str = "127.0.0.1:0", credentials: Any = None) -> None:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._server = grpc.aio.server(handlers=[self], options=options)
        port = (
            self._server.add_secure_port(address, credentials)
            if credentials
            else self._server.add_insecure_port(address)
        )
        self.address = f"127.0.0.1:{port}"
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(None)


class Calls:
    """Sends calls to a gateway. ``seen`` holds the audit log's lines."""

    def __init__(self, gateway: Gateway, log: Path, channel: Any) -> None:
        self.gateway, self._log, self.channel = gateway, log, channel

    def begin(self, name: str, request: Message | bytes, token: str | None, **options: Any) -> Any:
        metadata = list(options.pop("metadata", []))
        if token is not None:
            metadata.append(("authorization", f"Bearer {token}"))
        body = request if isinstance(request, bytes) else request.SerializeToString()
        path = PATHS.get(name, name)
        return self.channel.unary_unary(path)(body, metadata=metadata, timeout=options.pop("timeout", 20))

    async def refusal(self, name: str, request: Message | bytes, token: str | None, **options: Any) -> tuple[str, str]:
        """Return the reason in the audit log, and gRPC's status, of a call that must not be allowed."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await self.begin(name, request, token, **options)
        line, status = self.lines()[-1], caught.value.code().name
        assert (line["allowed"], line["code"]) == (False, status)
        assert token is None or token not in str(caught.value)
        return line["reason"], status

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._log.read_text().splitlines() if line]

    async def line(self, is_it: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """Return the first line that ``is_it``, as soon as it is written."""
        async with asyncio.timeout(10):
            while not (found := [line for line in self.lines() if is_it(line)]):  # noqa: ASYNC110  a file
                await asyncio.sleep(0.01)
        return found[0]


@asynccontextmanager
async def calling(
    *, upstream: str, keys: Path, directory: Path, credentials: Any = None, **given: Any
) -> AsyncIterator[Calls]:
    """Run a gateway in front of ``upstream``."""
    log = directory / "calls.jsonl"
    gateway = Gateway(
        GatewaySettings(
            listen=given.pop("listen", "127.0.0.1:0"),
            upstream=upstream,
            keys=str(keys),
            issuer=ISSUER,
            audience=AUDIENCE,
            audit_file=str(log),
            **given,
        )
    )
    await gateway.start()
    channel = open_channel(gateway.port, credentials)
    try:
        yield Calls(gateway, log, channel)
    finally:
        await channel.close()
        await gateway.stop()


def open_channel(port: int, credentials: Any = None) -> Any:
    options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    if credentials:
        return grpc.aio.secure_channel(f"127.0.0.1:{port}", credentials, options)
    return grpc.aio.insecure_channel(f"127.0.0.1:{port}", options)
