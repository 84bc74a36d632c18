"""What people signed about the call of a backing workflow."""

from __future__ import annotations

import base64

from approvals.contracts import DecisionKind
from approvals.requests.of_run import Asked, newest_request_of
from approvals.signing import approval as approvals
from approvals.signing import denial as denials
from audit.statements import cbor
from workers.answers.contracts import Question, RunAddress, SignedDecision


def describe_decision(run: RunAddress) -> Question | None:
    """Return what a run asked people and what they signed; None if it asked nobody."""
    asked = newest_request_of(namespace=run.namespace, workflow_id=run.workflow_id, run_id=run.run_id)
    return _question(asked, run) if asked else None


def _question(asked: Asked, run: RunAddress) -> Question:
    decision = asked.decision
    return Question(
        request_id=asked.request_id,
        chain=asked.chain,
        request_hash=asked.request_hash.hex(),
        arguments_cbor=base64.b64encode(cbor.encode(run.arguments)).decode(),
        warrant_chain=asked.warrant_chain,
        namespace=run.namespace,
        workflow_id=run.workflow_id,
        run_id=run.run_id,
        decisions=[*map(_approval, decision.approvals), *map(_denial, decision.denials)],
        endorsements=decision.endorsements,
    )


def _approval(statement: str) -> SignedDecision:
    signed = approvals.parse(base64.b64decode(statement))
    terms = signed.terms
    key = signed.approver_key.hex()
    return SignedDecision(DecisionKind.APPROVE, statement, key, terms.external_id, terms.approved_at, terms.reason)


def _denial(statement: str) -> SignedDecision:
    signed = denials.parse(base64.b64decode(statement))
    key = signed.approver_key.hex()
    return SignedDecision(DecisionKind.DENY, statement, key, signed.external_id, signed.denied_at, signed.reason)
