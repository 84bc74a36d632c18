"""Whose approvals count at this worker. The server's word is not asked: only what people signed, and pinned roots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from approvals.signing.approval import SignedApproval
from audit.statements.key_endorsements import EndorsedRole, NotEndorsed, verify_chain
from audit.statements.terms import Terms
from workers.gates.key_revocations import KeyRevocations
from workers.gates.people_roots import PeopleRoots

BARRED = "APPROVER_BARRED"
NOT_ENDORSED = "APPROVER_NOT_ENDORSED"
KEY_REVOKED = "APPROVER_KEY_REVOKED"


class ApproverRefused(Exception):
    """Approvals that do not count; ``code`` says why, the message is a sentence for people."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Approvers:
    """``people_roots`` None: this worker was given none, believes the warrant, and counts keys.

    ``endorsers``: how many people must have endorsed an approver's key, at least.
    """

    people_roots: PeopleRoots | None
    revocations: KeyRevocations
    endorsers: int = 1

    def check(
        self,
        approvals: Sequence[SignedApproval],
        endorsements: Sequence[bytes],
        *,
        terms: Terms,
        people: int,
        endorsers: int,
        now_ms: int,
    ) -> None:
        """Raise ``ApproverRefused`` unless approvals of at least ``people`` people count.

        1. No key is revoked. 2. Every key is endorsed as an approver's, from a pinned people root, by at least
        ``endorsers`` people.
        3. Every approval names the person whose key it is. 4. The warrant's ``terms`` bar none of these people: they
        neither raised the alert, nor does the agent act for them. 5. They are enough people, not keys.
        """
        for approval in approvals:  # 1
            if approval.approver_key in self.revocations:
                raise ApproverRefused(KEY_REVOKED, "The key that approved was revoked. Ask somebody to approve anew.")
        if self.people_roots is None:
            names = {approval.approver_key for approval in approvals}
        else:
            roots = self.people_roots
            needed = max(self.endorsers, endorsers)
            names = {self._person(approval, endorsements, roots, needed, now_ms).encode() for approval in approvals}
        for approval in approvals:  # 4
            person = approval.terms.external_id
            if terms.bars(person):
                sentence = f"{person} raised the alert, or the agent acts for them: somebody else has to approve."
                raise ApproverRefused(BARRED, sentence)
        if len(names) < people:  # 5
            raise ApproverRefused(NOT_ENDORSED, f"{len(names)} people approved, but {people} are needed.")

    def _person(
        self, approval: SignedApproval, endorsements: Sequence[bytes], roots: PeopleRoots, needed: int, now_ms: int
    ) -> str:
        if not roots.keys:
            raise ApproverRefused(NOT_ENDORSED, "This worker knows no people root yet, so nobody's approval counts.")
        try:
            endorsed = verify_chain(
                endorsements,
                approval.approver_key,
                EndorsedRole.APPROVER,
                roots.keys,
                now_ms=now_ms,
                revoked=self.revocations.times,
            )
        except NotEndorsed as error:  # 2
            raise ApproverRefused(NOT_ENDORSED, f"The approver's key is not endorsed. {error}") from error
        if len(endorsed.endorsers) < needed:
            raise ApproverRefused(
                NOT_ENDORSED,
                f"{len(endorsed.endorsers)} people endorsed the approver's key, but {needed} are needed.",
            )
        if endorsed.person != approval.terms.external_id:  # 3
            raise ApproverRefused(
                NOT_ENDORSED, f"The approval names {approval.terms.external_id}, but it is {endorsed.person}'s key."
            )
        return endorsed.person
