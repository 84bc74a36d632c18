"""The gRPC front: one handler for every method. Bytes in, bytes out; nothing is encoded anew."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from dataclasses import dataclass
from functools import partial

import grpc
from grpc.aio import ServicerContext

from workers.gateway import contents
from workers.gateway.audit_log import AuditLog, Line
from workers.gateway.checks import check
from workers.gateway.errors import AuditAway, GatewayStopping, Refused, UnknownMethod
from workers.gateway.methods import METHODS, Method
from workers.gateway.tokens import Caller, Tokens
from workers.gateway.upstream import Metadata, Upstream

logger = logging.getLogger(__name__)

_AUTHORIZATION = "authorization"
_NAMESPACE = "temporal-namespace"
# The token is for the gateway alone; the others belong to one connection, and gRPC writes its own.
_NOT_PASSED = frozenset({"authorization", "authorization-extras", "user-agent", "host", "te", "content-type"})
_GRPC_S_OWN = (":", "grpc-")
_CERTIFICATE = "x509_pem_cert"
_STOPPING = "The gateway is being stopped. Ask again: another one answers, or this one when it is back."


@dataclass(frozen=True, slots=True)
class _End:
    """How a call ends that has no answer."""

    status: grpc.StatusCode
    sentence: str
    early: tuple[tuple[str, str | bytes], ...] = ()
    trailers: tuple[tuple[str, str | bytes], ...] = ()


class Front(grpc.GenericRpcHandler):
    """Answers every method there is: checks the call, passes it on, writes its line."""

    def __init__(self, *, tokens: Tokens, upstream: Upstream, log: AuditLog) -> None:
        self._tokens, self._upstream, self._log = tokens, upstream, log
        self._under_way: set[asyncio.Task[object]] = set()
        self._passed_on: set[grpc.aio.UnaryUnaryCall] = set()
        self._is_closed = False

    def close(self) -> None:
        """Pass no more calls on: whoever calls is told to ask again."""
        self._is_closed = True

    def hang_up(self) -> None:
        """End every call that waits for the server still. Its caller is told to ask again."""
        self.close()
        for call in list(self._passed_on):
            call.cancel()

    async def settle(self, seconds: float | None = None) -> None:
        """Return when every call that has come in has its line, or after ``seconds``."""
        if self._under_way:
            await asyncio.wait(list(self._under_way), timeout=seconds)

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
        path = handler_call_details.method
        method = METHODS.get(path)
        if method is None:
            return grpc.stream_stream_rpc_method_handler(partial(self._unknown, path))
        return grpc.unary_unary_rpc_method_handler(partial(self._call, method))

    async def _call(self, method: Method, body: bytes, context: ServicerContext) -> bytes | None:
        self._note_task()
        started, line = time.monotonic(), Line(method=method.name, peer=context.peer(), code="CANCELLED")
        try:
            return await self._pass(method, body, context, line)
        except Exception as error:
            end = _end(error, line)
        finally:
            # Before the caller learns of it.
            self._log.write(line, started=started)
        if end.early:
            await context.send_initial_metadata(end.early)
        await context.abort(end.status, end.sentence, end.trailers)
        return None

    def _note_task(self) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._under_way.add(task)
            task.add_done_callback(self._under_way.discard)

    async def _pass(self, method: Method, body: bytes, context: ServicerContext, line: Line) -> bytes:
        metadata: Metadata = list(context.invocation_metadata() or ())
        caller = await self._caller(metadata, context)
        line.subject, line.token_id = caller.subject, caller.token_id
        if method.request is not None:
            asked = contents.read(method.request, body)
            line.namespace, line.workflow_id = asked.namespace, asked.workflow_id
            named = _values(metadata, _NAMESPACE)
            await check(caller.rights, method, asked, named_in_metadata=named, upstream=self._upstream)
        if not self._log.works:
            raise AuditAway("The gateway's audit log cannot be written, so no call is passed on. Try again soon.")
        if self._is_closed:
            raise GatewayStopping(_STOPPING)
        line.allowed = True
        return await self._forward(method, body, metadata, context, line)

    async def _caller(self, metadata: Metadata, context: ServicerContext) -> Caller:
        certificates = (context.auth_context() or {}).get(_CERTIFICATE)
        certificate = next(iter(certificates), None) if certificates else None
        return await self._tokens.caller(_values(metadata, _AUTHORIZATION), certificate=certificate)

    async def _forward(
        self, method: Method, body: bytes, metadata: Metadata, context: ServicerContext, line: Line
    ) -> bytes:
        passed = [(key, value) for key, value in metadata if key not in _NOT_PASSED and not key.startswith(_GRPC_S_OWN)]
        call = self._upstream.call(method.path, body, metadata=passed, seconds=context.time_remaining())
        self._passed_on.add(call)
        try:
            answer = await call
            await context.send_initial_metadata(tuple(await call.initial_metadata()))
            context.set_trailing_metadata(tuple(await call.trailing_metadata()))
        except asyncio.CancelledError:
            if self._is_closed:
                raise GatewayStopping(_STOPPING) from None
            raise
        finally:
            self._passed_on.discard(call)
            # Whoever hung up wants no answer: the server must not go on for nobody.
            call.cancel()
        line.code = grpc.StatusCode.OK.name
        return answer

    async def _unknown(self, path: str, _requests: object, context: ServicerContext) -> None:
        started = time.monotonic()
        line = Line(method=path, peer=context.peer(), reason=UnknownMethod.code, code=UnknownMethod.status.name)
        self._log.write(line, started=started)
        await context.abort(UnknownMethod.status, "This gateway does not know the method, so it passes none on.")


def _values(metadata: Metadata, name: str) -> list[str]:
    return [str(value) for key, value in metadata if key == name]


def _end(error: Exception, line: Line) -> _End:
    """Return how a call ends because of ``error``, and note it in ``line``."""
    if isinstance(error, Refused):
        line.reason = error.code
        end = _End(error.status, str(error))
    elif isinstance(error, grpc.aio.AioRpcError):
        early, trailers = tuple(error.initial_metadata() or ()), tuple(error.trailing_metadata() or ())
        end = _End(error.code(), error.details() or "", early, trailers)
    else:
        # Its text may hold what the request held.
        logger.error("%s failed with %s at %s.", line.method, type(error).__name__, _place(error))
        line.reason = "failed"
        end = _End(grpc.StatusCode.INTERNAL, "The gateway failed. Its log says where.")
    line.code = end.status.name
    return end


def _place(error: Exception) -> str:
    found = traceback.extract_tb(error.__traceback__)[-1]
    return f"{found.filename}:{found.lineno}"
