"""One call that may stop at its gate: catch, ask, wait, dispatch again, report."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import tenuo_core
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.exceptions import ActivityError, ApplicationError, is_cancelled_exception
from temporalio.worker import StartActivityInput
from tenuo.temporal import set_activity_approvals

from approvals.contracts import (
    APPROVAL_DENIED,
    APPROVAL_EXPIRED,
    FETCH_DECISION_ACTIVITY,
    OPEN_REQUEST_ACTIVITY,
    CallVerdict,
    GateRequest,
    OutcomeStatus,
    ReceiptRecord,
)
from approvals.signing import proposal
from approvals.signing.binding import Binding
from approvals.signing.denial import Denial
from approvals.signing.display import Display, fitted
from audit.statements.quorum import Quorum, quorum_of
from audit.statements.statements import MalformedStatement
from audit.statements.terms import Terms, terms_of
from workers.gates import asking_again, tenuo_internals
from workers.gates.errors import (
    ASK_TYPES,
    REQUEST_REFUSED,
    STALE_PROOF,
    TERMS_MALFORMED,
    TOO_MANY_ROUNDS,
    GatedCallError,
)
from workers.gates.receipts import read_receipt
from workers.gates.reports import Reports
from workers.gates.run_state import GuardedCall, RunState, now_ms
from workers.gates.settings import GateSettings
from workers.gates.trust import WorkflowTrust
from workers.gates.verdicts import Gate, read_decision

REQUEST_HEADER = "countersign-request"
ENDORSEMENTS_HEADER = "countersign-endorsements"
LAST_LOOK = timedelta(seconds=10)
_MOVED_ON = "The workflow cancelled the call."

Dispatch = Callable[[StartActivityInput], asyncio.Future[Any]]


class Asking:
    """Sees one call through. ``dispatch`` starts the activity by way of Tenuo's interceptor."""

    def __init__(
        self,
        call: GuardedCall,
        input: StartActivityInput,
        words: str,
        *,
        dispatch: Dispatch,
        state: RunState,
        reports: Reports,
        settings: GateSettings,
        trust: WorkflowTrust,
    ) -> None:
        self._call, self._input, self._words = call, input, words
        self._dispatch, self._state, self._reports, self._settings = dispatch, state, reports, settings
        self._trust = trust
        self._request: GateRequest | None = None
        self._approvals: list[bytes] = []
        self._endorsements: list[bytes] = []
        self._rounds = self._stale_proofs = 0

    async def result(self, running: asyncio.Future[Any]) -> Any:
        """Return the call's result, from the dispatch that is running or from a later one."""
        while True:
            try:
                result = await running
            except ActivityError as error:
                running = await self._after(error)
            except asyncio.CancelledError:
                self._report(OutcomeStatus.WITHDRAWN, detail=_MOVED_ON)
                raise
            else:
                self._state.record(self._call, CallVerdict.ALLOWED)
                self._report(OutcomeStatus.EXECUTED, result=result)
                return result

    async def _after(self, error: ActivityError) -> asyncio.Future[Any]:
        """Return the dispatch that follows a failed one, or raise what the workflow shall see."""
        code = error.cause.type if isinstance(error.cause, ApplicationError) else ""
        if is_cancelled_exception(error):
            self._report(OutcomeStatus.WITHDRAWN, detail=_MOVED_ON)
            raise error
        if code == STALE_PROOF and self._stale_proofs < self._settings.dispatches_per_proof:
            self._stale_proofs += 1
            return self._dispatch_again()
        if code not in ASK_TYPES or not self._call.is_gated():
            self._state.record_failure(self._call, error.cause)
            self._report(OutcomeStatus.FAILED, code=code or "", detail=str(error.cause or error))
            raise error
        message = error.cause.message if isinstance(error.cause, ApplicationError) else ""
        self._state.record(self._call, CallVerdict.GATED, code or "", message)
        details = error.cause.details if isinstance(error.cause, ApplicationError) else ()
        receipt = read_receipt(details)
        why = asking_again.refused(self._approvals, code or "", workflow.now()) if self._request else ""
        # Signatures that expired before the call ran are asked for anew; no decision disappears silently.
        while (again := await self._ask(message, why, receipt)) is not None:
            why, receipt = again, None
        self._stale_proofs = 0
        return self._dispatch_again()

    def _dispatch_again(self) -> asyncio.Future[Any]:
        if self._request is None:
            return self._dispatch(self._input)
        ours = {REQUEST_HEADER: Payload(data=request_header(self._request))}
        if self._endorsements:
            texts = json.dumps([_base64(data) for data in self._endorsements])
            ours[ENDORSEMENTS_HEADER] = Payload(data=texts.encode())
        tenuo_internals.keep_headers(self._state.headers)
        # No await between the two: Tenuo gives the approvals to the run's next activity, whichever it is.
        set_activity_approvals([tenuo_core.SignedApproval.from_bytes(data) for data in self._approvals])
        return self._dispatch(replace(self._input, headers={**self._input.headers, **ours}))

    async def _ask(self, message: str, why_again: str, receipt: ReceiptRecord | None) -> str | None:
        """Open a request and wait until enough people approved; raise ``GatedCallError`` if they did not.

        Return why they must be asked again, or None if what they signed came in time. ``why_again`` is why they are
        asked again now, or empty; ``receipt`` is the worker's for stopping the call, if it is not on file yet.
        """
        terms, quorum = self._terms()
        self._rounds += 1
        self._require_another_round(why_again)
        earlier = self._request
        request = self._request = self._new_request(message, earlier, why_again, receipt, terms)
        gate = self._state.gates[request.request_id] = self._new_gate(request, terms, quorum)
        is_open = False
        try:
            await self._open(request)
            is_open = True
            with suppress(TimeoutError):
                await workflow.wait_condition(
                    lambda: gate.is_settled or gate.has_lapsed, timeout=self._time_left(request)
                )
            if not gate.is_settled and not gate.has_lapsed:
                await self._look_once_more(request, gate)
        except asyncio.CancelledError:
            self._report(OutcomeStatus.WITHDRAWN, detail=_MOVED_ON)
            raise
        finally:
            del self._state.gates[request.request_id]
            if not is_open:
                # Nothing took over from it, as far as is known here.
                self._reports.outcome(earlier, OutcomeStatus.WITHDRAWN, detail=f"{why_again} Nobody could be asked.")
        if gate.has_lapsed:
            return asking_again.late([*gate.people.values(), *gate.late.values()], workflow.now())
        if not gate.is_approved:
            raise self._refused(gate)
        self._approvals = list(gate.approvals.values())
        self._endorsements = gate.endorsements
        return None

    def _require_another_round(self, why_again: str) -> None:
        """Raise ``GatedCallError`` if people were asked often enough, or the warrant's time is over meanwhile."""
        if self._rounds > self._settings.rounds_per_call:
            code, sentence = TOO_MANY_ROUNDS, f"{self._call.tool} was approved {self._rounds - 1} times, each too late."
        elif self._request is not None and self._call.expires_at <= workflow.now().timestamp():
            code, sentence = APPROVAL_EXPIRED, f"{why_again} The warrant has ended since, so nobody can be asked again."
        else:
            return
        self._report(OutcomeStatus.WITHDRAWN, code=code, detail=sentence)
        raise self._error(code, sentence)

    async def _open(self, request: GateRequest) -> None:
        try:
            await self._reports.own_activity(
                OPEN_REQUEST_ACTIVITY,
                request,
                start_to_close_timeout=timedelta(seconds=30),
                schedule_to_close_timeout=self._time_left(request),
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            if isinstance(error.cause, ApplicationError):
                sentence = f"Countersign refused the approval request for {request.tool}. {error.cause.message}"
                raise self._error(REQUEST_REFUSED, sentence) from error
            sentence = f"Nobody could be asked to approve {request.tool}: Countersign did not answer in time."
            raise self._error(APPROVAL_EXPIRED, sentence) from error

    async def _look_once_more(self, request: GateRequest, gate: Gate) -> None:
        """Fetch what people decided, before their silence is reported: perhaps nobody could deliver it."""
        try:
            # Without its type: like a signal, whatever comes must not raise here.
            found = await self._reports.own_activity(
                FETCH_DECISION_ACTIVITY, request.request_id, schedule_to_close_timeout=LAST_LOOK
            )
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise asyncio.CancelledError from error
            return
        decision = read_decision(found)
        if decision is not None:
            gate.offer(decision, int(workflow.now().timestamp()))

    def _refused(self, gate: Gate) -> GatedCallError:
        """Record and report a denial or an expiry, and return the error for the workflow."""
        if gate.is_denied:
            denials = list(gate.denials.values())
            reason = "; ".join(signed.reason for signed in denials)
            who = "A person" if len(gate.denials) == 1 else f"{len(gate.denials)} people"
            self._state.record(self._call, CallVerdict.DENIED, APPROVAL_DENIED, reason)
            self._report(OutcomeStatus.DENIED, code=APPROVAL_DENIED, detail=reason)
            said = [{"reason": signed.reason, **self._proposal(signed)} for signed in denials]
            return self._error(APPROVAL_DENIED, f"{who} denied {self._call.tool}: {reason}", reason, said)
        sentence = f"Nobody decided on {self._call.tool} in time."
        self._state.record(self._call, CallVerdict.DENIED, APPROVAL_EXPIRED, sentence)
        self._report(OutcomeStatus.EXPIRED, code=APPROVAL_EXPIRED, detail=sentence)
        return self._error(APPROVAL_EXPIRED, sentence)

    def _proposal(self, signed: Denial) -> dict[str, Any]:
        """Return the arguments that a denial proposes for this call instead, as plain data, if it does."""
        if signed.proposed_arguments is None:
            return {}
        try:
            proposal.require_other(signed.proposed_arguments, self._call.arguments_cbor)
        except MalformedStatement:
            return {}
        return {proposal.FIELD: proposal.read(signed.proposed_arguments)}

    def _new_request(
        self, message: str, earlier: GateRequest | None, why_again: str, receipt: ReceiptRecord | None, terms: Terms
    ) -> GateRequest:
        info, call, opened_at_ms = workflow.info(), self._call, now_ms()
        display = fitted(
            Display(
                workflow_type=info.workflow_type,
                threshold=call.leaf.approval_threshold(),
                gate_message=message,
                reasoning=self._words,
                history=tuple(self._state.history),
            )
        )
        return GateRequest(
            request_id=f"apr_{workflow.uuid4().hex}",
            namespace=info.namespace,
            workflow_id=info.workflow_id,
            run_id=info.run_id,
            workflow_type=info.workflow_type,
            tool=call.tool,
            arguments_cbor=_base64(call.arguments_cbor),
            request_hash=call.request_hash.hex(),
            warrant_chain=[_base64(bytes(warrant.to_bytes())) for warrant in call.chain],
            gate_message=display.gate_message,
            reasoning=display.reasoning,
            opened_at_ms=opened_at_ms,
            expires_at=min(opened_at_ms // 1000 + self._settings.request_lifetime_seconds, call.expires_at),
            display_digest=display.digest.hex(),
            policy_version=terms.policy_label,
            history=list(display.history),
            gate_receipt=receipt,
            supersedes=earlier.request_id if earlier else "",
            why_again=why_again,
        )

    def _terms(self) -> tuple[Terms, Quorum]:
        """Return what the warrant says about deciding, and whose approvals it asks for."""
        try:
            return terms_of(self._call.chain), quorum_of(self._call.chain)
        except MalformedStatement as error:
            sentence = f"Nobody can be asked to approve {self._call.tool}. {error}"
            raise self._error(TERMS_MALFORMED, sentence) from error

    def _new_gate(self, request: GateRequest, terms: Terms, quorum: Quorum) -> Gate:
        return Gate(
            binding=binding_of(request),
            request_hash=self._call.request_hash,
            quorum=quorum,
            signature_lifetime_seconds=terms.lifetime(self._settings.signature_lifetime_seconds),
            is_people_root=self._trust.checker(),
            endorsers=self._settings.endorsers,
            terms=terms,
        )

    def _time_left(self, request: GateRequest) -> timedelta:
        """Return how long the workflow waits: until the request ends, and a little for a decision on its way."""
        seconds = request.expires_at + self._settings.delivery_grace_seconds - workflow.now().timestamp()
        return timedelta(seconds=max(seconds, 1))

    def _report(self, status: OutcomeStatus, *, code: str = "", detail: str = "", result: Any = None) -> None:
        self._reports.outcome(self._request, status, code=code, detail=detail, result=result)
        self._request = None

    def _error(self, code: str, sentence: str, *details: Any) -> GatedCallError:
        return GatedCallError(sentence, *details, type=code, activity_type=self._input.activity)


def binding_of(request: GateRequest) -> Binding:
    """Return what decisions about ``request`` must be bound to."""
    return Binding(
        request.request_id,
        request.namespace,
        request.workflow_id,
        request.run_id,
        bytes.fromhex(request.display_digest),
        request.policy_version,
    )


def request_header(request: GateRequest) -> bytes:
    """Return what tells the activity side which request a dispatch belongs to; ``dispatches`` reads it."""
    names = ("display_digest", "policy_version", "request_id")
    return json.dumps({name: getattr(request, name) for name in names}).encode()


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
