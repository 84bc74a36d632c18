"""The gate around an activity: after Tenuo verified the approvals, are they for this dispatch, and unspent?

Two interceptors stand around Tenuo's. The outer one notes the approvals that came, so that the
receipt can carry them. The inner one sees only calls that Tenuo let pass, and checks what Tenuo
leaves open: binding, lifetime, single use.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import time
from dataclasses import asdict
from typing import Any

import tenuo_core
from temporalio import activity
from temporalio.exceptions import ApplicationError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from approvals.contracts import ApprovalUse
from approvals.signing import approval as approvals
from approvals.signing.binding import Binding
from audit.statements import place
from audit.statements.delegation import parties, weakening
from audit.statements.statements import MalformedStatement
from audit.statements.terms import Terms, terms_of
from workers.gates import tenuo_internals
from workers.gates.approvers import ApproverRefused, Approvers
from workers.gates.asking import ENDORSEMENTS_HEADER, REQUEST_HEADER
from workers.gates.dispatches import Dispatch, begin_dispatch, current_dispatch
from workers.gates.errors import ASK_TYPES, LAPSED, TERMS_MALFORMED, UnsafeSettings, not_now, refusal
from workers.gates.floors import Demand, Floors
from workers.gates.nonces import NonceStore
from workers.gates.receipts import ReceiptWriter
from workers.gates.settings import GateSettings
from workers.gates.verdicts import check_terms, has_expired

logger = logging.getLogger("countersign.gates")

FLUSH_SECONDS = 10.0


class DispatchInterceptor(Interceptor):
    """Outside Tenuo's: notes what came with the activity."""

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Outer(next)


class _Outer(ActivityInboundInterceptor):
    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        dispatch = begin_dispatch(input.headers, REQUEST_HEADER, ENDORSEMENTS_HEADER)
        token = current_dispatch.set(dispatch)
        try:
            return await self.next.execute_activity(input)
        except ApplicationError as error:
            if error.type not in ASK_TYPES or dispatch.stopped is None:
                raise
            # The receipt for stopping it goes along, so that it is on file before the request, as it was in life.
            raise ApplicationError(
                error.message, asdict(dispatch.stopped), type=error.type, non_retryable=True
            ) from error
        finally:
            current_dispatch.reset(token)


class ApprovalInterceptor(Interceptor):
    """Inside Tenuo's: the last check before the activity's body."""

    def __init__(
        self,
        settings: GateSettings,
        nonces: NonceStore,
        receipts: ReceiptWriter,
        approvers: Approvers,
        floors: Floors,
    ) -> None:
        self._parts = (settings, nonces, receipts, approvers, floors)

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _Inner(next, *self._parts)


