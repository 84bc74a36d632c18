"""A notifier that is killed again and again, in a real process: nothing is lost, and each kill repeats one at most.

A seed names the moments: after so many messages, between the other side's having taken one and its saying so, or
within a twentieth of a second after. ``NOTIFIER_KILLS`` and ``NOTIFIER_SEED`` ask for more (``make chaos`` does).
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from threading import Lock, Timer
from typing import Any

import pytest

from accounts.models import Person
from approvals.decisions.services import record
from approvals.models import Notification
from approvals.models.notification import UNSENT
from approvals.notify.push.services import subscribe
from approvals.requests import services as requests
from audit.keys.push import ensure_push_key
from tests import push_service, same_database, slack, webhook_receiver
from tests.approvals import factories, smtp_server
from tests.approvals.factories import Approver, reachable
from tests.workers.processes import BASE, die_with_tests

SEED = int(os.environ.get("NOTIFIER_SEED", "8"))
KILLS = int(os.environ.get("NOTIFIER_KILLS", "4"))
# Each is told to two people, or programs and rooms, three times.
REQUESTS = max(KILLS, 4)
SECONDS = 60 + 10 * KILLS


@dataclass
class OtherSide:
    """A channel's fake. ``counted``: how often each thing that is to be told once was taken."""

    fake: Any
    settings: dict[str, str]
    counted: Callable[[], Counter[Hashable]]
    reaches: Callable[[Person], object] = lambda person: None


class Killer:
    """Kills the notifier that is running, ``kills`` times, at moments that ``seed`` names."""

    def __init__(self, process: subprocess.Popen[str], *, seed: int, kills: int) -> None:
        self._process, self._random, self.left = process, random.Random(seed), kills
        self._lock, self._until_next = Lock(), 1

    def taken(self) -> None:
        """Take note that a fake has taken something and has not answered yet."""
        with self._lock:
            self._until_next -= 1
            if self._until_next > 0 or not self.left:
                return
            self.left -= 1
            self._until_next = self._random.randrange(1, 5)
            self._kill(self._random.choice([0, self._random.uniform(0, 0.05)]))

    def _kill(self, seconds: float) -> None:
        assert self._process.stdout is not None
        # Each process says which it is, once: the next line is the one that runs now.
        notifier = int(self._process.stdout.readline())
        if seconds:
            Timer(seconds, os.kill, (notifier, signal.SIGKILL)).start()
        else:
            os.kill(notifier, signal.SIGKILL)


@contextmanager
def mail() -> Iterator[OtherSide]:
    with smtp_server.serving() as fake:
        where = {"EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": str(fake.port)}
        yield OtherSide(fake, where, lambda: Counter(one["Message-ID"] for one in list(fake.mails)))


@contextmanager
def webhooks() -> Iterator[OtherSide]:
    with webhook_receiver.serving() as fake:
        where = {"WEBHOOKS": json.dumps([fake.entry()])}
        yield OtherSide(fake, where, lambda: Counter(one.headers["webhook-id"] for one in list(fake.sent)))


@contextmanager
def push() -> Iterator[OtherSide]:
    with push_service.serving() as fake:
        fake.server_key = bytes(ensure_push_key().public_key)

        def counted() -> Counter[Hashable]:
            told = [(one.browser, one.shown) for one in list(fake.taken)]
            return Counter((browser, shown["tag"], shown["title"], shown["body"][-15:]) for browser, shown in told)

        def reaches(person: Person) -> None:
            subscribe(person=person, browser="Phone", **fake.browser(person.username).fields)

        where = {"PUSH_CONTACT": "ops@countersign.example", "PUSH_HOSTS": fake.origin}
        yield OtherSide(fake, where, counted, reaches)


