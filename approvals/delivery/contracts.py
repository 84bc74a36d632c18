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
    """How many decisions are not delivered yet, and how old the oldest is, in seconds."""

    waiting: int
    oldest_seconds: float