class _Inner(ActivityInboundInterceptor):
    def __init__(
        self,
        next: ActivityInboundInterceptor,
        settings: GateSettings,
        nonces: NonceStore,
        receipts: ReceiptWriter,
        approvers: Approvers,
        floors: Floors,
    ) -> None:
        super().__init__(next)
        self._settings, self._nonces, self._receipts = settings, nonces, receipts
        self._approvers, self._floors = approvers, floors

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        dispatch = current_dispatch.get()
        if dispatch is None:
            raise UnsafeSettings("The gate's interceptors are out of order; make the plugins with build_plugins.")
        chain = tenuo_internals.warrant_chain_of(input.headers)
        if not place.runs_in(chain, _namespace(activity.info())):
            raise self._refused(dispatch, "WARRANT_ELSEWHERE", "The warrant is for an incident of another namespace.")
        weakened = weakening(tenuo_internals.delegated_chain(input.headers))
        if weakened:
            raise self._refused(dispatch, "APPROVERS_WEAKENED", weakened)
        if not dispatch.is_readable:
            raise self._refused(dispatch, "APPROVAL_UNBOUND", "The approvals are not in the form that can be checked.")
        terms = self._terms(chain, dispatch)
        demand = self._demand(input, terms)
        # Tenuo verifies approvals only where the warrant has a gate.
        if demand.people and not (dispatch.approvals and self._is_gated(input, chain[-1])):
            raise self._refused(
                dispatch, "APPROVAL_FLOOR", "This worker asks people about such a call, whatever its warrant says."
            )
        if dispatch.approvals and dispatch.allowed is None:
            raise refusal("No receipt can be made for this approved call, so it must not run.", "RECEIPT_FAILED")
        if dispatch.approvals:
            await self._spend(dispatch, chain, terms, demand)
        dispatch.verified = chain
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

    def _demand(self, input: ExecuteActivityInput, terms: Terms) -> Demand:
        """Return what this worker wants for the call on its own account."""
        return self._floors.demand(terms, _tool(input), _arguments(input))

    @staticmethod
    def _is_gated(input: ExecuteActivityInput, leaf: tenuo_core.Warrant) -> bool:
        """Return whether the warrant itself asks people about the call."""
        info, tool = activity.info(), _tool(input)
        scoped = tenuo_internals.with_workflow_scope(
            leaf, tool, _arguments(input), _namespace(info), info.workflow_id or ""
        )
        return bool(tenuo_core.evaluate_approval_gates(leaf, tool, scoped))

    async def _spend(self, dispatch: Dispatch, chain: list[tenuo_core.Warrant], terms: Terms, demand: Demand) -> None:
        """Check every approval before the first one is spent. The dispatch must claim the warrant's policy version."""
        info = activity.info()
        if dispatch.claim.policy_version != terms.policy_label:
            raise self._refused(
                dispatch, "APPROVAL_UNBOUND", "The request was made under another policy_version than the warrant's."
            )
        binding = Binding(
            request_id=dispatch.request_id,
            namespace=_namespace(info),
            workflow_id=info.workflow_id or "",
            run_id=info.workflow_run_id or "",
            display_digest=dispatch.claim.display_digest,
            policy_version=terms.policy_label,
        )
        signed = [self._check(data, binding, terms, dispatch) for data in dispatch.approvals]
        if len({approval.terms.request_hash for approval in signed}) > 1:
            raise self._refused(dispatch, "APPROVAL_UNBOUND", "The approvals are not all for the same call.")
        barred_keys = parties(chain)  # those of agents and issuers
        if any(approval.approver_key in barred_keys for approval in signed):
            raise self._refused(
                dispatch, "APPROVAL_BY_A_PARTY", "An agent's or an issuer's key signed; only other people approve."
            )
        try:
            self._approvers.check(
                signed,
                dispatch.endorsements,
                terms=terms,
                people=max(chain[-1].approval_threshold(), demand.people),
                endorsers=demand.endorsers,
                now_ms=time.time_ns() // 1_000_000,
            )
        except ApproverRefused as refused:
            raise self._refused(dispatch, refused.code, str(refused)) from refused
        # A workflow may give an activity's id again; when the activity was scheduled, its retries keep.
        place = [binding.request_id, binding.namespace, binding.workflow_id, binding.run_id]
        owner = "/".join([*place, info.activity_id, info.scheduled_time.isoformat()])
        uses = [
            ApprovalUse(approval.approver_key, approval.terms.nonce, approval.terms.expires_at) for approval in signed
        ]
        if not await self._consume(uses, owner):
            raise self._refused(
                dispatch, "APPROVAL_REPLAYED", "An approval was used before; every approval runs one call."
            )

    async def _consume(self, uses: list[ApprovalUse], owner: str) -> bool:
        try:
            return await self._nonces.consume(uses, owner=owner)
        except Exception as error:
            logger.error("The store of used approvals does not answer; an approved call waits.", exc_info=True)
            raise not_now(
                "Whether the approval was used before cannot be checked now. It stays good: the call runs when the "
                "store of used approvals is back, if the approval still lives.",
                "APPROVAL_STORE_DOWN",
            ) from error

    def _terms(self, chain: list[tenuo_core.Warrant], dispatch: Dispatch) -> Terms:
        """Return the terms of the root warrant."""
        try:
            return terms_of(chain)
        except MalformedStatement as error:
            raise self._refused(dispatch, TERMS_MALFORMED, str(error)) from error

    def _check(self, data: bytes, binding: Binding, terms: Terms, dispatch: Dispatch) -> approvals.SignedApproval:
        try:
            approval = approvals.parse(data)
            check_terms(
                approval.terms,
                binding,
                approval.terms.request_hash,
                terms.lifetime(self._settings.signature_lifetime_seconds),
                int(time.time()),
            )
            # Tenuo stops verifying when it has enough; here every one counts.
            approval.verify()
        except MalformedStatement as error:
            code = "APPROVAL_LIFETIME" if error.field in ("expires_at", "approved_at") else "APPROVAL_UNBOUND"
            raise self._refused(dispatch, code, str(error)) from error
        if has_expired(approval.terms, int(time.time())):
            raise self._refused(dispatch, LAPSED, "The approval expired before this worker could run the call.")
        return approval

    def _refused(self, dispatch: Dispatch, code: str, sentence: str) -> Exception:
        if dispatch.refuse is not None:
            dispatch.refuse(code, sentence)
            dispatch.allowed = None
        return refusal(sentence, code)


def _tool(input: ExecuteActivityInput) -> str:
    return tenuo_internals.tool_name(activity.info().activity_type, input.fn)


def _arguments(input: ExecuteActivityInput) -> dict[str, Any]:
    names = [name for name in inspect.signature(input.fn).parameters if name != "self"]
    return dict(zip(names, input.args, strict=False))


def _namespace(info: activity.Info) -> str:
    return info.workflow_namespace or info.namespace


def is_in_order(interceptors: list[Any], outer: Interceptor, inner: Interceptor) -> bool:
    """Return whether Tenuo's interceptor stands between the two."""
    names = [type(interceptor).__name__ for interceptor in interceptors]
    if "TenuoWorkerInterceptor" not in names:
        return False
    tenuo = names.index("TenuoWorkerInterceptor")
    return interceptors.index(outer) < tenuo < interceptors.index(inner)
