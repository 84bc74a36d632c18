"""Who was told of what, how, when, and whether it arrived. Read only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, F, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Lower, Trim
from django.utils import timezone

from accounts.roles.contracts import Role
from accounts.roles.queries import Reach
from approvals.models import ApprovalRequest, Escalation, EscalationMove, Notification, NotificationAttempt
from approvals.models.notification import UNSENT
from approvals.notify.channels import label_of, set_up
from approvals.notify.contracts import NotificationEvent, NotificationState
from approvals.notify.trouble import Standing, standing
from approvals.on_call.queries import OnCallNow, on_call_now
from approvals.requests import urgency

# Who sees addresses, and what mail servers say.
OVERSEERS = (Role.AUDITOR, Role.SECURITY_ADMINISTRATOR)
# By then a channel that works has told people, and one that does not has been tried several times.
TOLD_WITHIN = timedelta(seconds=60)
# A critical request must reach people in this many ways.
WAYS_WANTED = 2
LOOKED_BACK = timedelta(days=7)
LINES_SHOWN = 100


@dataclass(frozen=True, slots=True)
class ToldLine:
    """One notification. ``address`` and ``answer`` are empty for whoever does not oversee people."""

    id: int
    request_id: str
    tool: str  # may come from an agent
    recipient: str  # an external id, or a place's
    person: str
    is_place: bool  # no person, but where several read along
    channel: str  # for people
    event: str  # NotificationEvent
    state: str  # NotificationState
    at: datetime  # when it left, failed or was dropped; else when it was written
    due_at: datetime
    attempts: int
    address: str
    answer: str  # partly the other side's words


@dataclass(frozen=True, slots=True)
class Ladder:
    """How a request was told step by step. ``on_call`` and ``next_at``: only while it waits, and there is a next."""

    moves: list[EscalationMove]
    on_call: list[OnCallNow]
    next_at: datetime | None


@dataclass(frozen=True, slots=True)
class Told:
    """Who was told of one request, first asked first."""

    lines: list[ToldLine]
    is_thin: bool  # it waits, is critical, and reached people in fewer ways than wanted
    ways: list[str]  # the channels, for people, over which somebody was asked
    ladder: Ladder | None = None
    is_over: bool = False  # nothing of it may be kept any more

    @property
    def asked(self) -> int:
        """How many people's requests to decide have left, over whichever channel."""
        return len({line.recipient for line in self.lines if _has_asked(line)})

    @property
    def meant(self) -> int:
        opened = [line for line in self.lines if line.event == NotificationEvent.OPENED and not line.is_place]
        return len({line.recipient for line in opened})


@dataclass(frozen=True, slots=True)
class ThinLine:
    """A critical request that reached people in fewer ways than wanted."""

    request_id: str
    tool: str  # may come from an agent
    severity: str
    opened_at: datetime
    ways: int


@dataclass(frozen=True, slots=True)
class Overview:
    """What the operators see, of the last days; each list newest first."""

    standing: Standing
    channels: list[str]  # that are set up, for people
    failed: list[ToldLine]
    late: list[ToldLine]  # tried and failed so far, or due for too long
    thin: list[ThinLine]


def told(request_id: str, *, is_open: bool, severity_rank: int, opened_at: datetime, shows_addresses: bool) -> Told:
    """Return who was told of a request. Three queries, and those for its ladder if it has one."""
    rows = _with_last_try(Notification.objects.filter(approval_request=request_id)).order_by("pk")
    lines = [_line(row, shows_addresses=shows_addresses) for row in rows]
    ways = sorted({line.channel for line in lines if _has_asked(line)})
    must_be_told = is_open and severity_rank == 0 and timezone.now() > opened_at + TOLD_WITHIN
    return Told(
        lines, must_be_told and len(ways) < WAYS_WANTED, ways, _ladder(request_id, is_open=is_open), not is_open
    )


