"""What is told, to whom, and how it went. Nothing here has a field for what an agent said or a call holds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class NotificationEvent(StrEnum):
    """What a notification tells. Values are stored; none is ever reused."""

    OPENED = "opened"  # please decide
    PROGRESS = "progress"  # somebody has decided, and it waits for more
    WAITING_AGAIN = "waiting_again"  # an approval no longer counts, and it waits for more
    STUCK = "stuck"  # enough people have approved, and it does not move
    APPROVED = "approved"  # nothing is left to decide
    EXECUTED = "executed"
    FAILED = "failed"
    DENIED = "denied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"

    @property
    def ends_waiting(self) -> bool:
        """Whether nobody is asked any more: what was to be told before is not needed then."""
        return not self.is_while_open and self is not NotificationEvent.STUCK

    @property
    def is_while_open(self) -> bool:
        """Whether it is told only while somebody can decide."""
        return self in (NotificationEvent.OPENED, NotificationEvent.PROGRESS, NotificationEvent.WAITING_AGAIN)


class NotificationState(StrEnum):
    """Where a notification stands. Values are stored; none is ever reused."""

    WAITING = "waiting"
    SENDING = "sending"  # under a lease
    SENT = "sent"
    FAILED = "failed"  # for good
    DROPPED = "dropped"  # not needed any more

    @property
    def is_final(self) -> bool:
        return self not in (NotificationState.WAITING, NotificationState.SENDING)


class Result(StrEnum):
    """What one attempt came to. Values are stored; none is ever reused."""

    SENT = "sent"
    TEMPORARY = "temporary"  # refused for now
    PERMANENT = "permanent"  # refused for good
    UNANSWERED = "unanswered"  # it may have arrived


@dataclass(frozen=True, slots=True)
class Answer:
    """What a channel says of one attempt, in ``text`` for people, partly the other side's words.

    ``retry_after``: seconds for which the other side wants to be left alone. ``is_about_channel``: the trouble is not
    this message's, so others need not be tried now. ``remote_id``: the other side's name for what it took, for a
    channel that changes it later.
    """

    result: Result
    text: str
    retry_after: float = 0.0
    is_about_channel: bool = False
    remote_id: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where several people read along, such as a team's room. ``address`` is the channel's name for it."""

    address: str
    label: str  # for people
    events: frozenset[NotificationEvent] = frozenset(NotificationEvent)  # that it is told


@dataclass(frozen=True, slots=True)
class Deciding:
    """Who has approved or denied so far, and when."""

    kind: str  # approvals.contracts.DecisionKind
    person: str
    at: datetime
    external_id: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """How a request stands as it is told. ``tool``, ``agent`` and ``service`` may come from an agent."""

    event: NotificationEvent
    request_id: str
    namespace: str
    tool: str
    agent: str
    service: str
    severity: str
    state: str  # approvals.contracts.RequestState
    expires_at: datetime
    approvals_given: int
    approvals_needed: int
    decided: tuple[Deciding, ...]
    can_decide: tuple[str, ...]  # the names of those who can decide now
    url: str


@dataclass(frozen=True, slots=True)
class Job:
    """One notification to send now, leased to whoever claimed it. ``thread`` is the id of the first about it.

    ``remote_id`` is what the other side called the newest message about it to the same recipient, or empty.
    ``person_id`` is None for a place.
    """

    id: int
    thread: int
    attempt: int
    channel: str
    recipient: str  # an external id, or a place's
    address: str  # where the channel reaches them
    notice: Notice
    remote_id: str = ""
    person_id: int | None = None
