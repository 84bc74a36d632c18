"""What an agent team may set."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.contracts import APPROVALS_TASK_QUEUE
from workers.gates.errors import UnsafeSettings


@dataclass(frozen=True, slots=True)
class GateSettings:
    """Times are seconds.

    ``request_lifetime_seconds``: how long a stopped call waits for people.
    ``signature_lifetime_seconds``: the longest life of an approval that this worker accepts.
    ``delivery_grace_seconds``: how much longer the workflow waits for a decision made in time.
    ``dispatches_per_proof``: how often a call is dispatched anew because its proof of possession aged in a queue.
    ``rounds_per_call``: how often people are asked again when their signatures expired before the call ran.
    ``endorsers``: how many people must have endorsed an approver's key; used with people roots.
    ``children_inherit``: whether a child workflow started without a warrant of its own gets its parent's.
    """

    request_lifetime_seconds: int = 1800
    signature_lifetime_seconds: int = 900
    delivery_grace_seconds: int = 30
    dispatches_per_proof: int = 3
    rounds_per_call: int = 5
    children_inherit: bool = True
    endorsers: int = 1
    approvals_task_queue: str = APPROVALS_TASK_QUEUE

    def __post_init__(self) -> None:
        for name in ("request_lifetime_seconds", "signature_lifetime_seconds", "rounds_per_call", "endorsers"):
            if getattr(self, name) < 1:
                raise UnsafeSettings(f"{name} must be at least 1.")
        if self.signature_lifetime_seconds > 24 * 3600:
            raise UnsafeSettings("signature_lifetime_seconds must be at most 86,400: approvals are short lived.")
        if not 0 <= self.dispatches_per_proof <= 3:
            raise UnsafeSettings("dispatches_per_proof must be between 0 and 3.")
