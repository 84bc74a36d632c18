"""What the relay and the operator's pages get from the outbox."""

from __future__ import annotations

from dataclasses import dataclass

from approvals.contracts import Decision


@dataclass(frozen=True, slots=True)
class Job:
    """One decision to deliver, leased to whoever claimed it."""

    id: int
    namespace: str
    workflow_id: str
    run_id: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many decisions are not delivered yet, how old the oldest is, in seconds, and why it waits."""

    waiting: int
    oldest_seconds: float
    because: str  # may hold what Temporal's server said: not ours, and shown as such

    @property
    def sentence(self) -> str:
        if not self.waiting:
            return "No decision waits for Temporal."
        decisions = "1 decision waits" if self.waiting == 1 else f"{self.waiting} decisions wait"
        return f"{decisions} for Temporal, the oldest for {_age(self.oldest_seconds)}, because {self.because}."


def _age(seconds: float) -> str:
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return f"{int(seconds)} s"
