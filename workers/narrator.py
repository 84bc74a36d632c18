"""Tells in a terminal what happens, as it happens: woken by the live bus, told from the ledger."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TextIO

from django.conf import settings

from accounts.endorsements.queries import live_key
from approvals.live import bus
from approvals.live.events import Event
from audit.access import Everywhere
from audit.ledger.queries import details_of, entries, find_chain, tree
from audit.statements.kinds import EntryKind
from workers.database import in_thread
from workers.narration import Signer, branches, tell

# The command-line approver names its keys like this; every other key was made by a browser.
COMMAND_LINE = "command line"
_SIGNER_FIELDS = {
    EntryKind.APPROVAL_GRANTED: "key",
    EntryKind.APPROVAL_DENIED: "key",
    EntryKind.APPROVAL_RETRACTED: "key",
    EntryKind.KEY_ENROLLED: "key",
    EntryKind.KEY_ENDORSED: "endorser_key",
}


@dataclass(frozen=True)
class Told:
    """An entry that was told. ``label`` is the incident's own id."""

    chain: str
    label: str
    sequence: int
    kind: str
    details: Mapping[str, Any]
    signer: Signer | None


class Narrator:
    """Writes a line to ``output`` for every entry that is appended while it runs."""

    def __init__(self, output: TextIO) -> None:
        self.told: list[Told] = []
        self._output = output
        self.in_colour = output.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
        self._heard: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def run(self, listening: asyncio.Event) -> None:
        """Narrate until cancelled; set ``listening`` when nothing will be missed from then on."""
        async with bus.subscribe() as events:
            listening.set()
            async for event in events:
                await self._hear(event)

    async def until(self, happened: Callable[[Told], bool]) -> Told:
        """Return the first told entry for which ``happened`` is true, waiting for it if need be."""
        async with self._changed:
            while True:
                for told in self.told:
                    if happened(told):
                        return told
                await self._changed.wait()

    def say(self, text: str = "") -> None:
        self._output.write(f"{text}\n")
        self._output.flush()

    async def show_tree(self, chain: str) -> None:
        """Write the receipt chain of an incident, and where to see and verify it.

        A terminal's text is kept and copied: what the agent said is left to the pages.
        """
        incident = await in_thread(tree, chain, within=Everywhere(), content=None)
        self.say()
        self.say(f"Receipts of {incident.card.label}, each signed and chained to the one before:")
        for line in branches(incident):
            self.say(f"  {line}")
        self.say(f"  See them at {settings.SITE_ROOT}/incidents/{chain}/")

    async def _hear(self, event: Event) -> None:
        if not event.sequence:
            return
        after = self._heard.setdefault(event.chain, event.sequence - 1)
        if event.sequence <= after:
            return
        fresh = await in_thread(told_after, event.chain, after, event.sequence)
        self._heard[event.chain] = event.sequence
        for told in fresh:
            line = tell(told.kind, told.details, signer=told.signer, site=settings.SITE_ROOT)
            if line is not None:
                self.say(line.render(in_colour=self.in_colour))
        async with self._changed:
            self.told += fresh
            self._changed.notify_all()


def told_after(chain: str, after: int, upto: int | None = None) -> list[Told]:
    """Return what is to be told of the entries of ``chain`` after number ``after``, ``upto`` one or the last.

    Raises ``SealingError``, ``CustodyError`` or ``MalformedStatement`` if one cannot be read.
    """
    row = find_chain(chain)
    label = row.label
    fresh = []
    for entry in entries(chain, upto=row.size if upto is None else upto).filter(sequence__gt=after):
        details = details_of(entry)
        fresh.append(Told(chain, label, entry.sequence, entry.kind, details, _signer(entry.kind, details)))
    return fresh


def _signer(kind: str, details: Mapping[str, Any]) -> Signer | None:
    if kind not in set(_SIGNER_FIELDS):
        return None
    key = live_key(details[_SIGNER_FIELDS[EntryKind(kind)]])
    if key is None:
        return Signer(str(details["person"]), "????", "revoked since")
    place = COMMAND_LINE if key.name.startswith(COMMAND_LINE) else "browser"
    return Signer(key.person.display_name or str(details["person"]), key.short, place)
