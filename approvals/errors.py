"""What can go wrong when calls are gated and people decide.

Each error has a stable ``code``, the ``field`` that is wrong (or empty) and a sentence that tells a
person what to do. Views render them in ``approvals.web``, activities raise them with the same code.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from audit.custody import CustodyError
from audit.sealing import SealingError

BARRED = "You raised this alert, or the agent acts for you: somebody else must decide."


class ApprovalError(Exception):
    code: ClassVar[str] = "refused"
    http_status: ClassVar[int] = 422

    def __init__(self, sentence: str, *, field: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.field = field


class MalformedInput(ApprovalError):
    """A value that cannot be read at all."""

    code = "malformed"
    http_status = 400


class TooLarge(ApprovalError):
    code = "too_large"
    http_status = 413


class UnknownRequest(ApprovalError):
    """No such request, or not for this person: the two look the same from outside."""

    code = "unknown_request"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("There is no such request. Go back to the queue and open it from there.", field="request_id")


class WrongNamespace(ApprovalError):
    """The call runs in another namespace than the incident its warrant was minted for."""

    code = "wrong_namespace"

    def __init__(self) -> None:
        super().__init__(
            "The warrant is for an incident of another namespace. Run the agent in the namespace it was started for.",
            field="namespace",
        )


class ClaimedNamespace(ApprovalError):
    """A workflow speaks for another namespace than its own."""

    code = "claimed_namespace"

    def __init__(self) -> None:
        super().__init__(
            "This came from a workflow of another namespace than it names. A workflow asks and reports only for its "
            "own: use the gate plugin, which takes the namespace from Temporal.",
            field="namespace",
        )


class RequestConflict(ApprovalError):
    """The same request id was used for something else."""

    code = "request_conflict"
    http_status = 409


class CannotSupersede(ApprovalError):
    """The request named as the one before is about another call, or has its answer."""

    code = "cannot_supersede"
    http_status = 409

    def __init__(self, sentence: str) -> None:
        super().__init__(f"{sentence} Ask without naming one.", field="supersedes")


class ContentUnreadable(ApprovalError):
    """What is stored of a request does not open: somebody changed it, or a key is missing. The sentence says which."""

    code = "content_unreadable"
    http_status = 409

    def __init__(self, error: SealingError | CustodyError) -> None:
        super().__init__(f"What is stored of this request cannot be read. {error} Show this to your administrator.")


class UntrustedWarrant(ApprovalError):
    code = "untrusted_warrant"


class HashMismatch(ApprovalError):
    """The request hash is not that of this call under this warrant."""

    code = "request_hash_mismatch"


class ApprovalNotNeeded(ApprovalError):
    """The warrant does not gate this call."""

    code = "approval_not_needed"


class NobodyCanApprove(ApprovalError):
    """The warrant gates the call, but names too few usable approvers."""

    code = "nobody_can_approve"


class RequestExpired(ApprovalError):
    code = "request_expired"
    http_status = 409


class RequestClosed(ApprovalError):
    """The request ended without this person's decision."""

    code = "request_closed"
    http_status = 409


class AlreadyDecided(ApprovalError):
    """Somebody was faster, or this person has decided before; the sentence says who and when."""

    code = "already_decided"
    http_status = 409


class TooLateToRetract(ApprovalError):
    """Something has come of the approval already, or the request is over."""

    code = "too_late_to_retract"
    http_status = 409


class NothingToRetract(ApprovalError):
    """No approval of this person with that one-time number counts: it ran out, was taken back, or never was."""

    code = "nothing_to_retract"
    http_status = 409

    def __init__(self) -> None:
        super().__init__("You have no approval here that counts, so there is nothing to take back.", field="nonce")


class Replayed(ApprovalError):
    """This signature was used for another decision."""

    code = "replayed"
    http_status = 409


class BadSignature(ApprovalError):
    code = "bad_signature"


