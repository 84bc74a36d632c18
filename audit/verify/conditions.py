"""Step 16: the root warrant's terms for deciding, as its issuer signed them. Whose keys are whose is step 14's."""

from __future__ import annotations

import hashlib

from audit.statements.kinds import EntryKind
from audit.statements.terms import Terms
from audit.verify.approvals import Signed, read_approval
from audit.verify.case import Case
from audit.verify.fields import Fields
from audit.verify.reading import Entry
from audit.verify.steps import Step, require


def check_minted(entry: Entry, case: Case) -> str:
    """Step 16 of the warrant. Raises ``Refused``.

    Nobody is named as an approver whom its own terms bar. The policy is named that the terms name, and what lies beside
    the entry as the policy is its text.
    """
    details = entry.details.for_step(Step.TERMS)
    terms = case.warrants.verified(details.list_of_data("warrant_chain")).terms
    for item in details.list_of_fields("approvers"):
        person = item.text("person")
        require(
            not terms.bars(person), Step.TERMS, f"The warrant names {person!r} as an approver, but its terms bar them."
        )
    said = [_check_policy(entry, details, terms)] if terms.policy else []
    said += [f"its terms bar {', '.join(terms.barred_people)} from approving"] if terms.barred_people else []
    return ", ".join(said)


def _check_policy(entry: Entry, details: Fields, terms: Terms) -> str:
    policy = Fields(details.mapping("policy"), Step.TERMS)
    said = (policy.text("name"), policy.integer("version"), policy.data("digest"))
    same = said == (terms.policy, terms.policy_version, terms.policy_digest)
    require(same, Step.TERMS, "The entry names another policy than the warrant's terms.")
    text = entry.content("policy")
    if text is None:
        return f"under {terms.policy_label}"
    digest = hashlib.sha256(text).digest()
    require(digest == terms.policy_digest, Step.TERMS, "The policy beside the warrant is not the one of its terms.")
    return f"under {terms.policy_label}, whose text is beside it"


def check_decision(entry: Entry, case: Case) -> str:
    """Step 16 of a decision; a denial may be anybody's. Raises ``Refused``."""
    if entry.kind != EntryKind.APPROVAL_GRANTED:
        return ""
    details = entry.details.for_step(Step.TERMS)
    request = case.requests[details.text("request_id")]
    return _check([read_approval(details.data("approval"), Step.TERMS)], request.chain.terms)


def check_use(entry: Entry, case: Case) -> str:
    """Step 16 of a call that ran with approvals. Raises ``Refused``."""
    details = entry.details.for_step(Step.TERMS)
    approvals = [read_approval(data, Step.TERMS) for data in details.list_of_data("approvals")]
    if not approvals:
        return ""
    return _check(approvals, case.requests[details.text("request_id")].chain.terms)


def _check(approvals: list[Signed], terms: Terms) -> str:
    for signed in approvals:
        barred = terms.bars(signed.person)
        sentence = f"{signed.person!r} approved, but raised the alert, or the agent acts for them."
        require(not barred, Step.TERMS, sentence)
        lifetime = (signed.expires_at or 0) - signed.signed_at
        maximum = terms.lifetime(lifetime)
        sentence = f"The approval lives for {lifetime} seconds; the warrant's terms allow {maximum}."
        require(lifetime <= maximum, Step.TERMS, sentence)
    said = ["nobody whom the warrant bars"] if terms.barred_people else []
    said += [f"lives {terms.approval_seconds} s at most"] if terms.approval_seconds else []
    return "as the warrant's terms want it: " + ", ".join(said) if said else ""
