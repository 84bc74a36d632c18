"""Is what a signal brought a decision of the people this call waits for?

Whoever sends a signal is unauthenticated, so everything is checked here, in the workflow, with
what travels in the warrant: pure and deterministic, the clock is the workflow's. Tenuo and the
activity side check again at the worker. Nothing here raises on bad input: a bogus signal must
neither end nor block a run.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from approvals.contracts import Decision
from approvals.signing import approval as approvals
from approvals.signing import denial as denials
from approvals.signing.approval import SignedApproval
from approvals.signing.binding import Binding
from audit.statements.key_endorsements import MAXIMUM_ENDORSEMENTS, EndorsedRole, parse_endorsement, verify_chain
from audit.statements.quorum import Quorum
from audit.statements.statements import MalformedStatement
from audit.statements.terms import Terms

MAXIMUM_STATEMENT_CHARACTERS = 64 * 1024
MAXIMUM_ENDORSEMENT_CHARACTERS = 2 * 1024


@dataclass
class Gate:
    """One stopped call, waiting for people. Times are UTC seconds.

    ``is_people_root`` says from which keys approvers' keys must be endorsed; None asks for no endorsements and believes
    the warrant about which keys are one person's. ``terms`` are those of the root warrant.
    """

    binding: Binding
    request_hash: bytes
    quorum: Quorum
    signature_lifetime_seconds: int
    is_people_root: Callable[[bytes], bool] | None = None
    endorsers: int = 1
    terms: Terms = field(default_factory=Terms)
    approvals: dict[bytes, bytes] = field(default_factory=dict)
    people: dict[bytes, str] = field(default_factory=dict)
    carried: dict[bytes, Sequence[bytes]] = field(default_factory=dict)
    denials: dict[bytes, denials.Denial] = field(default_factory=dict)  # by the key that stands for the person
    is_denied: bool = False
    # Who approved by which key, genuinely, but reached the workflow too late.
    late: dict[bytes, str] = field(default_factory=dict)

    @property
    def is_approved(self) -> bool:
        return not self.is_denied and self._count(self.people) >= self.quorum.threshold

    @property
    def has_lapsed(self) -> bool:
        """Whether enough people approved, but so long ago that their signatures have expired."""
        if self.is_settled:
            return False
        return self._count({**self.late, **self.people}) >= self.quorum.threshold

    def _count(self, people: Mapping[bytes, str]) -> int:
        """Return how many people approved, from their names by key."""
        return len(self.quorum.people(people) if self.is_people_root is None else set(people.values()))

    @property
    def endorsements(self) -> list[bytes]:
        """What the approvals' keys are endorsed with, once each."""
        return list(dict.fromkeys(envelope for key in self.approvals for envelope in self.carried[key]))

    @property
    def is_settled(self) -> bool:
        return self.is_denied or self.is_approved

    def offer(self, decision: Decision, now: int) -> None:
        """Take what verifies from ``decision`` and leave the rest. The first settlement stands.

        A person's denial takes the place of their approval, and stays.
        """
        for text in decision.denials[: len(self.quorum.keys)]:
            if not self.is_settled:
                self._offer_denial(text, now)
        for text in decision.approvals[: len(self.quorum.keys)]:
            if not self.is_settled:
                self._offer_approval(text, decision.endorsements, now)

    def _offer_approval(self, text: str, endorsements: Sequence[str], now: int) -> None:
        try:
            signed = approvals.parse(_decode(text))
            key = signed.approver_key
            if key not in self.quorum.keys or self.quorum.person_of(key) in self.denials:
                return
            check_terms(signed.terms, self.binding, self.request_hash, self.signature_lifetime_seconds, now)
            signed.verify()
            carried = self._endorsed(signed, endorsements, now)
        except MalformedStatement:
            return
        if self.terms.bars(signed.terms.external_id):
            return
        if has_expired(signed.terms, now):
            self.late[key] = signed.terms.external_id
            return
        self.approvals[signed.approver_key] = signed.to_bytes()
        self.people[signed.approver_key] = signed.terms.external_id
        self.carried[signed.approver_key] = carried

    def _endorsed(self, signed: SignedApproval, texts: Sequence[str], now: int) -> Sequence[bytes]:
        """Return the statements by which the key is the signer's. Raises ``MalformedStatement`` if it is not."""
        if len(texts) > MAXIMUM_ENDORSEMENTS:
            raise MalformedStatement("endorsements", "Too many endorsements came at once.")
        chain = [_decode(text) for text in texts]
        endorsers = {parse_endorsement(data).endorser_key for data in chain}
        if self.is_people_root is None:
            return chain  # for the activity side, which may ask for more
        roots = [key for key in sorted(endorsers) if self.is_people_root(key)]
        endorsed = verify_chain(chain, signed.approver_key, EndorsedRole.APPROVER, roots, now_ms=now * 1000 + 999)
        if endorsed.person != signed.terms.external_id or len(endorsed.endorsers) < self.endorsers:
            raise MalformedStatement("external_id", "The approval names another person than the key's endorsements.")
        return endorsed.statements

    def _offer_denial(self, text: str, now: int) -> None:
        try:
            signed = denials.parse(_decode(text))
            if (
                signed.approver_key not in self.quorum.keys
                or signed.binding != self.binding
                or signed.request_hash != self.request_hash
                or signed.denied_at > now + approvals.CLOCK_TOLERANCE_SECONDS
            ):
                return
            signed.verify()
        except MalformedStatement:
            return
        person = self.quorum.person_of(signed.approver_key)
        self.denials.setdefault(person, signed)
        for key in [key for key in self.approvals if self.quorum.person_of(key) == person]:
            del self.approvals[key], self.people[key], self.carried[key]
        self.late = {key: name for key, name in self.late.items() if self.quorum.person_of(key) != person}
        denied = [given.approver_key for given in self.denials.values()]
        self.is_denied = self.quorum.is_impossible(denied)


