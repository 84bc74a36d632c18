"""The gate around an activity: after Tenuo verified the approvals, are they for this dispatch, and unspent?

Two interceptors stand around Tenuo's. The outer one notes the approvals that came, so that the
receipt can carry them. The inner one sees only calls that Tenuo let pass, and checks what Tenuo
leaves open: binding, lifetime, single use.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from approvals.signing import approval as approvals
from approvals.signing.binding import Binding
from audit.statements.delegation import parties, weakening
from audit.statements.statements import MalformedStatement
from workers.gates import tenuo_internals
from workers.gates.asking import REQUEST_HEADER
from workers.gates.dispatches import Dispatch, begin_dispatch, current_dispatch
from workers.gates.errors import GATE_TYPES, UnsafeSettings, refusal
from workers.gates.nonces import NonceStore
from workers.gates.receipts import ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.verdicts import check_terms

logger = logging.getLogger("countersign.gates")

FLUSH_SECONDS = 10.0
GATE_FLUSH_SECONDS = 2.0


class DispatchInterceptor(Interceptor):
    """Outside Tenuo's: notes what came with the activity."""

    def __init__(self, receipts: ReceiptWriter) -> None:
        self._receipts = receipts

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Outer(next, self._receipts)


class _Outer(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, receipts: ReceiptWriter) -> None:
        super().__init__(next)
        self._receipts = receipts

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        token = current_dispatch.set(begin_dispatch(input.headers, REQUEST_HEADER))
        try:
            return await self.next.execute_activity(input)
        except ApplicationError as error:
            if error.type in GATE_TYPES:
                # The gate comes before the request in the ledger, as it did in life.
                with suppress(Exception):
                    async with asyncio.timeout(GATE_FLUSH_SECONDS):
                        await self._receipts.sink.flush()
            raise
        finally:
            current_dispatch.reset(token)


class ApprovalInterceptor(Interceptor):
    """Inside Tenuo's: the last check before the activity's body."""

    def __init__(self, settings: GateSettings, nonces: NonceStore, receipts: ReceiptWriter) -> None:
        self._settings, self._nonces, self._receipts = settings, nonces, receipts

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inner(next, self._settings, self._nonces, self._receipts)


class _Inner(ActivityInboundInterceptor):
    def __init__(
        self, next: ActivityInboundInterceptor, settings: GateSettings, nonces: NonceStore, receipts: ReceiptWriter
    ) -> None:
        super().__init__(next)
        self._settings, self._nonces, self._receipts = settings, nonces, receipts

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        dispatch = current_dispatch.get()
        if dispatch is None:
            raise UnsafeSettings("The gate's interceptors are out of order; make the plugins with build_plugins.")
        weakened = weakening(tenuo_internals.delegated_chain(input.headers))
        if weakened:
            raise self._refused(dispatch, "APPROVERS_WEAKENED", weakened)
        if not dispatch.is_readable:
            raise self._refused(dispatch, "APPROVAL_UNBOUND", "The approvals are not in the form that can be checked.")
        if dispatch.approvals and dispatch.allowed is None:
            raise refusal("No receipt can be made for this approved call, so it must not run.", "RECEIPT_FAILED")
        if dispatch.approvals:
            await self._spend(dispatch, parties(tenuo_internals.warrant_chain_of(input.headers)))
        self._receipts.settle(dispatch)
        result = await self.next.execute_activity(input)
        if dispatch.approvals:
            await self._make_durable()
        return result

    async def _make_durable(self) -> None:
        """Wait for the evidence of what a person approved, but not for ever.

        A failure is no failure of the call, which has run: Temporal would run it a second time.
        """
        try:
            async with asyncio.timeout(FLUSH_SECONDS):
                await self._receipts.sink.flush()
        except Exception:
            logger.critical("The receipt of an approved call that ran is not durable yet.", exc_info=True)

    async def _spend(self, dispatch: Dispatch, barred_keys: frozenset[bytes]) -> None:
        """Check every approval before the first one is spent. ``barred_keys`` are those of agents and issuers."""
        info = activity.info()
        binding = Binding(
            request_id=dispatch.request_id,
            namespace=info.workflow_namespace or info.namespace,
            workflow_id=info.workflow_id or "",
            run_id=info.workflow_run_id or "",
        )
        signed = [self._check(data, binding, dispatch) for data in dispatch.approvals]
        if any(approval.approver_key in barred_keys for approval in signed):
            raise self._refused(
                dispatch, "APPROVAL_BY_A_PARTY", "An agent's or an issuer's key signed; only other people approve."
            )
        # A workflow may give an activity's id again; when the activity was scheduled, its retries keep.
        owner = "/".join([*asdict(binding).values(), info.activity_id, info.scheduled_time.isoformat()])
        for approval in signed:
            first = await self._nonces.consume(
                approver_key=approval.approver_key,
                nonce=approval.terms.nonce,
                owner=owner,
                expires_at=approval.terms.expires_at,
            )
            if not first:
                raise self._refused(
                    dispatch, "APPROVAL_REPLAYED", "An approval was used before; every approval runs one call."
                )

    def _check(self, data: bytes, binding: Binding, dispatch: Dispatch) -> approvals.SignedApproval:
        try:
            approval = approvals.parse(data)
            check_terms(
                approval.terms,
                binding,
                approval.terms.request_hash,
                self._settings.signature_lifetime_seconds,
                int(time.time()),
            )
        except MalformedStatement as error:
            code = "APPROVAL_LIFETIME" if error.field in ("expires_at", "approved_at") else "APPROVAL_UNBOUND"
            raise self._refused(dispatch, code, str(error)) from error
        return approval

    def _refused(self, dispatch: Dispatch, code: str, sentence: str) -> Exception:
        if dispatch.refuse is not None:
            dispatch.refuse(code, sentence)
            dispatch.allowed = None
        return refusal(sentence, code)


def is_in_order(interceptors: list[Any], outer: Interceptor, inner: Interceptor) -> bool:
    """Return whether Tenuo's interceptor stands between the two."""
    names = [type(interceptor).__name__ for interceptor in interceptors]
    if "TenuoWorkerInterceptor" not in names:
        return False
    tenuo = names.index("TenuoWorkerInterceptor")
    return interceptors.index(outer) < tenuo < interceptors.index(inner)
