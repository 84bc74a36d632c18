"""The messages between a workflow's gate, the application and the browser.

Pure: no Django, no Temporal. One dataclass per message; every field survives a JSON round
trip, so bytes travel as standard base64 or lower-case hexadecimal text, as each name says.
Times are UTC; ``*_ms`` are milliseconds since 1970, other times whole seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

APPROVALS_TASK_QUEUE = "countersign-approvals"
DECISION_SIGNAL = "countersign.decision"
OPEN_REQUEST_ACTIVITY = "countersign.open_request"
FETCH_DECISION_ACTIVITY = "countersign.fetch_decision"
REPORT_OUTCOME_ACTIVITY = "countersign.report_outcome"
REPORT_RUN_ACTIVITY = "countersign.report_run"
RECORD_RECEIPTS_ACTIVITY = "countersign.record_receipts"
REPORT_TOOLS_ACTIVITY = "countersign.report_tools"
CLOSING_REPORT_WORKFLOW = "countersign.closing_report"
TOOL_REPORT_WORKFLOW = "countersign.tool_report"

APPROVAL_DENIED = "APPROVAL_DENIED"
APPROVAL_EXPIRED = "APPROVAL_EXPIRED"


class RequestState(StrEnum):
    """Where an approval request stands. Values are stored; none is ever reused."""

    OPEN = "open"
    APPROVED = "approved"  # enough signatures; not executed yet
    EXECUTED = "executed"
    FAILED = "failed"  # approved and dispatched, but the call raised
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"  # the workflow moved on, in nobody's name
    SUPERSEDED = "superseded"  # the same call was asked about anew, in nobody's name

    @property
    def is_final(self) -> bool:
        return self not in (RequestState.OPEN, RequestState.APPROVED)


class DecisionKind(StrEnum):
    APPROVE = "approve"
    DENY = "deny"


class CallVerdict(StrEnum):
    """What the warrant said of one call of a run."""

    ALLOWED = "allowed"
    DENIED = "denied"
    GATED = "gated"


class OutcomeStatus(StrEnum):
    """How a gated call ended, as the workflow saw it."""

    EXECUTED = "executed"
    FAILED = "failed"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"  # never reported: opening the next request ends the one before


@dataclass(frozen=True)
class CallRecord:
    """One earlier call of the same run, shown beside the request. ``code`` is Tenuo's error type, or empty."""

    tool: str
    verdict: str  # CallVerdict
    at_ms: int
    code: str = ""
    detail: str = ""
    arguments_cbor: str = ""  # base64


@dataclass(frozen=True)
class GateRequest:
    """A call stopped at its gate; the argument of ``OPEN_REQUEST_ACTIVITY``.

    ``request_id`` is made by the workflow, so opening is idempotent. ``warrant_chain`` is root first. Texts and
    history are as ``display_digest`` covers them, ``policy_version`` is that of the root warrant's terms.
    ``gate_receipt`` is the worker's receipt for stopping it: it came with the failure, and is on file before the
    request is. ``supersedes`` is the request about the same call that this one takes over from, or empty;
    ``why_again`` says why.
    """

    request_id: str
    namespace: str
    workflow_id: str
    run_id: str
    workflow_type: str
    tool: str
    arguments_cbor: str  # base64, canonical
    request_hash: str  # hexadecimal
    warrant_chain: list[str]  # base64, root first
    gate_message: str
    reasoning: str
    opened_at_ms: int
    expires_at: int
    display_digest: str  # hexadecimal, see ``approvals.signing.display``
    policy_version: str
    history: list[CallRecord] = field(default_factory=list)
    gate_receipt: ReceiptRecord | None = None
    supersedes: str = ""
    why_again: str = ""


@dataclass(frozen=True)
class Decision:
    """What ``DECISION_SIGNAL`` carries, and ``FETCH_DECISION_ACTIVITY`` returns for a request's id.

    Whoever sends a signal is unauthenticated: only signatures count.
    """

    request_id: str
    approvals: list[str] = field(default_factory=list)  # base64 of Tenuo SignedApproval bytes
    denials: list[str] = field(default_factory=list)  # base64 of denial envelopes
    # base64 of the envelopes that endorse the approvals' keys, from a people root down
    endorsements: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Outcome:
    """How a gated call ended; the argument of ``REPORT_OUTCOME_ACTIVITY``. Reporting twice is harmless."""

    request_id: str
    status: str  # OutcomeStatus
    at_ms: int
    error_type: str = ""
    detail: str = ""
    result_json: str = ""


@dataclass(frozen=True)
class RunReport:
    """A run under a warrant has closed; the argument of ``REPORT_RUN_ACTIVITY``. Reporting twice is harmless."""

    chain: str  # the root warrant's id
    namespace: str
    workflow_id: str
    run_id: str
    status: str  # "completed", "failed" or "cancelled"
    at_ms: int
    detail: str = ""


@dataclass(frozen=True, slots=True, order=True)
class ApprovalUse:
    """One approval that a dispatch is about to spend. The key has 32 bytes, the nonce 16; UTC seconds, as signed."""

    approver_key: bytes
    nonce: bytes
    expires_at: int


@dataclass(frozen=True)
class ReceiptRecord:
    """One decision of a worker: Tenuo's signed receipt with what it takes to verify it years later."""

    receipt: str  # hexadecimal, Tenuo's wire form
    chain: str  # the root warrant's id
    verdict: str  # CallVerdict
    tool: str
    arguments_cbor: str  # base64
    warrant_chain: list[str]  # base64, root first
    proof_of_possession: str  # base64, or empty
    approvals: list[str]  # base64 of Tenuo SignedApproval bytes
    namespace: str
    workflow_id: str
    run_id: str
    activity_id: str
    attempt: int
    at_ms: int
    worker: str
    sequence: int  # counts up from 1 within ``worker``: a gap is visible
    request_id: str = ""
    code: str = ""
    detail: str = ""
    endorsements: list[str] = field(default_factory=list)  # base64, as in ``Decision``


@dataclass(frozen=True)
class ClosingReport:
    """What a run could not report itself, being cancelled or too late; ``CLOSING_REPORT_WORKFLOW`` reports it."""

    outcomes: list[Outcome] = field(default_factory=list)
    run: RunReport | None = None
    receipts: list[ReceiptRecord] = field(default_factory=list)


@dataclass(frozen=True)
class ToolRecord:
    """A tool that a worker has, by the name that warrants know it by. ``parameters`` have their types beside them."""

    name: str
    parameters: list[str]
    types: list[str]  # as the worker's code writes them
    required: list[bool]
    description: str = ""


@dataclass(frozen=True)
class ToolReport:
    """Tools of the workers on a task queue. Their namespace is the one that the report comes from."""

    task_queue: str
    tools: list[ToolRecord]
