"""Which channels are in trouble, from the answers to what the notifier sends, and whether anybody sends at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Case, Count, Exists, Min, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from approvals.models import ChannelTrouble, Notification, NotificationAttempt
from approvals.models.notification import UNSENT
from approvals.notify.channels import CHANNELS, Channel, label_of, set_up
from approvals.notify.contracts import Answer, Result
from approvals.notify.due import due
from approvals.notify.webhooks.settings import receivers
from approvals.texts import storable

# A notifier that runs has tried what is due by then.
SENT_WITHIN = timedelta(seconds=60)
MAXIMUM_ANSWER = 300


@dataclass(frozen=True, slots=True)
class TroubleLine:
    """A channel in trouble, or one receiver of it. ``answer``: what was said first, partly the other side's words."""

    label: str  # for people
    since: datetime
    tried_at: datetime
    answer: str
    waiting: int  # how many are not sent


@dataclass(frozen=True, slots=True)
class Unsent:
    """So many notifications are due, the first of them ``since``, and nobody sends them."""

    waiting: int
    since: datetime


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether people are told. Nothing in it says of what."""

    troubles: list[TroubleLine]
    unsent: Unsent | None


def heard(*, row: Notification, answer: Answer, now: datetime) -> None:
    """Note what an answer says of its channel: trouble, or that it is over. Harmless to repeat."""
    channel = CHANNELS[row.channel]
    # A receiver's trouble is its own; a room's is the channel's.
    place = row.place if channel.tells_all else ""
    if answer.is_about_channel or (channel.fails_apart and answer.result in (Result.TEMPORARY, Result.UNANSWERED)):
        note(channel=channel, place=place, answer=answer.text, now=now, replaces=answer.is_about_channel)
    elif answer.result is Result.SENT or channel.fails_apart:
        over(channel=channel, place=place)


def over(*, channel: Channel, place: str = "") -> None:
    """Forget that ``channel``, or its receiver ``place``, was in trouble."""
    ChannelTrouble.objects.filter(channel=channel.name, place=place).delete()


def note(*, channel: Channel, answer: str, now: datetime, place: str = "", replaces: bool = True) -> None:
    """Write down that ``channel``, or its receiver ``place``, is in trouble, from ``now`` unless it was."""
    answer = storable(answer, MAXIMUM_ANSWER)
    newest = {"answer": answer} if replaces else {}
    ChannelTrouble.objects.update_or_create(
        channel=channel.name,
        place=place,
        defaults={"tried_at": now, **newest},
        create_defaults={"since": now, "tried_at": now, "answer": answer},
    )


def standing(*, everywhere: bool) -> Standing:
    """Return how this installation's channels stand; receivers, which are programs, only with ``everywhere``.

    Two queries.
    """
    now, names = timezone.now(), [channel.name for channel in set_up()]
    places = ["", *(receivers() if everywhere else ())]
    unsent = Notification.objects.filter(state__in=UNSENT, channel=OuterRef("channel"))
    waiting = Case(
        When(place="", then=_counted(unsent)),
        default=_counted(unsent.filter(place=OuterRef("place"))),
    )
    found = ChannelTrouble.objects.filter(channel__in=names, place__in=places).annotate(waiting=waiting)
    return Standing([_line(row) for row in found.order_by("since", "pk")], _unsent(names, now))


def _counted(rows: QuerySet[Notification]) -> Coalesce:
    count = rows.order_by().values("channel").annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(count), 0)


def _line(row: ChannelTrouble) -> TroubleLine:
    label = f"{label_of(row.channel)} {row.place}".strip()
    return TroubleLine(label, row.since, row.tried_at, row.answer, row.waiting)  # type: ignore[attr-defined]


def _unsent(names: list[str], now: datetime) -> Unsent | None:
    troubled = ChannelTrouble.objects.filter(channel=OuterRef("channel"), place__in=["", OuterRef("place")])
    last = NotificationAttempt.objects.order_by("-pk").values("begun_at")[:1]
    # A channel in trouble rests between two tries; a notifier with much to send tries something all the time.
    idle = due(now - SENT_WITHIN).filter(~Exists(troubled), channel__in=names).annotate(tried_at=Subquery(last))
    idle = idle.filter(Q(tried_at=None) | Q(tried_at__lte=now - SENT_WITHIN))
    found = idle.aggregate(waiting=Count("pk"), since=Min("due_at"))
    return Unsent(**found) if found["waiting"] else None