def check_terms(
    terms: approvals.ApprovalTerms, binding: Binding, request_hash: bytes, lifetime_seconds: int, now: int
) -> None:
    """Raise ``MalformedStatement`` unless an approval is for this request and short lived.

    1. bound to this request of this run, to what it showed, and to its policy's version; 2. for this request hash;
    3. not from the future; 4. lives no longer than ``lifetime_seconds``. Whether it has expired, ``has_expired`` says.
    """
    field = binding.difference(terms.binding)
    if field:
        raise MalformedStatement(field, f"The approval was signed for another {field} than this call's.")
    if terms.request_hash != request_hash:
        raise MalformedStatement("request_hash", "The approval was signed for another call.")
    if terms.approved_at > now + approvals.CLOCK_TOLERANCE_SECONDS:
        raise MalformedStatement("approved_at", "The approval was signed in the future; check the clocks.")
    if not 0 < terms.expires_at - terms.approved_at <= lifetime_seconds:
        raise MalformedStatement("expires_at", f"The approval lives longer than {lifetime_seconds} seconds.")


def has_expired(terms: approvals.ApprovalTerms, now: int) -> bool:
    """Return whether an approval's life is over, by a clock that may be a little ahead."""
    return terms.expires_at + approvals.CLOCK_TOLERANCE_SECONDS < now


def read_decision(*arguments: Any) -> Decision | None:
    """Return the decision in a signal's arguments, or None if it is not of that form."""
    if len(arguments) != 1 or not isinstance(arguments[0], dict):
        return None
    fields = arguments[0]
    request_id = fields.get("request_id")
    if not isinstance(request_id, str):
        return None
    return Decision(
        request_id=request_id,
        approvals=_texts(fields.get("approvals")),
        denials=_texts(fields.get("denials")),
        endorsements=_texts(fields.get("endorsements"), MAXIMUM_ENDORSEMENT_CHARACTERS),
    )


def _texts(value: Any, maximum: int = MAXIMUM_STATEMENT_CHARACTERS) -> list[str]:
    if not isinstance(value, list):
        return []
    return [item for item in value if isinstance(item, str) and len(item) <= maximum]


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedStatement("base64", "The text is not base64.") from error
