"""The steps of verification. Code and reports name them by these numbers.

 1. Form: the line is JSON in the one form it may have, stands where it belongs, its envelope is canonical, and what it
    says in words follows from its entry.
 2. Ledger key: a root key given from outside endorsed the key that signs the entries.
 3. Signature: that key signed the entry, in the context of ledger entries.
 4. Place: the sequence has no gap, the hash of the entry before is named, the chain has one name.
 5. Attachments: what lies beside the entry has the digest that the entry names.
 6. Warrants: the warrant chain verifies from a trusted root, and the root warrant's id names the chain.
 7. Receipt: an endorsed worker key signed it, for this tool, these arguments, warrants and this outcome.
 8. Call: the decision, taken again with the same inputs at the same time, comes out the same.
 9. Approvals of a call: each is bound to this run and request, was granted in this chain, is short lived,
    belongs to a person of its own, and is used once.
10. Request: what people were asked is the call that was stopped.
11. Decision: one of the warrant's approvers signed it, for this request, after it was asked and while open. Denials
    end a request when they leave too few people to approve, or at once if the warrant says so.
12. Outcome: nothing is said to have run that was not allowed to, and silence is recorded only when time was up.
13. End: what is signed at the end of the chain names the number of entries and the hash of the last.
14. People: if people roots are given, every key that decided, and every one whose approval let a call run, is
    endorsed from one of them as an approver's, for the person who is named. In the chain of keys, so is every key that
    is said to be, and none after it was revoked.
15. Display: what people were shown has the digest that the request names, the policy's version is the root
    warrant's, and every decision, and every approval with which a call ran, was signed over both.
16. Terms: nobody approved whom the root warrant's terms bar, since they raised the alert or the agent acts for them,
    and no approval lives longer than they allow. The policy beside the warrant is the one of the terms.
17. Log: there is a signed checkpoint of the log, and a proof of inclusion that leads from the chain's last entry, or
    from the record, to its root.
18. Earlier: the logs go on from the checkpoints that were kept outside and given, so that nothing was written anew.
19. Population: the counts, months and roots of the last line follow from the lines before.
20. Records: what other chains say of this: no key decided before it was enrolled or after it was revoked, and who
    published a policy wrote none of it.

A chain of the service's own (people, their keys, policies, rings, exports) goes through 1 to 5, 13, 14, 17 to 19.
"""

from __future__ import annotations

from enum import IntEnum


class Step(IntEnum):
    """The numbers of the list above."""

    FORM = 1
    LEDGER_KEY = 2
    SIGNATURE = 3
    PLACE = 4
    ATTACHMENTS = 5
    WARRANTS = 6
    RECEIPT = 7
    CALL = 8
    APPROVALS = 9
    REQUEST = 10
    DECISION = 11
    OUTCOME = 12
    END = 13
    PEOPLE = 14
    DISPLAY = 15
    TERMS = 16
    LOG = 17
    EARLIER = 18
    POPULATION = 19
    RECORDS = 20

    @property
    def title(self) -> str:
        return self.name.lower().replace("_", " ")


class Refused(Exception):
    """A step that did not pass; the message is a sentence for people."""

    def __init__(self, step: Step, sentence: str) -> None:
        super().__init__(sentence)
        self.step = step


def require(condition: bool, step: Step, sentence: str) -> None:
    """Raise ``Refused`` unless ``condition`` holds."""
    if not condition:
        raise Refused(step, sentence)