def overview(*, within: Reach) -> Overview:
    """Return what could not be told in the namespaces ``within``."""
    now = timezone.now()
    found = Notification.objects.filter(created_at__gte=now - LOOKED_BACK).order_by("-created_at", "-pk")
    found = found if within.everywhere else found.filter(approval_request__namespace__in=within.namespaces)
    # What quiet hours hold back is due later, and was not tried.
    late = found.filter(
        Q(attempts__gt=1) | Q(state=NotificationState.WAITING, attempts=1) | Q(due_at__lte=now - TOLD_WITHIN)
    )
    return Overview(
        standing=standing(everywhere=within.everywhere),
        channels=[channel.label for channel in set_up()],
        failed=lines_of(found.filter(state=NotificationState.FAILED)),
        late=lines_of(late.filter(state__in=UNSENT)),
        thin=thin(opened_after=now - LOOKED_BACK, opened_by=now - TOLD_WITHIN, within=within),
    )


def thin(*, opened_after: datetime, opened_by: datetime, within: Reach) -> list[ThinLine]:
    """Return the critical requests of that time that reached people in fewer ways than wanted, newest first.

    What was over before it had to be told is none of them.
    """
    # What a room was told, nobody may have seen.
    asked = Notification.objects.filter(
        approval_request=OuterRef("pk"), event=NotificationEvent.OPENED, state=NotificationState.SENT, place=""
    )
    ways = asked.order_by().values("approval_request").annotate(ways=Count("channel", distinct=True)).values("ways")
    found = ApprovalRequest.objects.filter(opened_at__gt=opened_after, opened_at__lte=opened_by)
    found = found if within.everywhere else found.filter(namespace__in=within.namespaces)
    found = found.annotate(word=Lower(Trim("severity"))).filter(word__in=urgency.MOST_URGENT)
    counted = found.annotate(ways=Coalesce(Subquery(ways), 0))
    waited = Q(closed_at=None) | Q(closed_at__gt=F("opened_at") + TOLD_WITHIN)
    rows = counted.filter(waited, ways__lt=WAYS_WANTED).order_by("-opened_at", "-pk")
    return [ThinLine(*row) for row in rows.values_list("pk", "tool", "severity", "opened_at", "ways")[:LINES_SHOWN]]


def _ladder(request_id: str, *, is_open: bool) -> Ladder | None:
    moves = list(EscalationMove.objects.filter(approval_request=request_id))
    # The first step is moved in the transaction that makes its row; without a ladder there may be one move alone.
    row = Escalation.objects.filter(pk=request_id).first() if moves else None
    if row is None:
        return Ladder(moves, [], None) if moves else None
    on_call = on_call_now(row.policy, timezone.now()) if is_open else []
    return Ladder(moves, on_call, row.due_at if is_open else None)


def lines_of(rows: QuerySet[Notification]) -> list[ToldLine]:
    """Return the first of ``rows``, for those who oversee people."""
    return [_line(row, shows_addresses=True) for row in _with_last_try(rows)[:LINES_SHOWN]]


def _with_last_try(rows: QuerySet[Notification]) -> QuerySet[Notification]:
    last = NotificationAttempt.objects.filter(number=F("notification__attempts"))
    tool = rows.select_related("approval_request").only(
        "channel", "event", "recipient", "display_name", "state", "attempts", "created_at", "due_at", "ended_at",
        "place", "approval_request__tool",
    )  # fmt: skip
    return tool.prefetch_related(Prefetch("tries", queryset=last, to_attr="last_try"))


def _line(row: Notification, *, shows_addresses: bool) -> ToldLine:
    last: list[NotificationAttempt] = row.last_try  # type: ignore[attr-defined]
    return ToldLine(
        id=row.pk,
        request_id=row.approval_request_id,
        tool=row.approval_request.tool,
        recipient=row.recipient,
        person=row.display_name,
        is_place=bool(row.place),
        channel=label_of(row.channel),
        event=row.event,
        state=row.state,
        at=row.ended_at or row.created_at,
        due_at=row.due_at,
        attempts=row.attempts,
        address=last[0].address if last and shows_addresses else "",
        answer=last[0].answer if last and shows_addresses else "",
    )


def _has_asked(line: ToldLine) -> bool:
    return line.event == NotificationEvent.OPENED and line.state == NotificationState.SENT and not line.is_place
