"""Step 8: every decision is taken again, with the same inputs, at the same time."""

from __future__ import annotations

import tenuo_core

from audit.statements import place
from audit.statements.kinds import EntryKind
from audit.verify.reading import Entry
from audit.verify.receipts import Call
from audit.verify.steps import Refused, Step, require
from audit.verify.trust import Roots

# Refusals that do not follow from the warrant: the gate's own checks, revocation, a proof seen before.
_OWN_REFUSALS = frozenset(
    {
        "approval-by-a-party",
        "approval-unbound",
        "approvers-weakened",
        "approval-replayed",
        "approval-lifetime",
        "approval-lapsed",
        "approval-store-down",
        "approval-floor",
        "approver-key-revoked",
        "approver-barred",
        "approver-not-endorsed",
        "terms-malformed",
        "warrant-elsewhere",
        "warrant-revoked",
        "pop-signature-invalid",
    }
)
_GATE_ERROR = "ApprovalGateTriggered"
# Tenuo's name of a call to another namespace's service: nexus:ENDPOINT:SERVICE:OPERATION.
_NEXUS_OPERATION = "nexus:"


def is_gated(call: Call) -> bool | None:
    """Return whether the warrant asks for people's signatures on this call; None if the arguments were erased."""
    if call.arguments is None:
        return None
    try:
        return bool(call.leaf.approval_requirement(call.tool, call.arguments).requires_approval())
    except Exception as error:
        raise Refused(Step.CALL, f"The warrant's gate cannot be evaluated: {error}.") from error


def check_call(entry: Entry, call: Call, roots: Roots) -> str:
    """Step 8. Return in words what was found. Raises ``Refused``."""
    if call.arguments is None:
        return "not decided again, because the arguments were erased"
    approvals = _approvals(entry)
    if entry.kind == EntryKind.CALL_ALLOWED:
        return _check_allowed(entry, call, roots, approvals)
    if entry.kind == EntryKind.CALL_GATED:
        return _check_gated(entry, call, roots, approvals)
    return _check_denied(entry, call, roots, approvals)


def _check_allowed(entry: Entry, call: Call, roots: Roots, approvals: list[tenuo_core.SignedApproval]) -> str:
    namespace = entry.details.for_step(Step.CALL).text("namespace")
    # An operation is decided where it is taken; whose agents may ask for it, the service there says.
    here = call.tool.startswith(_NEXUS_OPERATION) or place.runs_in(call.warrants, namespace)
    require(here, Step.CALL, f"The call ran in namespace {namespace!r}; its warrant is for an incident elsewhere.")
    error = _decide(entry, call, roots, approvals, call.decided_at)
    # A worker decides up to a second before it signs; at the edge of an expiry that second matters.
    allowed = error is None or _decide(entry, call, roots, approvals, call.decided_at - 1) is None
    require(allowed, Step.CALL, f"The call was not allowed by its warrant at that time: {error}.")
    return "allowed again by the warrant"


def _check_gated(entry: Entry, call: Call, roots: Roots, approvals: list[tenuo_core.SignedApproval]) -> str:
    require(bool(is_gated(call)), Step.CALL, "The warrant has no gate that stops this call.")
    error = _decide(entry, call, roots, [], call.decided_at)
    stopped = error is not None and (not call.proof or type(error).__name__ == _GATE_ERROR)
    require(stopped, Step.CALL, f"Without signatures the call does not stop at a gate, but: {error or 'it passes'}.")
    insufficient = not approvals or _decide(entry, call, roots, approvals, call.decided_at) is not None
    require(insufficient, Step.CALL, "With the signatures it carried, the call was allowed and not stopped.")
    return "stopped again at its gate"


def _check_denied(entry: Entry, call: Call, roots: Roots, approvals: list[tenuo_core.SignedApproval]) -> str:
    error = _decide(entry, call, roots, approvals, call.decided_at)
    if error is not None:
        return f"refused again: {error}"
    own = call.code in _OWN_REFUSALS
    require(own, Step.CALL, f"The warrant allowed this call at that time, but the receipt says {call.code!r}.")
    return f"refused by the worker itself ({call.code})"


def _decide(
    entry: Entry, call: Call, roots: Roots, approvals: list[tenuo_core.SignedApproval], moment: int
) -> Exception | None:
    """Return None if Tenuo allows the call at ``moment`` (UTC seconds), else why not."""
    is_retry = entry.details.for_step(Step.CALL).integer("attempt") > 1
    authorizer = roots.retry_authorizer if is_retry else roots.authorizer
    try:
        authorizer.check_chain(
            call.warrants, call.tool, call.arguments, signature=call.proof or None, approvals=approvals, as_of=moment
        )
    except Exception as error:
        return error
    return None


def _approvals(entry: Entry) -> list[tenuo_core.SignedApproval]:
    data = entry.details.for_step(Step.CALL).list_of_data("approvals")
    try:
        return [tenuo_core.SignedApproval.from_bytes(item) for item in data]
    except Exception as error:
        if entry.kind == EntryKind.CALL_ALLOWED:
            raise Refused(Step.CALL, f"An approval of the call cannot be read: {error}.") from error
        # What an agent sent along with a refused call may be anything.
        return []
