"""What the gate raises. The sentences are for the person who reads a failed workflow."""

from __future__ import annotations

from temporalio.exceptions import ActivityError, ApplicationError

GATE_TYPES = frozenset({"approval_required", "insufficient_approvals", "invalid_approval", "approval_expired"})
# This worker's own word for an approval that expired before the call could run.
LAPSED = "APPROVAL_LAPSED"
ASK_TYPES = GATE_TYPES | {LAPSED}
STALE_PROOF = "POP_VERIFICATION_FAILED"
DENIAL_TYPES = GATE_TYPES | {
    STALE_PROOF,
    "tool_not_authorized",
    "constraint_violation",
    "revoked",
    "WARRANT_EXPIRED",
    "CONSTRAINT_VIOLATED",
    "CONTEXT_MISSING",
    "PRE_VALIDATION_FAILED",
    "ARG_NORMALIZATION_FAILED",
    "CHAIN_INVALID",
    "LOCAL_ACTIVITY_BLOCKED",
    "KEY_NOT_FOUND",
    "approval_gate_misconfigured",
    "RECEIPT_FAILED",
    "WARRANT_ELSEWHERE",
    "APPROVERS_WEAKENED",
    "APPROVAL_BY_A_PARTY",
    "APPROVAL_UNBOUND",
    "APPROVAL_REPLAYED",
    "APPROVAL_LIFETIME",
    "APPROVAL_LAPSED",
    "APPROVAL_STORE_DOWN",
    "APPROVAL_FLOOR",
    "APPROVER_KEY_REVOKED",
    "APPROVER_NOT_ENDORSED",
    "APPROVER_BARRED",
    "TERMS_MALFORMED",
}

MALFORMED_ARGUMENTS = "MALFORMED_ARGUMENTS"
REQUEST_REFUSED = "APPROVAL_REQUEST_REFUSED"
TERMS_MALFORMED = "TERMS_MALFORMED"
ACTING_FOR_NOBODY = "ACTING_FOR_NOBODY"
TOO_MANY_ROUNDS = "APPROVAL_ROUNDS_EXHAUSTED"


class UnsafeSettings(ValueError):
    """A worker that would not be safe. It refuses to start, with one sentence."""


class GatedCallError(ActivityError, ApplicationError):
    """A gated call that did not run because people denied it or nobody answered.

    It is an ``ActivityError``, since that is what workflows catch around an activity, and an
    ``ApplicationError``, so that ``type`` says why: ``APPROVAL_DENIED``, ``APPROVAL_EXPIRED`` or
    ``APPROVAL_REQUEST_REFUSED``.
    """

    def __init__(self, message: str, *details: object, type: str, activity_type: str, activity_id: str = "") -> None:
        ActivityError.__init__(
            self,
            message,
            scheduled_event_id=0,
            started_event_id=0,
            identity="countersign",
            activity_type=activity_type,
            activity_id=activity_id,
            retry_state=None,
        )
        ApplicationError.__init__(self, message, *details, type=type, non_retryable=True)
        self._reason = ApplicationError(message, *details, type=type, non_retryable=True)
        self.__cause__ = self._reason

    @property
    def cause(self) -> ApplicationError:
        """What workflows read after ``except ActivityError``, also where this was raised from something else."""
        return self._reason


def refusal(message: str, code: str) -> ApplicationError:
    """Return the error by which this worker refuses one dispatch, for good."""
    return ApplicationError(message, type=code, non_retryable=True)


def not_now(message: str, code: str) -> ApplicationError:
    """Return the error by which this worker refuses one attempt. Temporal tries again, as the retry policy says."""
    return ApplicationError(message, type=code)
