"""Does an answer to ``request-approval`` say what people signed? Checked with nothing but public keys. Pure.

1. Warrant       its chain is signed from a trusted root, and gates this action
2. Call          the request hash is that of the action, its arguments and the warrant's holder
3. Decisions     each is signed, for this request hash, and bound to this request of this run
4. People        each key is one that the warrant names, and endorsed from a people root as the person's
5. Quorum        approved: by as many people as the warrant asks for; denied: by so many that the rest cannot be enough
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import tenuo_core
from tenuo.exceptions import TenuoError

from approvals.contracts import Decision, DecisionKind
from approvals.signing import approval as approvals
from approvals.signing import denial as denials
from approvals.signing.binding import Binding
from audit.statements import cbor
from audit.statements.quorum import quorum_of
from audit.statements.statements import MalformedStatement
from audit.statements.terms import terms_of
from workers.answers.contracts import AnswerOutcome, ApprovalAnswer, Question, SignedDecision
from workers.gates.verdicts import Gate

LONGEST_SIGNATURE = 24 * 3600
_WITHOUT_SIGNATURES = (AnswerOutcome.EXPIRED, AnswerOutcome.NOT_NEEDED)


class NotProven(Exception):
    """The answer does not follow from what was signed; says which of the steps fails."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What the signatures prove. ``people`` decided it, in the words of their keys' endorsements."""

    outcome: AnswerOutcome
    people: tuple[str, ...]


def read_answer(fields: Mapping[str, Any]) -> ApprovalAnswer:
    """Return the answer in ``fields``, as JSON gives them. Raises ``NotProven`` if it has another form."""
    try:
        question = fields["question"]
        if question is not None:
            decisions = [SignedDecision(**one) for one in question["decisions"]]
            question = Question(**{**question, "decisions": decisions})
        return ApprovalAnswer(**{**fields, "question": question})
    except (KeyError, TypeError) as error:
        raise NotProven(f"This is no answer of request-approval ({error}).") from error


def check(answer: ApprovalAnswer, *, roots: Collection[bytes], people_roots: Collection[bytes]) -> Proof:
    """Return what ``answer`` proves to whoever trusts these 32-byte keys. Raises ``NotProven`` with one sentence.

    An expiry is nobody's statement, and proves nothing but that the answer carries no signature.
    """
    outcome, question = AnswerOutcome(answer.outcome), answer.question
    if outcome in _WITHOUT_SIGNATURES:
        return Proof(outcome, ())
    if question is None:
        raise NotProven("The answer claims a decision and carries none.")
    try:
        return _prove(outcome, answer, question, roots, people_roots)
    except (MalformedStatement, TenuoError, cbor.MalformedBytes, binascii.Error, ValueError) as error:
        raise NotProven(str(error)) from error


def _prove(
    outcome: AnswerOutcome,
    answer: ApprovalAnswer,
    question: Question,
    roots: Collection[bytes],
    people_roots: Collection[bytes],
) -> Proof:
    chain = [tenuo_core.Warrant.from_bytes(base64.b64decode(data, validate=True)) for data in question.warrant_chain]
    decided_at = max((decision.at for decision in question.decisions), default=0)
    trusted = [tenuo_core.PublicKey.from_bytes(root) for root in roots]
    _require_alive(chain, decided_at)
    tenuo_core.Authorizer(trusted_roots=trusted).verify_chain(chain, as_of=decided_at)  # 1
    request_hash = _request_hash(answer, question, chain[-1])  # 2
    gate = Gate(
        binding=_binding(question),
        request_hash=request_hash,
        quorum=quorum_of(chain),
        signature_lifetime_seconds=terms_of(chain).lifetime(LONGEST_SIGNATURE),
        is_people_root=lambda key: key in people_roots,
        terms=terms_of(chain),
    )
    gate.offer(_decision(question), decided_at)  # 3, 4
    if outcome is AnswerOutcome.APPROVED and gate.is_approved:  # 5
        return Proof(outcome, tuple(sorted(set(gate.people.values()))))
    if outcome is AnswerOutcome.DENIED and gate.is_denied:
        return Proof(outcome, tuple(sorted({denial.external_id for denial in gate.denials.values()})))
    raise NotProven(f"The signatures in the answer do not make it {outcome}.")


def _require_alive(chain: list[tenuo_core.Warrant], at: int) -> None:
    if any(datetime.fromisoformat(warrant.expires_at()) < datetime.fromtimestamp(at, UTC) for warrant in chain):
        raise NotProven("The decision was signed after the warrant had ended.")


def _request_hash(answer: ApprovalAnswer, question: Question, leaf: tenuo_core.Warrant) -> bytes:
    arguments_cbor = base64.b64decode(question.arguments_cbor, validate=True)
    if cbor.decode(arguments_cbor) != answer.arguments:
        raise NotProven("People were shown other arguments than the answer's.")
    facts = [leaf.id, answer.action, arguments_cbor, leaf.authorized_holder.to_bytes()]
    request_hash = hashlib.sha256(cbor.encode(facts)).digest()
    if request_hash.hex() != question.request_hash:
        raise NotProven("The request hash is not that of this action with these arguments.")
    if not tenuo_core.evaluate_approval_gates(leaf, answer.action, answer.arguments):
        raise NotProven("The warrant asks nobody about this action.")
    return request_hash


def _binding(question: Question) -> Binding:
    """Return what every decision must be bound to: where is the answer's word, what was shown the signers'."""
    signed = [_bound(decision) for decision in question.decisions]
    if not signed:
        raise NotProven("The answer claims a decision and carries none.")
    place = (question.request_id, question.namespace, question.workflow_id, question.run_id)
    return Binding(*place, display_digest=signed[0].display_digest, policy_version=signed[0].policy_version)


def _bound(decision: SignedDecision) -> Binding:
    data = base64.b64decode(decision.statement, validate=True)
    return approvals.parse(data).terms.binding if decision.kind == DecisionKind.APPROVE else denials.parse(data).binding


def _decision(question: Question) -> Decision:
    def side(kind: DecisionKind) -> list[str]:
        return [decision.statement for decision in question.decisions if decision.kind == kind]

    return Decision(question.request_id, side(DecisionKind.APPROVE), side(DecisionKind.DENY), question.endorsements)
