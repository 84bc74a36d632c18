"""``request-approval``: what a team asks of Countersign through Nexus, and what it gets back. Pure.

A caller needs nothing of ours but these fields, as JSON:

    service "countersign", operation "request-approval"
    input   {"action", "arguments": {name: text or number}, "reasoning", "reference", "requested_by": [text]}
    result  ``ApprovalAnswer``

Times are UTC seconds since 1970; bytes travel as standard base64 or lower-case hexadecimal, as each name says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import nexusrpc

# Where Nexus tasks are handled, and under which the actions of one endpoint are asked about.
NEXUS_TASK_QUEUE = "countersign-nexus"
DESCRIBE_ACTIVITY = "countersign.describe_decision"

MAXIMUM_REFERENCE = 200
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class AnswerOutcome(StrEnum):
    """How a question ended. Only ``APPROVED`` lets the caller act in people's name."""

    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"  # nobody decided in time
    NOT_NEEDED = "not_needed"  # the policy asks nobody about these arguments: there is no signature


@dataclass(frozen=True)
class ApprovalAsked:
    """What a caller asks. ``action`` and its arguments are those of the policy of the caller's endpoint.

    ``reasoning`` is shown to people as the caller's own words. ``reference`` is the caller's name for the matter.
    ``requested_by`` are people who must not approve it, since they ask: external ids or e-mail addresses.
    """

    action: str
    arguments: dict[str, Any]
    reasoning: str = ""
    reference: str = ""
    requested_by: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class SignedDecision:
    """What one person signed. ``statement`` is the base64 of the signed bytes: an approval is Tenuo's
    ``SignedApproval``, a denial one of Countersign's envelopes. All else here is read from those bytes.
    """

    kind: str  # DecisionKind
    statement: str
    approver_key: str  # hexadecimal
    person: str
    at: int
    reason: str


@dataclass(frozen=True)
class Question:
    """What was put to people, as they signed it: enough to check ``SignedDecision``s with nothing but the roots.

    ``chain`` names the evidence of it in Countersign's ledger; ``endorsements`` say whose the approvers' keys are.
    """

    request_id: str
    chain: str
    request_hash: str  # hexadecimal
    arguments_cbor: str  # base64
    warrant_chain: list[str]  # base64, root first
    namespace: str
    workflow_id: str
    run_id: str
    decisions: list[SignedDecision] = field(default_factory=list)
    endorsements: list[str] = field(default_factory=list)  # base64


@dataclass(frozen=True)
class ApprovalAnswer:
    """The result of ``request-approval``. ``question`` is None where nobody was asked."""

    outcome: str  # AnswerOutcome
    action: str
    arguments: dict[str, Any]
    reference: str
    question: Question | None = None


@dataclass(frozen=True)
class AdmittedQuestion:
    """An ``ApprovalAsked`` that its endpoint may ask: the argument of the backing workflow.

    ``arguments`` are of the types of the policy, and ``names`` in its order, which JSON does not keep. People have
    ``lifetime_seconds`` at most.
    """

    asked: ApprovalAsked
    names: list[str]
    arguments: dict[str, Any]
    lifetime_seconds: int


@dataclass(frozen=True)
class RunAddress:
    """A run whose question is looked up, with the arguments of its call; the argument of ``DESCRIBE_ACTIVITY``."""

    namespace: str
    workflow_id: str
    run_id: str
    arguments: dict[str, Any]


@nexusrpc.service(name="countersign")
class Countersign:
    """Countersign's Nexus service."""

    request_approval: nexusrpc.Operation[ApprovalAsked, ApprovalAnswer] = nexusrpc.Operation(name="request-approval")


def is_request_id(text: str) -> bool:
    """Return whether an operation's request id may become part of a workflow's id: whoever calls chose it."""
    return _REQUEST_ID.fullmatch(text) is not None


def workflow_id_of(endpoint: str, request_id: str) -> str:
    """Return the id of the workflow behind one operation. What it exchanges is known by the part up to the last /."""
    return f"nexus/{endpoint}/{request_id}"


def endpoint_of(workflow_id: str) -> str:
    """Return the endpoint whose operation this workflow is behind, or nothing."""
    parts = workflow_id.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "nexus" else ""


def action_queue_of(endpoint: str) -> str:
    """Return the task queue of the guarded worker that asks for ``endpoint``."""
    return f"{NEXUS_TASK_QUEUE}-{endpoint}"