class UnusableKey(ApprovalError):
    """The key is not this person's, not asked for, or belongs to the agent or an issuer."""

    code = "unusable_key"


class BarredPerson(ApprovalError):
    """This person raised the alert, or the agent acts for them: somebody else has to decide, whatever their key."""

    code = "barred_person"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(f"{BARRED} Your signature was not used.", field="person")


class NotEndorsedYet(ApprovalError):
    """No people root stands behind the key: its signature would run nothing."""

    code = "not_endorsed"
    http_status = 409

    def __init__(self) -> None:
        super().__init__(
            "Your key is not endorsed yet: ask a security administrator. Your signature was not used.",
            field="approver_key",
        )


class WrongBinding(ApprovalError):
    """What was signed is for another request, run, workflow, namespace or person."""

    code = "wrong_binding"


class BadLifetime(ApprovalError):
    """The signature is valid too long, or from a clock that is wrong."""

    code = "bad_lifetime"


class BadProposal(ApprovalError):
    """A denial proposes the arguments that were asked for, or arguments of other names."""

    code = "bad_proposal"

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence, field="proposed_arguments")


class NotAnApprover(ApprovalError):
    """This person may not decide; from outside it looks as if there were no such request."""

    code = "not_an_approver"
    http_status = 404

    def __init__(self) -> None:
        super().__init__("Only approvers decide. Ask an administrator for the approver role.", field="person")


class StepUpNeeded(ApprovalError):
    """The policy asks for a fresh second factor before this approval, and there is none that is unused."""

    code = "step_up_needed"
    http_status = 409

    def __init__(self, *, seconds: int) -> None:
        super().__init__(
            f"To approve this, confirm that it is you, at most {minutes(seconds)} before. Do it in your browser, on "
            "the page of this request: only there can your passkey or your provider answer. You can deny without it.",
            field="step_up",
        )


class ReadFirst(ApprovalError):
    """The policy asks for time to read before an approval, and it is not over."""

    code = "read_first"
    http_status = 409

    def __init__(self, *, seconds: int, left: int, is_open: bool) -> None:
        so_far = f"{_seconds(left)} left" if is_open else "the time begins when the request's page is open"
        super().__init__(
            f"Read the request for {_seconds(seconds)} before you approve it: {so_far}. Your signature was not used. "
            "You can deny at once.",
            field="reading_seconds",
        )


class NotConfirmed(ApprovalError):
    """The policy asks the approver to type what they approve, and something else was typed."""

    code = "not_confirmed"

    def __init__(self) -> None:
        super().__init__(
            "To approve this, type what the page asks for, letter by letter. Your signature was not used.",
            field="confirmation",
        )


class TooManyApprovals(ApprovalError):
    """This person has approved as many requests in the last hour as the policy lets them."""

    code = "too_many_approvals"
    http_status = 429

    def __init__(self, *, most: int, next_at: datetime) -> None:
        super().__init__(
            f"The policy lets a person approve {most} in an hour, and you have. You can approve again at "
            f"{next_at:%H:%M:%S} UTC; somebody else can at once, and you can deny. Your signature was not used.",
            field="approvals_per_hour",
        )


class ClaimedByAnother(ApprovalError):
    """Somebody else works on the request; taking it over names their claim."""

    code = "claimed_by_another"
    http_status = 409

    def __init__(self, *, person: str, at: datetime, until: datetime) -> None:
        super().__init__(
            f"{person} has claimed this request at {at:%H:%M:%S} UTC, until {until:%H:%M:%S} UTC. Ask them, or take it "
            "over. You can decide it without a claim.",
            field="claim",
        )


def _seconds(number: int) -> str:
    return f"{number} second{'' if number == 1 else 's'}"


def minutes(seconds: int) -> str:
    """Return a time span in words: ``5 minutes``, ``90 seconds``."""
    number, unit = (seconds // 60, "minute") if seconds % 60 == 0 else (seconds, "second")
    return f"{number} {unit if number == 1 else unit + 's'}"