@contextmanager
def in_slack() -> Iterator[OtherSide]:
    with slack.serving() as fake:
        where = {
            "SLACK_BOT_TOKEN": slack.TOKEN,
            "SLACK_SIGNING_SECRET": slack.SECRET,
            "SLACK_TEAM_ID": slack.TEAM,
            "SLACK_API_URL": fake.api,
            "SLACK_CHANNEL": slack.CHANNEL,
        }

        def counted() -> Counter[Hashable]:
            lines = [(one.channel, one.link, line) for one in list(fake.messages) for line in ("", *one.replies)]
            return Counter(lines)

        def reaches(person: Person) -> None:
            fake.people[person.email] = f"U0{person.username.upper()}"

        yield OtherSide(fake, where, counted, reaches)


SIDES = {"mail": mail, "slack": in_slack, "push": push, "webhook": webhooks}


@contextmanager
def killing(sides: list[OtherSide]) -> Iterator[Killer]:
    """Run notifiers that tell ``sides``, and kill them."""
    told = {name: value for side in sides for name, value in side.settings.items()}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.approvals.notifying_process"],
        cwd=BASE,
        env={**same_database.environment(), **told},
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=die_with_tests,
    )
    killer = Killer(process, seed=SEED, kills=KILLS)
    for side in sides:
        side.fake.on_taken = killer.taken
    try:
        yield killer
    finally:
        process.kill()
        process.wait()


def set_up(settings: Any, sides: list[OtherSide]) -> None:
    for side in sides:
        for name, value in side.settings.items():
            kept: Any = {"EMAIL_PORT": int, "PUSH_HOSTS": lambda text: [text]}.get(name, str)(value)
            setattr(settings, name, kept)


def live_through(ada: Approver, grace: Approver) -> list[str]:
    """Ask for both, let Ada approve, and withdraw; return the requests. Everybody hears all of it."""
    made = [factories.open_request(ada, grace, min_approvals=2) for _ in range(REQUESTS)]
    settled("opened")
    for one in made:
        record(person=ada.person, request_id=one.pk, approval=ada.sign_approval(one))
    settled("progress")
    for one in made:
        requests.withdraw(request_id=one.pk, reason="Done.")
    settled("withdrawn")
    return [one.pk for one in made]


def settled(event: str) -> None:
    smtp_server.wait(lambda: not Notification.objects.filter(state__in=UNSENT).exists(), seconds=SECONDS)
    states = set(Notification.objects.filter(event=event).values_list("state", flat=True))
    assert states == {"sent"}, event


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(120 + 20 * KILLS)
@pytest.mark.parametrize("names", [["mail"], ["slack"], ["push"], ["webhook"], list(SIDES)], ids=",".join)
def test_a_killed_notifier_loses_nothing_and_repeats_one_message_per_kill_at_most(
    settings: Any, names: list[str]
) -> None:
    ada, grace = reachable(factories.approver("ada")), reachable(factories.approver("grace"))
    with ExitStack() as running:
        sides = {name: running.enter_context(SIDES[name]()) for name in names}
        set_up(settings, list(sides.values()))
        for side in sides.values():
            side.reaches(ada.person)
            side.reaches(grace.person)
        with killing(list(sides.values())) as killer:
            asked = live_through(ada, grace)
        assert killer.left == 0
        counted = {name: side.counted() for name, side in sides.items()}
        for name, side in sides.items():
            assert len(counted[name]) == Notification.objects.filter(channel=name).count(), name
            repeated = sum(counted[name].values()) - len(counted[name])
            assert repeated <= KILLS, f"{name}: {repeated}"
            if name == "slack":
                slack_says_how_it_ended(side.fake, asked)


def slack_says_how_it_ended(workspace: slack.FakeSlack, asked: list[str]) -> None:
    """Of two first messages, of which the older is known to nobody, the newer is changed."""
    newest = {(one.channel, one.link): one for one in workspace.messages}
    assert len(newest) == 3 * len(asked)
    for message in newest.values():
        assert message.shown.startswith("Withdrawn: the workflow no longer asks")
        assert message.replies[-1].startswith("It is over: the workflow no longer asks")
