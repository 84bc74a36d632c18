"""Step 15: what people were shown, and the policy under which they were asked.

    display = canonical CBOR {"gate_message", "history", "reasoning", "threshold", "version": 1, "workflow_type"}
    digest  = SHA-256("countersign-display-v1" 00 || display)

Written apart from the code that shows it, so that the two can disagree.
"""

from __future__ import annotations

import hashlib

from audit.statements import cbor
from audit.statements.statements import MalformedStatement
from audit.statements.terms import terms_of
from audit.verify.approvals import Signed
from audit.verify.case import Request
from audit.verify.reading import Entry
from audit.verify.steps import Refused, Step, require
from audit.verify.warrants import WarrantChain

_CONTEXT = b"countersign-display-v1\x00"
_FIELDS = {"gate_message", "history", "reasoning", "threshold", "version", "workflow_type"}


def check_shown(entry: Entry, request: Request) -> str:
    """Step 15 of a request. Raises ``Refused``."""
    _check_policy(request.policy_version, request.chain)
    require("display" in entry.salted, Step.DISPLAY, "What people were shown is not attached.")
    content = entry.content("display")
    if content is None:
        return "what people were shown was erased; its digest is known"
    digest = hashlib.sha256(_CONTEXT + content).digest()
    same = digest == request.display_digest
    require(same, Step.DISPLAY, "What people were shown has another digest than the one they were asked to sign.")
    _check_form(content, request.chain.leaf.approval_threshold())
    return f"what people were shown has the digest {digest.hex()[:8]}… that they signed"


def check_signed(signed: Signed, request: Request) -> None:
    """Step 15 of a decision, or of an approval with which a call ran. Raises ``Refused``."""
    same = signed.display_digest == request.display_digest
    require(
        same,
        Step.DISPLAY,
        f"{signed.person!r} signed over other words, or another history, than the request showed (display_digest).",
    )
    same = signed.policy_version == request.policy_version
    require(
        same,
        Step.DISPLAY,
        f"{signed.person!r} signed under the policy {signed.policy_version!r}, but the request was made under "
        f"{request.policy_version!r} (policy_version).",
    )


def _check_policy(policy_version: str, chain: WarrantChain) -> None:
    try:
        label = terms_of(chain.warrants).policy_label
    except MalformedStatement as error:
        raise Refused(Step.DISPLAY, f"The policy's terms in the root warrant cannot be read. {error}") from error
    same = policy_version == label
    require(same, Step.DISPLAY, f"The request names the policy {policy_version!r}, but the root warrant {label!r}.")


def _check_form(content: bytes, threshold: int) -> None:
    try:
        facts = cbor.decode(content)
    except cbor.MalformedBytes as error:
        raise Refused(Step.DISPLAY, f"What people were shown cannot be read. {error}") from error
    fits = isinstance(facts, dict) and set(facts) == _FIELDS and facts["version"] == 1
    require(fits, Step.DISPLAY, "What people were shown does not have the fields it must have.")
    same = facts["threshold"] == threshold
    require(same, Step.DISPLAY, "People were shown another number of people than the warrant asks for.")
