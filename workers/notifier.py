"""The notifier: tells people of requests, beside the relay, which it never holds up.

Each channel has a loop and a thread of its own, and sends one message at a time: a process that is killed has at most
one whose answer it did not write down, and only that one is sent again. Several notifiers may run: a notification is
claimed under a lease.
"""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from django.utils import timezone

from accounts.roles.queries import Reach
from approvals.decisions.services import lapse_overdue
from approvals.live.events import LiveKind
from approvals.notify import escalation, outbox
from approvals.notify.channels import Channel, set_up
from approvals.notify.contracts import Answer, Job, Result
from approvals.notify.latecomers import Latecomers
from approvals.notify.queries import TOLD_WITHIN, WAYS_WANTED, thin
from approvals.notify.services import note_stuck
from workers.database import in_executor, in_thread
from workers.waking import Waking

logger = logging.getLogger(__name__)

# The bus wakes a channel at once; this is for what the bus missed, for retries and for leases of dead notifiers.
POLL_SECONDS = 2.0
# While a channel's other side is in trouble, one message tries whether it still is.
LONGEST_CHANNEL_PAUSE = 60.0
LOOK_SECONDS = 10.0
LAPSED_AT_ONCE = 100
STUCK_AT_ONCE = 100
ESCALATED_AT_ONCE = 100
# With more open requests than that it takes several looks until all were looked at.
LATECOMERS_AT_ONCE = 100
EVERYWHERE = Reach(True, frozenset())


async def keep_notifying(
    *,
    poll_seconds: float = POLL_SECONDS,
    lease_seconds: float = outbox.LEASE_SECONDS,
    look_seconds: float = LOOK_SECONDS,
) -> None:
    """Send what is due over every channel that is set up, until cancelled; a message under way is finished first."""
    channels = set_up()
    if not channels:
        await asyncio.Event().wait()  # a part that ends would end the process
    async with asyncio.TaskGroup() as loops:
        loops.create_task(_keep_looking(look_seconds))
        loops.create_task(_keep_escalating(look_seconds))
        loops.create_task(_keep_asking(look_seconds))
        for channel in channels:
            loops.create_task(_Sender(channel, poll_seconds, lease_seconds).run())


async def _keep_looking(every: float) -> None:
    """Write down what waits again or is stuck, and warn of critical requests that too few ways have told of."""
    looked_at = timezone.now() - TOLD_WITHIN
    while True:
        try:
            await in_thread(partial(lapse_overdue, limit=LAPSED_AT_ONCE))
            await in_thread(partial(note_stuck, limit=STUCK_AT_ONCE))
            until = timezone.now() - TOLD_WITHIN
            for line in await in_thread(partial(thin, opened_after=looked_at, opened_by=until, within=EVERYWHERE)):
                logger.warning(
                    "Critical request %s reached people in %s of %s ways.", line.request_id, line.ways, WAYS_WANTED
                )
            looked_at = until
        except Exception:
            logger.exception("Whether requests are stuck was not looked at; it is tried again.")
        await asyncio.sleep(every)


async def _keep_escalating(every: float) -> None:
    """Tell the next step of the ladder where nobody has decided in time."""
    while True:
        try:
            await in_thread(partial(escalation.move_on, now=timezone.now(), limit=ESCALATED_AT_ONCE))
        except Exception:
            logger.exception("Who is to be told next was not looked at; it is tried again.")
        await asyncio.sleep(every)


async def _keep_asking(every: float) -> None:
    """Ask those who have become able to decide since."""
    latecomers = Latecomers()
    while True:
        try:
            await in_thread(partial(latecomers.look, limit=LATECOMERS_AT_ONCE))
        except Exception:
            logger.exception("Who has become able to decide was not looked at; it is tried again.")
        await asyncio.sleep(every)


class _Sender:
    """The loop of one channel."""

    def __init__(self, channel: Channel, poll_seconds: float, lease_seconds: float) -> None:
        self._channel, self._poll_seconds, self._lease_seconds = channel, poll_seconds, lease_seconds
        self._waking = Waking(LiveKind.NOTIFICATION_DUE)
        self._failures = 0  # in a row, that were the channel's
        self._asked_seconds = 0.0  # for which the other side wants to be left alone

    async def run(self) -> None:
        with ThreadPoolExecutor(1, f"notify-{self._channel.name}") as self._thread:
            listener = asyncio.create_task(self._waking.listen(), name=f"notify-{self._channel.name}-listen")
            try:
                while True:
                    await self._turn()
            finally:
                listener.cancel()
                await asyncio.gather(listener, return_exceptions=True)

    async def _turn(self) -> None:
        self._waking.clear()
        work = asyncio.create_task(self._send_one())
        try:
            was_due = await asyncio.shield(work)
        except asyncio.CancelledError:
            # What has left is written down, or the next notifier would send it again.
            await asyncio.gather(work, return_exceptions=True)
            raise
        if self._failures:
            pause = outbox.pause(self._failures, longest=LONGEST_CHANNEL_PAUSE)
            await asyncio.sleep(max(pause, self._asked_seconds))
        elif not was_due:
            await self._waking.wait(self._poll_seconds)

    async def _send_one(self) -> bool:
        """Send what is most urgent; return whether anything was due."""
        try:
            job = await in_executor(
                self._thread, partial(outbox.claim, channel=self._channel.name, lease_seconds=self._lease_seconds)
            )
            if job is None:
                return False
            answer = await in_executor(self._thread, partial(self._send, job))
            self._failures = self._failures + 1 if answer.is_about_channel else 0
            self._asked_seconds = min(answer.retry_after, outbox.LONGEST_ASKED_PAUSE_SECONDS)
            await in_executor(self._thread, partial(outbox.answered, job=job, answer=answer))
        except Exception:
            # The lease runs out and it is tried again.
            logger.exception("The notifier cannot use the database; notifications wait until it can.")
            return False
        return True

    def _send(self, job: Job) -> Answer:
        try:
            answer = self._channel.send(job)
        except Exception as error:
            logger.exception("Notification %s could not be sent by %s.", job.id, self._channel.name)
            return Answer(Result.TEMPORARY, f"It could not be sent: {type(error).__name__}.", is_about_channel=True)
        if answer.result is not Result.SENT:
            logger.warning("Notification %s was not sent by %s: %s", job.id, self._channel.name, answer.text)
        return answer
