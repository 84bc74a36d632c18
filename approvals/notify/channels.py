"""The ways to reach people. A channel is a line here and a folder with the same four files in each.

``settings.py``: whether it is set up. ``addresses.py``: where it reaches a person. ``wording.py``: a notice in its
form. ``transport.py``: hands that over and tells what the other side answered.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

from accounts.models import Person
from approvals.notify.contracts import Answer, Job, Place


@dataclass(frozen=True, slots=True)
class Channel:
    """One way. ``name`` is stored with every notification, ``label`` is for people; ``package`` holds its files."""

    name: str
    label: str
    package: str
    # Whether it also tells places, which are not people: ``addresses.places_of``.
    has_places: bool = False
    # Whether it changes what it said before, so that who has just decided is told too.
    edits: bool = False
    # Whether its places are programs, which are told of every event in order, needed or not; it reaches no person.
    tells_all: bool = False
    # Whether there are several other sides, so that one may be in trouble alone: then others are still tried.
    fails_apart: bool = False

    @property
    def is_set_up(self) -> bool:
        found: Callable[[], bool] = import_module(f"{self.package}.settings").is_set_up
        return found()

    def address_of(self, person: Person) -> str:
        """Return where this channel reaches ``person``, or nothing."""
        found: Callable[[Person], str] = import_module(f"{self.package}.addresses").address_of
        return found(person)

    def places_of(self, *, namespace: str, policy: str) -> list[Place]:
        """Return the places that are told of requests under ``policy`` (or empty) in ``namespace``."""
        if not self.has_places:
            return []
        found: Callable[[str, str], list[Place]] = import_module(f"{self.package}.addresses").places_of
        return found(namespace, policy)

    def send(self, job: Job) -> Answer:
        """Hand ``job`` over, within a bounded time. Only the notifier calls it."""
        found: Callable[[Job], Answer] = import_module(f"{self.package}.transport").send
        return found(job)


CHANNELS = {
    channel.name: channel
    for channel in (
        Channel("mail", "e-mail", "approvals.notify.mail"),
        Channel("slack", "Slack", "approvals.notify.slack", has_places=True, edits=True),
        Channel("push", "push", "approvals.notify.push", fails_apart=True),
        Channel("webhook", "webhook", "approvals.notify.webhooks", has_places=True, tells_all=True, fails_apart=True),
    )
}  # fmt: skip


def set_up() -> list[Channel]:
    """Return the channels that this installation has."""
    return [channel for channel in CHANNELS.values() if channel.is_set_up]


TELLING_ALL = frozenset(channel.name for channel in CHANNELS.values() if channel.tells_all)


def label_of(name: str) -> str:
    """Return a channel's name for people, of one that is no more too."""
    return CHANNELS[name].label if name in CHANNELS else name
